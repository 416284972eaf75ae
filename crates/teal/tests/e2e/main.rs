//! The product as its users meet it: the real binary, real sockets, port 0, one file per scenario.
//! Every scenario checks at its end that the books balance (L8).

mod access_log;
mod admin_auth;
mod admin_tls;
mod article;
mod attacks;
mod bad_input;
mod both_down;
mod command_line;
mod concurrent_switches;
mod damaged_journal;
mod deadlines;
mod demo;
mod drain_deadline;
mod drill;
mod drill_any_proxy;
mod exhaustion;
mod failover;
mod first_start;
mod forwarding;
mod graceful_stop;
mod grpc;
mod hold_and_resume;
mod hostile_clients;
mod http2;
mod http2_targets;
mod idle_closing_targets;
mod kill_nine;
mod many_services;
mod observing;
mod operating;
mod proxies_in_front;
mod reload;
mod restart_keeps_color;
mod retries;
mod rollback;
mod routing;
mod second_teal;
mod secure_targets;
mod service_manager;
mod slow_http_test;
mod stage;
mod status_page;
mod streams_across_switch;
mod streams_close;
mod strip_prefix;
mod switch_during_drain;
mod switch_under_load;
mod terminal;
mod tls;
mod tracing;
mod unix_sockets;
mod upgrade;
mod upgrade_that_fails;

/// The program under test.
const TEAL: &str = env!("CARGO_BIN_EXE_teal");

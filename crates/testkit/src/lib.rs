//! The basis of the tests: scriptable targets, a recording client, a real Teal process and a strict
//! load, all over loopback sockets on port 0.
//!
//! Everything that it reports was really seen on a socket: targets record every byte they received, the
//! client rejects any answer that is not framed exactly, the load counts everything but complete and
//! correct answers as lost. It shares no code with the product's engine, so that one mistake cannot hide on
//! both sides: its reader of HTTP/1.1 and its load client are the drill's. Each wait has a deadline and
//! names the condition it waits for.
//!
//! Failed expectations panic: this crate is for tests only.

#![forbid(unsafe_code)]
#![expect(clippy::format_push_string, reason = "tests: plain words over one allocation")]

mod client;
mod docker;
mod exe;
mod grpc;
pub mod http2;
mod load;
mod message;
mod pebble;
mod pki;
mod places;
mod port;
mod prometheus;
mod secure;
mod silent;
mod socket;
pub mod systemd;
mod target;
mod teal;
mod terminal;
mod wait;
mod wire;

pub use client::{Client, Ending, websocket};
pub use docker::DockerEngine;
pub use drill::message::{Fields, Framing};
pub use exe::{CliResult, run};
pub use grpc::GrpcTarget;
pub use load::{Load, LoadOptions, LoadReport, Page};
pub use message::{Request, Response};
pub use pebble::{Pebble, PebbleOptions, PebblePlace};
pub use pki::{Pair, Pki, TlsStream, Trust};
pub use places::{Place, Places};
pub use port::{free_address, free_port};
pub use prometheus::Prometheus;
pub use rustls;
pub use secure::SecureTarget;
pub use silent::Silent;
pub use socket::TargetSocket;
pub use target::{Behavior, Gate, Health, Seen, Step, Target, checksum};
pub use teal::{Metrics, Settings, Teal, signal_process};
pub use terminal::{OnTerminal, pseudo_terminal};
pub use tokio_tungstenite::tungstenite;
pub use wait::{wait_for, wait_for_ok, wait_until};
pub use wire::WireError;

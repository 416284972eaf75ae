//! One process id from start to stop: the small parent of the Teals that serve.
//!
//! `teal run` is started by a service manager, a container runtime, an init or a shell. That process
//! becomes the parent ([`run`]). It starts the same program again as the serving Teal, and stays.
//!
//! Guaranteed: its process id never changes, whatever is upgraded or crashes. It holds every
//! listening socket that a serving Teal has bound, so that a crash refuses nobody: who connects
//! meanwhile waits in the queue of the socket. A serving Teal that dies is started again at once, and
//! with a growing delay if it keeps dying; after [`revival`]'s bound the parent ends with its status.
//! A start that fails before anything was ready ends at once with that exit code. The parent passes
//! signals on, reaps whatever ends (as process 1 also orphans), speaks `sd_notify(3)`, and ends when
//! the last of its Teals has, with the exit code of the one that served. If the parent itself dies,
//! every Teal sees the end of its [`Link`] and stops gracefully.
//!
//! Never here: configuration, TLS, the admin API, requests, threads, a runtime. What it keeps it
//! does not understand: descriptors with a label.
//!
//! ```text
//! service manager ── SIGTERM, SIGHUP … ──► parent ── orders over a socket pair ──► serving Teal
//!                 ◄── READY, STOPPING ────        ◄── words, descriptors ─────────     │ hand-over
//!                                                 ── starts ──► the next one ◄─────────┘
//! ```

mod activation;
mod chain;
mod child;
mod family;
mod kept;
mod link;
mod log;
mod notify;
mod program;
mod resume;
mod revival;
mod run;
mod signals;
mod system;
mod watchdog;
mod wire;

pub use kept::Kept;
pub use link::{Begin, Link, Order, is_child};
pub use log::is_journal;
pub use run::run;
pub use signals::take_stop_signals;

/// The environment variable by which a process knows that a parent has started it ([`SERVE`]), or
/// that it goes on as the parent that a newer program replaces ([`RESUME`]).
const ROLE: &str = "TEAL_PROCESS";
const SERVE: &str = "serving";
const RESUME: &str = "parent";

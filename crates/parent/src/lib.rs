//! One process id from start to stop: the small parent of the serving Teals.
//!
//! `teal run` is started by a service manager, a container runtime, an init or a shell. That process
//! becomes the parent ([`run`]). It starts the same program again as the serving Teal, and stays.
//!
//! Guaranteed: its process id never changes, whatever is upgraded or crashes. It holds every
//! listening socket that a serving Teal has bound, so that a crash refuses no connection: clients that
//! connect meanwhile wait in the socket's queue. A serving Teal that dies is restarted at once, and
//! with a growing delay if it keeps dying; after [`revival`]'s bound the parent ends with its status.
//! A start that fails before anything was ready ends at once with that exit code. The parent passes
//! signals on, reaps children (as process 1 also orphans), speaks `sd_notify(3)`, and ends when
//! the last of its Teals has, with the exit code of the one that served. If the parent itself dies,
//! every Teal sees the end of its [`ControlSocket`] and stops gracefully.
//!
//! It has no configuration, TLS, admin API, requests, threads or runtime. The descriptors and labels that
//! it keeps are opaque to it.
//!
//! ```text
//! service manager ── SIGTERM, SIGHUP … ──► parent ── commands over a socket pair ──► serving Teal
//!                 ◄── READY, STOPPING ────        ◄── words, descriptors ─────────     │ hand-over
//!                                                 ── starts ──► the next one ◄─────────┘
//! ```

mod activation;
mod chain;
mod child;
mod control_socket;
mod descriptors;
mod log;
mod notify;
mod program;
mod resume;
mod revival;
mod run;
mod signals;
mod supervisor;
mod system;
mod watchdog;
mod wire;

pub use control_socket::{ControlSocket, ParentCommand, StartMode, is_child};
pub use descriptors::KeptDescriptors;
pub use log::is_journal;
pub use run::run;
pub use signals::take_stop_signals;

/// The environment variable that tells a process that a parent has started it ([`SERVE`]), or that it
/// continues as the parent under a newer program ([`RESUME`]).
const ROLE: &str = "TEAL_PROCESS";
const SERVE: &str = "serving";
const RESUME: &str = "parent";

//! From the configuration file to its meaning, with every problem and its position.
//!
//! A file goes through four steps: read (`file`), its shape held against the schema
//! (`walk`), its text made into values (`check`), and two meanings compared for a
//! reload (`reload`). Every step reports all that it finds, so one run shows a person
//! everything there is to fix.
//!
//! Guaranteed: no input panics; a [`Config`] that exists is complete and consistent;
//! no message repeats a token or its hash.
//!
//! Never here: opening sockets, creating directories, resolving names, reading the
//! environment behind the caller's back.

#![forbid(unsafe_code)]

mod acme;
mod check;
mod config;
mod file;
mod flags;
mod key;
mod place;
mod problem;
mod raw;
mod reload;
mod schema;
mod unit;
mod walk;

pub use acme::{Acme, Challenge, ExternalAccount};
pub use config::{
    ADMIN_SOCKET, AccessLog, Admin, Certificate, ClientAuth, Config, Environment, Listener,
    Redirect, Tls, Upgrade,
};
pub use file::{load, load_with_places, parse};
pub use flags::{Flags, from_flags};
pub use place::Places;
pub use problem::{Problem, Problems};
pub use reload::{Changes, Immovable, ServiceChange, TargetChange, diff};
pub use schema::schema;

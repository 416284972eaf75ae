//! Reads the configuration file and reports every problem with its position.
//!
//! A file goes through four steps: it is read (`file`), checked against the schema
//! (`walk`), turned into values (`check`), and compared with the old configuration at a
//! reload (`reload`). Every step reports all the problems that it finds, so one run shows
//! everything there is to fix.
//!
//! Guaranteed: no input panics; a [`Config`] that exists is complete and consistent;
//! no message repeats a token or its hash, the secret of a notification or the path of its URL.
//!
//! Never here: opening sockets, creating directories, resolving names, reading the
//! environment on its own.

#![forbid(unsafe_code)]

mod acme;
mod check;
mod config;
mod deploy;
mod file;
mod flags;
mod freeze;
mod key;
mod notify;
mod position;
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
pub use deploy::{Container, Deploy, Expect, Keep, Outside, Pull, Runner, Smoke};
pub use file::{load, load_with_places, parse};
pub use flags::{Flags, from_flags};
pub use freeze::Freeze;
pub use notify::{
    Notify, NotifyFormat, NotifyUrl, SECRET_PREFIX, SecretSource, SigningSecret, signing_secrets,
};
pub use position::KeyPositions;
pub use problem::{Problem, Problems};
pub use reload::immovable;
pub use schema::schema;

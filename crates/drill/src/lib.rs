//! The drill: load that is strict about every byte, a demo target that records every
//! request, and a ledger that joins the two and shows what was lost.
//!
//! Read it in this order:
//!
//! 1. [`target`]: the demo target; writes each request down before it answers.
//! 2. [`message`] and [`load`]: the strict reader of HTTP/1.1, and the client, which sends numbered requests,
//!    never twice, and checks every answer to its last byte.
//! 3. [`ledger`]: joins what was sent with what was seen, and gives the verdict.
//! 4. [`admin`]: asks a running Teal to switch, and returns its answer.
//! 5. [`demo`]: sets up all of it and plays the script of `teal demo`.
//! 6. [`soak`]: plays a seeded schedule of switches and faults on the same setup.
//! 7. [`trial`]: switches any proxy by the user's commands, and reports what it lost.
//!
//! It imports none of Teal's crates, so that a bug in Teal's own HTTP engine
//! cannot hide here, too. It never retries, never takes an incomplete answer for a
//! complete one, and never counts in Teal's favor.

#![forbid(unsafe_code)]

pub mod admin;
pub mod demo;
pub mod ledger;
pub mod load;
pub mod message;
pub mod soak;
pub mod target;
pub mod trial;

mod endpoint;
mod kind;
mod payload;
mod protocol;

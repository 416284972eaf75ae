//! The contract of the admin API: what its clients see. The API, the command line, the console and whatever
//! else asks a Teal share it.
//!
//! The JSON documents (`wire`), the plain text of each (`text`), durations as people write them, and the units
//! of numbers. **Never here:** a web framework, a decision, anything that is not seen by a client.

#![forbid(unsafe_code)]

pub mod duration;
pub mod text;
pub mod unit;
pub mod wire;

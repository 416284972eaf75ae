//! The contract of the admin API: what its clients see. Shared by the API, the command line, the console and
//! any other client of a Teal.
//!
//! The JSON documents (`wire`), the plain text of each (`text`), the codes of problems ([`Code`]), durations as
//! people write them, and the units of numbers. **Never here:** a web framework, a decision, anything that a client does not see.

#![forbid(unsafe_code)]

mod code;
pub mod duration;
pub mod text;
pub mod unit;
pub mod wire;

pub use code::Code;

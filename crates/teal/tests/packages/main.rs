//! The packages of Teal, made from the program under test: what is in them, and what the Debian package does on a
//! machine with a real systemd.

mod contents;
mod lifecycle;
mod machine;
mod made;
mod newcomer;
mod refusals;

/// The program under test.
const TEAL: &str = env!("CARGO_BIN_EXE_teal");

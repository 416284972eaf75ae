//! The journal on a disk that fails, tears, forgets and lies. Each test prints the seed and the
//! step at which it failed; everything follows from the two.

#![expect(clippy::panic, reason = "what the tests share fails by panicking, as the tests do")]
#![expect(clippy::print_stderr, reason = "a failing seed has to be seen")]

#[path = "../support/fault_storage/mod.rs"]
mod fault_storage;

mod adoption;
mod any_damage;
mod crash;
mod damage;
mod disk_full;
mod failing_operation;
mod format;
mod found_files;
mod model;
mod together;

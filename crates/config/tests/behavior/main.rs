//! The meaning of a configuration and the messages about a faulty one, by scenario.

mod any_input;
mod bad_files;
mod bad_values;
mod deploys;
mod flags;
mod good_files;
mod groups;
mod notify;
mod previews;
mod reload;
mod spoiled;
mod tls;

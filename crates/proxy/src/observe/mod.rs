//! Closing the books of a request, and saying what went wrong with a target.

pub(crate) mod access;
mod end;
pub(crate) mod log;

pub(crate) use end::RequestEnd;

//! Telling of a request that has ended, and saying what went wrong with a target.

pub(crate) mod access;
pub(crate) mod log;
mod story;
pub(crate) mod trace;

use access::AccessLog;
use trace::Tracer;

pub(crate) use story::Story;

/// Who hears of each request when it has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listening {
    pub(crate) access: Option<AccessLog>,
    pub(crate) tracer: Option<Tracer>,
}

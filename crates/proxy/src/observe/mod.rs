//! Telling of a request, when it has ended or step by step, and saying what went wrong with a target.

pub(crate) mod access;
pub(crate) mod follow;
pub(crate) mod log;
mod story;
pub(crate) mod trace;

use access::AccessLog;
use follow::Followers;
use trace::Tracer;

pub(crate) use story::Story;

/// Who hears of each request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listening {
    pub(crate) access: Option<AccessLog>,
    pub(crate) tracer: Option<Tracer>,
    pub(crate) followers: Followers,
}

//! Reporting a request, at its end or step by step, and logging failures of targets.

pub(crate) mod access;
pub(crate) mod follow;
pub(crate) mod log;
mod record;
pub(crate) mod trace;

use access::AccessLog;
use follow::Followers;
use trace::Tracer;

pub(crate) use record::AccessRecord;

/// The reporters of finished requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listening {
    pub(crate) access: Option<AccessLog>,
    pub(crate) tracer: Option<Tracer>,
    pub(crate) followers: Followers,
}

//! `teal deploys`.

use contract::{text, wire};

use super::query;
use crate::Outcome;
use crate::cli::DeploysArgs;

/// Lists the deploys, newest first, or shows one in full.
pub(crate) fn deploys(args: &DeploysArgs) -> Outcome {
    if let Some(id) = args.id {
        let path = format!("/admin/deploys/{id}");
        return super::read(&args.reach, &path, |deploy: &wire::Deploy| text::deploy(deploy));
    }
    let path = query("/admin/deploys", &[("service", args.service.as_deref())]);
    super::read(&args.reach, &path, |deploys: &wire::Deploys| text::deploys(deploys))
}

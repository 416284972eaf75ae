//! `teal preview`.

use contract::{text, wire};

use super::reach::{Intent, Teal};
use super::{block_on, print, query};
use crate::Outcome;
use crate::cli::PreviewArgs;
use crate::exit::Exit;

/// Makes a preview, or revokes those that were made.
pub(crate) fn preview(args: &PreviewArgs) -> Outcome {
    if args.revoke {
        return revoke(args);
    }
    let valid = args.valid.as_ref().map(|valid| valid.text.as_str());
    let path = query("/admin/previews", &[("service", args.service.as_deref()), ("for", valid)]);
    let answer =
        block_on(async { Teal::find(&args.reach, Intent::Change).await?.post(&path).await })??;
    print(&args.reach, &answer, |preview: &wire::Preview| text::preview(preview))?;
    Ok(Exit::Done)
}

fn revoke(args: &PreviewArgs) -> Outcome {
    let path = query("/admin/previews", &[("service", args.service.as_deref())]);
    let answer =
        block_on(async { Teal::find(&args.reach, Intent::Change).await?.delete(&path).await })??;
    print(&args.reach, &answer, |revoked: &wire::PreviewsRevoked| text::previews_revoked(revoked))?;
    Ok(Exit::Done)
}

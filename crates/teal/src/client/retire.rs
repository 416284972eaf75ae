//! `teal retire`.

use contract::{text, wire};

use super::hold::said;
use super::reach::{Intent, Teal};
use super::{block_on, print, query};
use crate::Outcome;
use crate::cli::RetireArgs;
use crate::exit::Exit;

/// Retires a color.
pub(crate) fn retire(args: &RetireArgs) -> Outcome {
    let parameters = [
        ("color", Some(args.color.as_str())),
        ("service", args.service.as_deref()),
        ("dry_run", args.dry_run.then_some("true")),
    ];
    let path = query("/admin/retire", &parameters);
    let answer = block_on(async {
        Teal::find(&args.reach, Intent::Change).await?.post_at(&path, args.if_generation).await
    })??;
    if args.dry_run {
        return said(&args.reach, &answer);
    }
    print(&args.reach, &answer, |retired: &wire::Retired| text::retired(retired))?;
    Ok(Exit::Done)
}

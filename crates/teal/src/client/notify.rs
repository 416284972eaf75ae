//! `teal notify` and `teal notify test`.

use contract::{text, wire};

use super::reach::{Intent, Teal};
use super::{block_on, print};
use crate::Outcome;
use crate::cli::{NotifyArgs, NotifyTestArgs, NotifyVerb};
use crate::exit::{Exit, Failure};

/// Shows the endpoints of notifications, or tests one.
pub(crate) fn notify(args: &NotifyArgs) -> Outcome {
    match &args.verb {
        Some(NotifyVerb::Test(args)) => test(args),
        None => super::read(&args.reach, "/admin/notify", |endpoints: &wire::NotifyEndpoints| {
            text::notify_endpoints(endpoints)
        }),
    }
}

fn test(args: &NotifyTestArgs) -> Outcome {
    let name = &args.name;
    // A name of the configuration has none of these, and nothing else may become another path.
    if name.is_empty() || name.contains(|c: char| !c.is_ascii_graphic() || "/?#%".contains(c)) {
        return Err(Failure::usage(format!(
            "{name:?} is not the name of an endpoint; see: teal notify"
        )));
    }
    let path = format!("/admin/notify/{name}/test");
    let answer =
        block_on(async { Teal::find(&args.reach, Intent::Change).await?.post(&path).await })??;
    let test = print(&args.reach, &answer, |test: &wire::NotifyTest| text::notify_test(test))?;
    Ok(if test.delivered { Exit::Done } else { Exit::Failed })
}

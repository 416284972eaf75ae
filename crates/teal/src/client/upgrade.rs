//! `teal upgrade`.

use contract::{text, wire};
use hyper::Method;

use super::progress::{Watch, watched};
use super::reach::{Intent, Teal};
use super::{block_on, print};
use crate::Outcome;
use crate::cli::UpgradeArgs;
use crate::exit::Exit;

/// Upgrades the running Teal to a newer one.
pub(crate) fn upgrade(args: &UpgradeArgs) -> Outcome {
    let answer = block_on(async {
        let teal = Teal::find(&args.reach, Intent::Change).await?;
        // Drains in progress end first.
        let watch = Watch { verb: "upgrade", all: true, ..Watch::default() };
        let asking = teal.ask(Method::POST, "/admin/upgrade", None);
        Box::pin(watched(&teal, &watch, args.reach.json, asking)).await
    })??;
    print(&args.reach, &answer, |upgraded: &wire::Upgraded| text::upgrade(upgraded))?;
    Ok(Exit::Done)
}

//! `teal reload`.

use contract::{text, wire};
use hyper::Method;

use super::progress::{Watch, watched};
use super::reach::{Intent, Teal};
use super::{block_on, print};
use crate::Outcome;
use crate::cli::ReloadArgs;
use crate::exit::Exit;

/// Reloads the configuration.
pub(crate) fn reload(args: &ReloadArgs) -> Outcome {
    let answer = block_on(async {
        let teal = Teal::find(&args.reach, Intent::Change).await?;
        // New targets of an active color are probed first, which takes time.
        let watch = Watch { verb: "reload", all: true, ..Watch::default() };
        let asking = teal.ask(Method::POST, "/admin/reload", None);
        Box::pin(watched(&teal, &watch, args.reach.json, asking)).await
    })??;
    print(&args.reach, &answer, |reloaded: &wire::Reloaded| text::reload(reloaded))?;
    Ok(Exit::Done)
}

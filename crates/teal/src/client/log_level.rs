//! `teal log-level`.

use contract::{text, wire};

use super::reach::{Intent, Teal};
use super::{block_on, print, query};
use crate::Outcome;
use crate::cli::LogLevelArgs;
use crate::exit::Exit;

/// Shows or changes the log level.
pub(crate) fn log_level(args: &LogLevelArgs) -> Outcome {
    let level = args.level.as_ref().map(ToString::to_string);
    let answer = block_on(async {
        let intent = if level.is_some() { Intent::Change } else { Intent::Read };
        let teal = Teal::find(&args.reach, intent).await?;
        let path = "/admin/log-level";
        match level {
            None => teal.get(path).await,
            Some(level) => teal.put(&query(path, &[("level", Some(&level))])).await,
        }
    })??;
    print(&args.reach, &answer, |level: &wire::LogLevel| text::log_level(level))?;
    Ok(Exit::Done)
}

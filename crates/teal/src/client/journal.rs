//! `teal journal dump`: the contents of the journal, for people who look for a fault.

use serde::Serialize;
use serde_json::Value;

use crate::Outcome;
use crate::cli::JournalDumpArgs;
use crate::environment::state_environment;
use crate::exit::{Exit, Failure};
use crate::show;

/// One record, on a line of its own.
#[derive(Serialize)]
struct JournalLine {
    end: u64,
    durable: bool,
    generation: u64,
    decision: bool,
    /// Its content; its bytes if that is not JSON.
    record: Value,
}

/// Prints all records.
pub(crate) fn dump(args: &JournalDumpArgs) -> Outcome {
    let directory = args.state_dir.clone().or_else(|| state_environment().state_dir());
    let directory = directory.ok_or_else(|| {
        Failure::usage("no state directory is known; use --state-dir DIR".to_owned())
    })?;
    let journal = journal::inspect(&directory).map_err(|error| {
        Failure::failed(format!("{error}; use --state-dir DIR if Teal keeps its state elsewhere"))
    })?;
    let durable = *journal.durable.as_ref().unwrap_or(&0);
    for append in &journal.appends {
        for entry in &append.entries {
            let said = serde_json::from_slice(&entry.payload);
            show::line(&JournalLine {
                end: append.end,
                durable: append.end <= durable,
                generation: entry.generation,
                decision: entry.decision,
                record: said.unwrap_or_else(|_| entry.payload.clone().into()),
            })?;
        }
    }
    if let Err(reason) = &journal.durable {
        show::warning(&format!("cannot tell how far the journal is durable: head: {reason}"));
    }
    if let Some((offset, reason)) = journal.stop {
        let path = journal.path.display();
        show::warning(&format!("{path}: there is no complete record at byte {offset}: {reason}"));
    }
    Ok(Exit::Done)
}

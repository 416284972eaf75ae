//! Judging the content of the state directory. It reads and decides; it changes nothing.
//!
//! The table in the crate's documentation describes this file. It never skips a damaged record,
//! prefers one of two contradicting files, or takes missing files for a first start.

use crate::field::{Unreadable, VERSION};
use crate::head::{self, ActiveSlot, Head};
use crate::header::{HEADER, Header};
use crate::name::{HEAD, JOURNAL, JOURNAL_NEW};
use crate::record::Chain;
use crate::scan::{self, Batch, Scan, Stop, generation_of};

/// The files found under the names of the journal; `None` if there is no such file.
#[derive(Debug, Default)]
pub(super) struct JournalFiles {
    pub(super) journal: Option<Vec<u8>>,
    pub(super) head: Option<Vec<u8>>,
    /// The file left by an interrupted rotation.
    pub(super) journal_new: Option<Vec<u8>>,
    /// The name of a journal that an adoption has renamed.
    pub(super) aside: Option<String>,
}

/// The verdict on the files found.
#[derive(Debug)]
pub(super) enum Recovery {
    /// There is no state, and there never was any.
    Fresh,
    /// The state is intact.
    Intact(Intact),
    /// A durable part is damaged or missing.
    Damaged(Damage),
    /// The named file is of another version.
    UnknownVersion(&'static str, u32),
}

/// A state that can be trusted.
#[derive(Debug)]
pub(super) struct Intact {
    pub(super) file: u64,
    pub(super) file_highest: u64,
    pub(super) snapshot_end: u64,
    pub(super) generation: u64,
    pub(super) batches: Vec<Batch>,
    /// The offset of the next record.
    pub(super) end: u64,
    pub(super) chain: Chain,
    pub(super) active_slot: ActiveSlot,
    /// True if the names of the files are known to be durable, so that they may be written to.
    pub(super) settled: bool,
    pub(super) dropped: Option<Dropped>,
}

/// The bytes after the end of an intact journal.
#[derive(Debug)]
pub(super) struct Dropped {
    pub(super) bytes: u64,
    pub(super) generation: Option<u64>,
    pub(super) reason: &'static str,
}

/// A state that must not be used unless a person adopts its good part.
#[derive(Debug)]
pub(super) struct Damage {
    /// The file that is damaged or missing.
    pub(super) name: &'static str,
    pub(super) offset: u64,
    pub(super) reason: String,
    pub(super) good: Option<GoodPrefix>,
    pub(super) file_highest: u64,
}

/// The longest intact part of a damaged journal, from its start, that ends with a decision.
#[derive(Debug)]
pub(super) struct GoodPrefix {
    pub(super) generation: u64,
    pub(super) batches: Vec<Batch>,
    pub(super) snapshot_end: u64,
    pub(super) end: u64,
}

/// Judges the files found.
pub(super) fn examine(found: &JournalFiles) -> Recovery {
    let header = found.journal.as_deref().map(Header::decode);
    let head = found.head.as_deref().map(head::read);
    if let Some(Err(Unreadable::Version(version))) = header {
        return Recovery::UnknownVersion(JOURNAL, version);
    }
    if let Some(Err(Unreadable::Version(version))) = head {
        return Recovery::UnknownVersion(HEAD, version);
    }
    let Some((journal, header)) = found.journal.as_deref().zip(header) else {
        return without_journal(found);
    };
    match (header, head) {
        (Err(reason), head) => header_damaged(journal, reason, head.and_then(Result::ok)),
        (Ok(header), None) => without_head(journal, header),
        (Ok(header), Some(Err(reason))) => Recovery::Damaged(Damage {
            name: HEAD,
            offset: 0,
            reason: reason.to_string(),
            good: good(journal, header.file, header.snapshot),
            file_highest: header.file,
        }),
        (Ok(header), Some(Ok(head))) => both(journal, header, &head),
    }
}

fn without_journal(found: &JournalFiles) -> Recovery {
    let reason = if found.head.is_some() {
        format!("it is missing, though `{HEAD}` is there")
    } else if let Some(aside) = &found.aside {
        format!("it is missing, though `{aside}` is there")
    } else if found.journal_new.as_deref().is_some_and(holds_records) {
        format!("it is missing, though `{JOURNAL_NEW}` is there and not empty")
    } else {
        return Recovery::Fresh;
    };
    Recovery::Damaged(Damage { name: JOURNAL, offset: 0, reason, good: None, file_highest: 0 })
}

/// The first start creates an empty journal before the head; nothing else leaves a journal alone.
fn without_head(journal: &[u8], header: Header) -> Recovery {
    if header.file == FIRST && !holds_records(journal) {
        return Recovery::Fresh;
    }
    Recovery::Damaged(Damage {
        name: HEAD,
        offset: 0,
        reason: format!("it is missing, though `{JOURNAL}` holds records"),
        good: good(journal, header.file, header.snapshot),
        file_highest: header.file,
    })
}

fn header_damaged(journal: &[u8], reason: Unreadable, head: Option<Head>) -> Recovery {
    let content = head.as_ref().map(|head| head.content);
    Recovery::Damaged(Damage {
        name: JOURNAL,
        offset: 0,
        reason: reason.to_string(),
        good: content.and_then(|content| {
            // A decision after the mark was never acknowledged: it cannot be adopted.
            let durable = journal.get(..content.end as usize)?;
            good(durable, content.file, HEADER as u64)
        }),
        file_highest: head.map_or(0, |head| head.file_highest),
    })
}

fn both(journal: &[u8], header: Header, head: &Head) -> Recovery {
    let file_highest = header.file.max(head.file_highest);
    let same_file = head.content.file == header.file;
    let damaged = |name, offset, reason: &str| {
        let good = good(journal, header.file, header.snapshot);
        let reason = reason.to_owned();
        Recovery::Damaged(Damage { name, offset, reason, good, file_highest })
    };
    if head.content.file > header.file {
        return damaged(JOURNAL, 0, "it is older than the file that `head` describes");
    }
    let Scan { mut batches, stop } = scan::scan(journal, header.file);
    let durable = if same_file { head.content.end.max(header.base) } else { header.base };
    let count = batches.iter().take_while(|batch| batch.end <= durable).count();
    let (end, _) = end_of(&batches[..count], header.file);
    if end != durable {
        let Stop { offset, reason } = stop.unwrap_or(CUT_SHORT);
        return damaged(JOURNAL, offset.min(journal.len() as u64), reason);
    }
    let decided = generation_of(batches[..count].iter().flat_map(|batch| &batch.entries));
    if same_file && decided != head.content.generation {
        return damaged(HEAD, 0, "it does not match the journal that it describes");
    }

    if !same_file && scan::bytes_behind(journal, durable) > 0 {
        return damaged(JOURNAL, durable, "an interrupted rotation cannot have left these bytes");
    }
    let mut in_doubt = same_file && !head.other_readable;
    let kept = count + batches[count..].iter().take_while(|b| keeps(b, &mut in_doubt)).count();
    if batches.len() > kept + 1 {
        return damaged(HEAD, 0, "the journal holds more decisions than it describes");
    }
    if in_doubt && stop.is_some() {
        return damaged(
            HEAD,
            0,
            "one slot is unreadable, and so are the bytes that it may have described",
        );
    }
    let behind = batches.split_off(kept);
    let (end, chain) = end_of(&batches, header.file);
    Recovery::Intact(Intact {
        file: header.file,
        file_highest,
        snapshot_end: header.snapshot,
        generation: generation_of(batches.iter().flat_map(|batch| &batch.entries)),
        dropped: dropped(scan::bytes_behind(journal, end), &behind, stop),
        batches,
        end,
        chain,
        active_slot: head.active_slot,
        settled: same_file && head.active_slot.is_settled(),
    })
}

/// Returns true if this append, after the durable end, is kept. Notes are kept. A decision there was
/// never acknowledged, and is not kept.
///
/// But if a slot of the head is unreadable, it is in doubt whether the other one is the newest.
/// Then the first decision is kept: either it was durable, and the slot recorded that; or the crash came
/// while the slot was being written, and keeping it is as correct as dropping it.
fn keeps(batch: &Batch, in_doubt: &mut bool) -> bool {
    !batch.has_decision() || std::mem::take(in_doubt)
}

fn dropped(bytes: u64, behind: &[Batch], stop: Option<Stop>) -> Option<Dropped> {
    let generation = behind.first().map(|batch| generation_of(&batch.entries));
    let reason = match (generation, stop) {
        (Some(_), _) => "a decision that was never acknowledged",
        (None, Some(stop)) => stop.reason,
        (None, None) => return None,
    };
    Some(Dropped { bytes, generation, reason })
}

fn good(journal: &[u8], file: u64, snapshot_end: u64) -> Option<GoodPrefix> {
    let mut batches = scan::scan(journal, file).batches;
    let decided = batches.iter().rposition(Batch::has_decision)?;
    batches.truncate(decided + 1);
    let (end, _) = end_of(&batches, file);
    let generation = generation_of(batches.iter().flat_map(|batch| &batch.entries));
    Some(GoodPrefix { generation, batches, snapshot_end, end })
}

fn end_of(batches: &[Batch], file: u64) -> (u64, Chain) {
    batches.last().map_or((HEADER as u64, Chain::of_file(file)), |batch| (batch.end, batch.chain))
}

fn holds_records(journal: &[u8]) -> bool {
    scan::bytes_behind(journal, HEADER as u64) > 0
}

/// The number of the journal file that a first start creates.
pub(super) const FIRST: u64 = 1;

const CUT_SHORT: Stop = Stop { offset: u64::MAX, reason: "it is truncated" };

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(found) => write!(f, "it has version {found}, not {VERSION}"),
            Self::Damaged(reason) => f.write_str(reason),
        }
    }
}

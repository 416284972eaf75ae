//! The expected contents of the journal, kept beside a real one, and the check of a disk against them.

use journal::{AppendError, Entry, Health, Journal, OpenError, Opened};

use crate::fault_storage::{Disk, Random};

/// The entries of one append; a snapshot counts as one.
pub(crate) type Append = Vec<Entry>;

/// A journal, the disk it is on, and what it must hold.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) disk: Disk,
    journal: Option<Journal>,
    /// Every append that succeeded.
    current: Vec<Append>,
    /// The contents that the disk may hold instead, because an attempt at it failed and nothing has since
    /// succeeded.
    instead: Vec<Vec<Append>>,
}

/// One thing that a caller does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Append(Append),
    Compact(Append),
    Reopen,
}

// === impl Run ===

impl Run {
    /// A first start. The disk must work.
    pub(crate) fn start(disk: Disk) -> Self {
        let Ok(Opened::Fresh(journal)) = Journal::open(disk.storage(), None) else {
            panic!("an empty directory is a first start");
        };
        Self { disk, journal: Some(journal), current: Vec::new(), instead: Vec::new() }
    }

    /// Takes the step, checks the disk as it was after each of its operations by `check`, and the
    /// journal's answer.
    pub(crate) fn take(&mut self, step: &Step, check: &mut dyn FnMut(&Disk, &[&[Append]])) {
        self.disk.record();
        let next = self.after(step);
        let done = match step {
            Step::Append(entries) => self.journal().append(entries),
            Step::Compact(snapshot) => self.journal().compact(snapshot),
            Step::Reopen => Ok(()),
        };
        let recorded = self.disk.recorded();
        let mut allowed = self.allowed();
        allowed.push(&next);
        for disk in &recorded {
            check(disk, &allowed);
        }
        match done {
            Ok(()) if matches!(step, Step::Reopen) => self.reopen(),
            Ok(()) => {
                self.current = next;
                self.instead.clear();
            }
            Err(AppendError::Failed { .. }) => self.instead.push(next),
            Err(AppendError::NoSpace(_)) => {}
            Err(unexpected) => panic!("{unexpected}"),
        }
        check(&self.disk, &self.allowed());
    }

    /// Goes on with the disk that a crash left.
    pub(crate) fn crash(&mut self, disk: Disk) {
        self.journal = None;
        self.disk = disk;
        self.reopen();
    }

    pub(crate) fn generation(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::generation)
    }

    pub(crate) fn health(&self) -> Health {
        self.journal.as_ref().map_or(Health::Ready, Journal::health)
    }

    pub(crate) fn journal(&mut self) -> &mut Journal {
        self.journal.as_mut().expect("it is open between steps")
    }

    /// Everything that the disk may be found to hold.
    pub(crate) fn allowed(&self) -> Vec<&[Append]> {
        let instead = self.instead.iter().map(Vec::as_slice);
        std::iter::once(self.current.as_slice()).chain(instead).collect()
    }

    fn after(&self, step: &Step) -> Vec<Append> {
        match step {
            Step::Append(entries) => self.current.iter().chain([entries]).cloned().collect(),
            Step::Compact(snapshot) => vec![snapshot.clone()],
            Step::Reopen => self.current.clone(),
        }
    }

    /// Opens it again, without faults if it does not open with them.
    fn reopen(&mut self) {
        self.journal = None;
        let opened = Journal::open(self.disk.storage(), None).or_else(|refused| {
            assert!(matches!(refused, OpenError::Io(_)), "{refused}");
            self.disk.heal();
            Journal::open(self.disk.storage(), None)
        });
        let (journal, entries) = parts(opened.unwrap_or_else(|refused| panic!("{refused}")));
        let allowed = self.allowed();
        let found = find(&allowed, &entries)
            .unwrap_or_else(|| panic!("reopened in a state that never was: {entries:?}"));
        let others: Vec<_> = allowed.iter().map(|appends| appends.to_vec()).collect();
        self.current = found;
        // If it could not be written, data just read may still be lost.
        self.instead = if journal.health() == Health::Ready { Vec::new() } else { others };
        self.journal = Some(journal);
    }
}

/// Opens the disk and demands that it holds one of these, and can be written on. Returns which.
pub(crate) fn expect_one_of(disk: &Disk, allowed: &[&[Append]]) -> Vec<Append> {
    let opened = Journal::open(disk.storage(), None);
    let (journal, entries) = parts(opened.unwrap_or_else(|refused| panic!("{refused}")));
    assert_eq!(journal.health(), Health::Ready);
    find(allowed, &entries)
        .unwrap_or_else(|| panic!("found {}, allowed {allowed:?}", show(&entries)))
}

/// Demands that the journal on this disk takes another decision and then holds just that more.
pub(crate) fn expect_usable(disk: &Disk) {
    let (mut journal, before) = parts(Journal::open(disk.storage(), None).expect("it is whole"));
    journal.append(&[decision(journal.generation() + 1, 7)]).expect("the disk works");
    drop(journal);
    let (_, after) = parts(Journal::open(disk.storage(), None).expect("it is whole"));
    assert_eq!(after.len(), before.len() + 1, "one append later: {}", show(&after));
    assert!(after.starts_with(&before), "one append later: {}", show(&after));
}

/// The appends that the entries are, if one of `allowed` may have come to that: notes at the end
/// may be missing, nothing else.
pub(crate) fn find(allowed: &[&[Append]], entries: &[Entry]) -> Option<Vec<Append>> {
    allowed.iter().find_map(|appends| {
        let decided = appends
            .iter()
            .rposition(|append| append.iter().any(|entry| entry.decision))
            .map_or(0, |last| last + 1);
        (decided..=appends.len())
            .map(|count| &appends[..count])
            .find(|part| part.iter().flatten().eq(entries))
            .map(<[Append]>::to_vec)
    })
}

pub(crate) fn parts(opened: Opened) -> (Journal, Vec<Entry>) {
    match opened {
        Opened::Fresh(journal) => (journal, Vec::new()),
        Opened::Recovered { journal, entries, .. } => (journal, entries),
    }
}

fn show(entries: &[Entry]) -> String {
    let entries = entries.iter().map(|entry| {
        let kind = if entry.decision { "decision" } else { "note" };
        format!("{kind} {} of {} bytes", entry.generation, entry.payload.len())
    });
    entries.collect::<Vec<_>>().join(", ")
}

pub(crate) fn decision(generation: u64, payload: u8) -> Entry {
    Entry { generation, decision: true, payload: vec![payload; 5] }
}

pub(crate) fn note(generation: u64, payload: u8) -> Entry {
    Entry { generation, decision: false, payload: vec![payload; 3] }
}

/// The appends that a caller may make next to a journal of this generation.
pub(crate) fn any_step(random: &mut Random, generation: u64) -> Step {
    match random.below(10) {
        0 | 1 if generation > 0 => {
            let notes = random.below(3);
            let mut snapshot = vec![any_entry(random, generation, true)];
            snapshot.extend((0..notes).map(|_| any_entry(random, generation, false)));
            Step::Compact(snapshot)
        }
        2 => Step::Reopen,
        _ => {
            let count = 1 + random.below(3);
            let decides = random.percent(60);
            Step::Append(
                (0..count)
                    .map(|_| {
                        let decision = decides && random.percent(60);
                        any_entry(random, generation + u64::from(decision), decision)
                    })
                    .collect(),
            )
        }
    }
}

fn any_entry(random: &mut Random, generation: u64, decision: bool) -> Entry {
    let length = match random.below(40) {
        0 => 70_000,
        1..=5 => random.below(3_000),
        _ => random.below(100),
    };
    let fill = random.next() as u8;
    Entry { generation, decision, payload: vec![fill; length] }
}

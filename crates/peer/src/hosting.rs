//! The place of an older Teal among the workers: passes tables on to it, and sets the counters of the place to
//! its counts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use traffic::{Guest, Report, ReportKind, Table, TargetId, Version};

use crate::books::Kept;
use crate::describe::describe;
use crate::link::{Incoming, Link, Outgoing};
use crate::process::{LATE, Process};
use crate::wire::{ToNewer, ToOlder};

/// The time limit for the parent to name the Teals that leave through one that has ended.
// lossless: L10
const HEIRS_KNOWN_WITHIN: Duration = Duration::from_secs(5);

/// The number of a place, and the channel for the numbers of leaving Teals.
type Numbered = (usize, Arc<watch::Sender<Vec<usize>>>);

/// The Teal that gets a place.
#[derive(Debug)]
pub(crate) struct Arriving {
    pub(crate) link: Link,
    pub(crate) pid: u32,
    pub(crate) words: mpsc::UnboundedReceiver<Word>,
    pub(crate) heirs: mpsc::UnboundedReceiver<Heir>,
    /// The Teal of which it is an heir.
    pub(crate) will: Option<Will>,
}

/// A message to an older Teal. The sender with it is dropped once it is sent, or never will be.
pub(crate) type Word = (ToOlder, Option<oneshot::Sender<()>>);

/// A Teal that has left through an older one that has ended, and now has its own place.
#[derive(Debug)]
pub(crate) struct Heir {
    /// Received when its counters are complete: the place of the counters, and the counters.
    told: oneshot::Receiver<(usize, Kept)>,
    /// Closed when it has gone.
    gone: oneshot::Receiver<()>,
}

/// The other end of an [`Heir`].
#[derive(Debug)]
pub(crate) struct Will {
    told: Option<oneshot::Sender<(usize, Kept)>>,
    _gone: oneshot::Sender<()>,
}

/// The task of a place.
pub(crate) struct Hosting {
    guest: Guest,
    incoming: Incoming<ToNewer>,
    outgoing: Outgoing,
    words: mpsc::UnboundedReceiver<Word>,
    heirs: mpsc::UnboundedReceiver<Heir>,
    will: Option<Will>,
    kept: Kept,
    number: u64,
    /// The newest table sent to it.
    newest: Version,
    /// Tables that the older Teal has not acknowledged, with the numbers of their messages.
    sent: VecDeque<(u64, Version, Instant)>,
    place: Numbered,
    /// The number of Teals that leave through it.
    through: usize,
    /// True once its lateness has been logged.
    complained: bool,
    pid: u32,
    process: Process,
}

/// The reason the older Teal has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    /// Its last lease has ended.
    Finished,
    /// The connection to it is broken.
    Lost,
}

/// Keeps a free place until it is taken.
pub(crate) async fn keep_free(
    guest: Guest,
    place: Numbered,
    mut arriving: oneshot::Receiver<Arriving>,
) {
    let arriving = loop {
        tokio::select! {
            biased;
            arriving = &mut arriving => break arriving,
            (version, _) = guest.next() => guest.acknowledge(version),
        }
    };
    match arriving {
        Ok(arriving) => Hosting::new(guest, place, arriving).run().await,
        Err(_) => acknowledge_all(&guest).await, // it will not be taken
    }
}

/// Acknowledges all tables for an empty place.
async fn acknowledge_all(guest: &Guest) {
    loop {
        let (version, _) = guest.next().await;
        guest.acknowledge(version);
    }
}

// === impl Heir ===

impl Heir {
    pub(crate) fn new() -> (Self, Will) {
        let (tell, told) = oneshot::channel();
        let (go, gone) = oneshot::channel();
        (Self { told, gone }, Will { told: Some(tell), _gone: go })
    }
}

// === impl Hosting ===

impl Hosting {
    pub(crate) fn new(guest: Guest, place: Numbered, arriving: Arriving) -> Self {
        let Arriving { link, pid, words, heirs, will } = arriving;
        let (incoming, outgoing) = link.split();
        Self {
            guest,
            incoming,
            outgoing,
            words,
            heirs,
            will,
            kept: Kept::default(),
            number: 0,
            newest: Version::default(),
            sent: VecDeque::new(),
            place,
            through: 0,
            complained: false,
            pid,
            process: Process::watch(pid),
        }
    }

    pub(crate) async fn run(mut self) {
        let pid = self.pid;
        let gone = self.serve().await;
        if gone == Gone::Lost {
            self.outgoing.end().await;
            self.process.ended().await;
        }
        let heirs = if self.through > 0 { self.heirs().await } else { Vec::new() };
        match gone {
            Gone::Finished => tracing::info!(pid, "the older Teal has left"),
            Gone::Lost => {
                tracing::warn!(pid, "the older Teal has died; its requests are cut");
            }
        }
        if gone == Gone::Lost || self.through > 0 {
            let cells: Vec<_> = heirs.iter().map(|(cell, _)| (cell.0, &cell.1)).collect();
            self.kept.settle(&self.guest, &cells);
        }
        self.tell_leaving(0);
        for (_, version, _) in self.sent.drain(..) {
            self.guest.acknowledge(version);
        }
        if !heirs.is_empty() {
            let all_gone = async {
                for (_, gone) in heirs {
                    let _ = gone.await; // an error says it
                }
            };
            tokio::select! {
                () = all_gone => self.kept.settle(&self.guest, &[]),
                () = acknowledge_all(&self.guest) => {}
            }
        }
        drop(self.will);
        acknowledge_all(&self.guest).await;
    }

    /// Returns the Teals that have left through the ended one, once their own counters are complete: until then
    /// their requests are counted here. One that hangs is waited for as long as it lives.
    // lossless: L2 L4
    async fn heirs(&mut self) -> Vec<((usize, Kept), oneshot::Receiver<()>)> {
        let mut heirs = Vec::new();
        let all = async {
            while let Some(heir) = self.heirs.recv().await {
                heirs.push(heir);
            }
        };
        if timeout(HEIRS_KNOWN_WITHIN, all).await.is_err() {
            tracing::error!(
                pid = self.pid,
                "the parent process does not name the Teals that leave through an older one that has ended"
            );
        }
        let mut told = Vec::new();
        for Heir { told: tells, gone } in heirs {
            // One that ended before it sent anything has nothing any more.
            told.extend(tells.await.ok().map(|cell| (cell, gone)));
        }
        told
    }

    async fn serve(&mut self) -> Gone {
        // A table may have been taken from the place while that was free.
        let (version, table) = self.guest.newest();
        if self.pass_on(version, &table).await.is_none() {
            return Gone::Lost;
        }
        loop {
            let late = self.sent.front().filter(|_| !self.complained).map(|(_, _, at)| *at + LATE);
            tokio::select! {
                biased;
                message = self.incoming.next() => match message {
                    Some(ToNewer::Farewell) => return Gone::Finished,
                    Some(message) => self.take(message),
                    None => return Gone::Lost,
                },
                (version, table) = self.guest.next() => {
                    if self.pass_on(version, &table).await.is_none() {
                        return Gone::Lost;
                    }
                }
                Some((word, _said)) = self.words.recv() => if self.say(word).await.is_none() {
                    return Gone::Lost;
                },
                () = sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
                    self.complained = true;
                    tracing::error!(
                        pid = self.pid,
                        "the older Teal, which still serves, has not applied a change; if it \
                         hangs, end it: kill {}", self.pid
                    );
                }
            }
        }
    }

    async fn pass_on(&mut self, version: Version, table: &Table) -> Option<()> {
        if version <= self.newest {
            return Some(());
        }
        self.newest = version;
        self.number += 1;
        self.kept.learn(table);
        let message = ToOlder::Table(Box::new(describe(self.number, table)));
        self.sent.push_back((self.number, version, Instant::now()));
        self.say(message).await
    }

    fn take(&mut self, message: ToNewer) {
        match message {
            ToNewer::Acknowledged(number) => {
                while let Some(&(sent, version, _)) =
                    self.sent.front().filter(|sent| sent.0 <= number)
                {
                    tracing::trace!(sent, "acknowledged by the older Teal");
                    self.guest.acknowledge(version);
                    self.sent.pop_front();
                }
                self.complained = false;
                // It has sent all its counts before.
                if let Some(told) = self.will.as_mut().and_then(|will| will.told.take()) {
                    let _ = told.send((self.guest.worker(), self.kept.clone())); // there may be no receiver
                }
            }
            ToNewer::Books(books) => self.kept.take(&books, &self.guest),
            ToNewer::Report { target, refused } => {
                let kind = if refused { ReportKind::Refused } else { ReportKind::Unreachable };
                self.guest.report(Report { target: TargetId(target), kind });
            }
            ToNewer::Leaving(through) => {
                self.through = through;
                self.tell_leaving(1 + through);
            }
            ToNewer::Farewell => {}
        }
    }

    fn tell_leaving(&self, count: usize) {
        let (place, leaving) = &self.place;
        leaving.send_modify(|leaving| {
            if let Some(leaving) = leaving.get_mut(*place) {
                *leaving = count;
            }
        });
    }

    async fn say(&mut self, message: ToOlder) -> Option<()> {
        let sent = self.outgoing.send(&message).await;
        sent.inspect_err(
            |error| tracing::warn!(pid = self.pid, %error, "cannot send to the older Teal"),
        )
        .ok()
    }
}

//! The place of an older Teal among the workers: passes tables on to it, and sets the counters of the place to
//! its counts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use traffic::{Guest, Report, ReportKind, Table, TargetId, Version};

use crate::books::ReceivedCounts;
use crate::connection::{Incoming, Outgoing, PeerConnection};
use crate::describe::describe;
use crate::process::{LATE, Process};
use crate::series::{SeriesMailbox, SeriesUpdate};
use crate::wire::{ToNewer, ToOlder};

/// The time limit for the parent to name the Teals that leave through one that has ended.
// lossless: L10
const ORPHANS_KNOWN_WITHIN: Duration = Duration::from_secs(5);

/// The number of a place, and the channel for the numbers of leaving Teals.
type NumberedSlot = (usize, Arc<watch::Sender<Vec<usize>>>);

/// The Teal that gets a place.
#[derive(Debug)]
pub(crate) struct SlotOwner {
    pub(crate) connection: PeerConnection,
    pub(crate) pid: u32,
    pub(crate) messages: mpsc::UnboundedReceiver<QueuedMessage>,
    pub(crate) orphans: mpsc::UnboundedReceiver<Orphan>,
    /// The ended Teal that it left through.
    pub(crate) reporter: Option<OrphanReporter>,
    pub(crate) series: SeriesMailbox,
}

/// A message to an older Teal. The sender with it is dropped once it is sent, or never will be.
pub(crate) type QueuedMessage = (ToOlder, Option<oneshot::Sender<()>>);

/// A Teal that has left through an older one that has ended, and now has its own place.
#[derive(Debug)]
pub(crate) struct Orphan {
    /// Received when its counters are complete: the place of the counters, and the counters.
    told: oneshot::Receiver<(usize, ReceivedCounts)>,
    /// Closed when it has gone.
    gone: oneshot::Receiver<()>,
}

/// The other end of an [`Orphan`].
#[derive(Debug)]
pub(crate) struct OrphanReporter {
    told: Option<oneshot::Sender<(usize, ReceivedCounts)>>,
    _gone: oneshot::Sender<()>,
}

/// The task of a place.
pub(crate) struct SlotTask {
    guest: Guest,
    incoming: Incoming<ToNewer>,
    outgoing: Outgoing,
    messages: mpsc::UnboundedReceiver<QueuedMessage>,
    orphans: mpsc::UnboundedReceiver<Orphan>,
    reporter: Option<OrphanReporter>,
    received: ReceivedCounts,
    series: SeriesMailbox,
    /// True once its first counts of services have come.
    is_counted: bool,
    number: u64,
    /// The newest table sent to it.
    newest: Version,
    /// Tables that the older Teal has not acknowledged, with the numbers of their messages.
    sent: VecDeque<(u64, Version, Instant)>,
    slot: NumberedSlot,
    /// The number of Teals that leave through it.
    through: usize,
    /// True once its lateness has been logged.
    complained: bool,
    pid: u32,
    process: Process,
}

/// The reason the older Teal has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeaveReason {
    /// Its last lease has ended.
    Finished,
    /// The connection to it is broken.
    Lost,
}

/// Keeps a free place until it is taken.
pub(crate) async fn keep_free(
    guest: Guest,
    slot: NumberedSlot,
    mut owner: oneshot::Receiver<SlotOwner>,
) {
    let owner = loop {
        tokio::select! {
            biased;
            owner = &mut owner => break owner,
            (version, _) = guest.next() => guest.acknowledge(version),
        }
    };
    match owner {
        Ok(owner) => SlotTask::new(guest, slot, owner).run().await,
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

// === impl Orphan ===

impl Orphan {
    pub(crate) fn new() -> (Self, OrphanReporter) {
        let (tell, told) = oneshot::channel();
        let (go, gone) = oneshot::channel();
        (Self { told, gone }, OrphanReporter { told: Some(tell), _gone: go })
    }
}

// === impl SlotTask ===

impl SlotTask {
    pub(crate) fn new(guest: Guest, slot: NumberedSlot, owner: SlotOwner) -> Self {
        let SlotOwner { connection, pid, messages, orphans, reporter, series } = owner;
        let (incoming, outgoing) = connection.split();
        Self {
            guest,
            incoming,
            outgoing,
            messages,
            orphans,
            reporter,
            received: ReceivedCounts::default(),
            series,
            is_counted: false,
            number: 0,
            newest: Version::default(),
            sent: VecDeque::new(),
            slot,
            through: 0,
            complained: false,
            pid,
            process: Process::watch(pid),
        }
    }

    pub(crate) async fn run(mut self) {
        let pid = self.pid;
        let gone = self.serve().await;
        if gone == LeaveReason::Lost {
            self.outgoing.end().await;
            self.process.ended().await;
        }
        let orphans = if self.through > 0 { self.orphans().await } else { Vec::new() };
        match gone {
            LeaveReason::Finished => tracing::info!(pid, "the older Teal has left"),
            LeaveReason::Lost => {
                tracing::warn!(pid, "the older Teal has died; its requests are cut");
            }
        }
        if gone == LeaveReason::Lost || self.through > 0 {
            let cells: Vec<_> = orphans.iter().map(|(cell, _)| (cell.0, &cell.1)).collect();
            self.received.settle(&self.guest, &cells);
        }
        self.tell_leaving(0);
        for (_, version, _) in self.sent.drain(..) {
            self.guest.acknowledge(version);
        }
        if !orphans.is_empty() {
            let all_gone = async {
                for (_, gone) in orphans {
                    let _ = gone.await; // an error says it
                }
            };
            tokio::select! {
                () = all_gone => self.received.settle(&self.guest, &[]),
                () = acknowledge_all(&self.guest) => {}
            }
        }
        drop(self.reporter);
        acknowledge_all(&self.guest).await;
    }

    /// Returns the Teals that have left through the ended one, once their own counters are complete: until then
    /// their requests are counted here. One that hangs is waited for as long as it lives.
    // lossless: L2 L4
    async fn orphans(&mut self) -> Vec<((usize, ReceivedCounts), oneshot::Receiver<()>)> {
        let mut orphans = Vec::new();
        let all = async {
            while let Some(orphan) = self.orphans.recv().await {
                orphans.push(orphan);
            }
        };
        if timeout(ORPHANS_KNOWN_WITHIN, all).await.is_err() {
            tracing::error!(
                pid = self.pid,
                "the parent process does not name the Teals that leave through an older one that has ended"
            );
        }
        let mut told = Vec::new();
        for Orphan { told: tells, gone } in orphans {
            // One that ended before it sent anything has nothing any more.
            told.extend(tells.await.ok().map(|cell| (cell, gone)));
        }
        told
    }

    async fn serve(&mut self) -> LeaveReason {
        // A table may have been taken from the place while that was free.
        let (version, table) = self.guest.newest();
        if self.pass_on(version, &table).await.is_none() {
            return LeaveReason::Lost;
        }
        loop {
            let late = self.sent.front().filter(|_| !self.complained).map(|(_, _, at)| *at + LATE);
            tokio::select! {
                biased;
                message = self.incoming.next() => match message {
                    Some(ToNewer::Farewell) => return LeaveReason::Finished,
                    Some(message) => self.take(message),
                    None => return LeaveReason::Lost,
                },
                (version, table) = self.guest.next() => {
                    if self.pass_on(version, &table).await.is_none() {
                        return LeaveReason::Lost;
                    }
                }
                Some((message, _said)) = self.messages.recv() => if self.say(message).await.is_none() {
                    return LeaveReason::Lost;
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
        self.received.learn(table);
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
                if let Some(told) = self.reporter.as_mut().and_then(|reporter| reporter.told.take())
                {
                    let _ = told.send((self.guest.worker(), self.received.clone())); // there may be no receiver
                }
            }
            ToNewer::Books(mut books) => {
                let place = self.guest.worker();
                if let Some(start) = books.start.take() {
                    self.series.put(SeriesUpdate::Start(place, start));
                    self.is_counted = true;
                } else if !self.is_counted && books.has_services() {
                    self.series.put(SeriesUpdate::Anew);
                    self.is_counted = true;
                }
                if !books.series.is_empty() {
                    let points = std::mem::take(&mut books.series);
                    self.series.put(SeriesUpdate::Points(place, points));
                }
                self.received.take(&books, &self.guest);
            }
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
        let (slot, leaving) = &self.slot;
        leaving.send_modify(|leaving| {
            if let Some(leaving) = leaving.get_mut(*slot) {
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

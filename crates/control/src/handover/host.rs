//! The newer Teal's end: passes tables on to the older one, and keeps the place that it has among
//! the workers.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rules::{ProxyHeader, TargetTls};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use traffic::{Guest, Leaving, Report, ReportKind, Table, TargetId, Version};

use super::books::Kept;
use super::link::{Incoming, Link, Outgoing};
use super::wire::{
    ColorMessage, DrainingMessage, LeavingMessage, RouteMessage, ServiceMessage, TableMessage,
    TargetMessage, TlsMessage, ToNewer, ToOlder,
};

/// When it is said that the older one is late.
const LATE: Duration = Duration::from_secs(1);

/// How often it is looked whether an older one that can't be talked to has ended.
const LOOK: Duration = Duration::from_millis(20);

/// What the binary has of the older Teals that are leaving: of one after an upgrade, of every one that
/// has lost its newer one after a crash.
#[derive(Clone, Debug)]
pub struct Host {
    words: Vec<mpsc::UnboundedSender<ToOlder>>,
    /// For each how many are leaving: itself, and those that leave through it. 0: it has gone.
    leaving: watch::Receiver<Vec<usize>>,
    pids: Vec<u32>,
}

/// The task behind it.
struct Hosting {
    guest: Guest,
    incoming: Incoming<ToNewer>,
    outgoing: Outgoing,
    words: mpsc::UnboundedReceiver<ToOlder>,
    kept: Kept,
    number: u64,
    /// Tables that the older one has not acknowledged, with the numbers of their messages.
    sent: VecDeque<(u64, Version, Instant)>,
    leaving: Arc<watch::Sender<Vec<usize>>>,
    /// Its place in that.
    place: usize,
    /// Whether it has been said that it is late.
    complained: bool,
    pid: u32,
}

/// Why the older one has gone.
enum Gone {
    /// Its last lease has ended.
    Finished,
    /// It can't be talked to any more.
    Lost,
}

/// The process of an older Teal.
struct Process {
    pid: u32,
    /// It alone, even if its number is used again; `None`: it can't be watched.
    watched: Option<OwnedFd>,
}

/// Gives older Teals their places among the workers: each by the way to it and its process, the oldest
/// first.
pub fn host(older: Vec<(Guest, Link, u32)>) -> Host {
    let (tell, leaving) = watch::channel(vec![1; older.len()]);
    let tell = Arc::new(tell);
    let pids = older.iter().map(|(_, _, pid)| *pid).collect();
    let each = older.into_iter().enumerate();
    let words = each.map(|(place, one)| begin(one, place, tell.clone())).collect();
    Host { words, leaving, pids }
}

fn begin(
    (guest, link, pid): (Guest, Link, u32),
    place: usize,
    leaving: Arc<watch::Sender<Vec<usize>>>,
) -> mpsc::UnboundedSender<ToOlder> {
    let (incoming, outgoing) = link.split();
    let (words, to_say) = mpsc::unbounded_channel();
    let process = Process::watch(pid);
    let mut hosting = Hosting {
        guest,
        incoming,
        outgoing,
        words: to_say,
        kept: Kept::default(),
        number: 0,
        sent: VecDeque::new(),
        leaving,
        place,
        complained: false,
        pid,
    };
    tokio::spawn(async move {
        match hosting.serve().await {
            Gone::Finished => tracing::info!(pid, "the older Teal has left"),
            Gone::Lost => {
                hosting.outgoing.end().await;
                process.ended().await;
                tracing::warn!(pid, "the older Teal has died; what it was doing is cut");
                hosting.kept.cut(&hosting.guest);
            }
        }
        hosting.tell_leaving(0);
        hosting.keep_the_empty_place().await;
    });
    words
}

// === impl Host ===

impl Host {
    /// Says that this Teal serves now: the older one stops accepting.
    pub fn say_serving(&self) {
        self.words.iter().for_each(|words| drop(words.send(ToOlder::Serving))); // it may have gone
    }

    /// Says that a third Teal takes over from this one, so the older one is not needed again.
    pub fn say_confirmed(&self) {
        self.words.iter().for_each(|words| drop(words.send(ToOlder::Confirmed)));
    }

    /// Waits until all of them have gone.
    pub async fn gone(&self) {
        let mut leaving = self.leaving.clone();
        let _ = leaving.wait_for(|leaving| sum(leaving) == 0).await; // or the tasks ended
    }

    /// The process of the newest that has not gone.
    pub fn pid(&self) -> Option<u32> {
        let leaving = self.leaving.borrow();
        let mut each = self.pids.iter().zip(&*leaving).rev();
        each.find(|(_, leaving)| **leaving > 0).map(|(pid, _)| *pid)
    }

    /// How many are leaving: these, and those that leave through them.
    pub fn leaving(&self) -> usize {
        sum(&self.leaving.borrow())
    }

    /// Waits until that is another number than this.
    pub(super) async fn leaving_other_than(&mut self, known: usize) -> usize {
        let other = self.leaving.wait_for(|leaving| sum(leaving) != known).await;
        other.map_or(0, |leaving| sum(&leaving)) // none, if the tasks have ended
    }
}

fn sum(leaving: &[usize]) -> usize {
    leaving.iter().sum()
}

// === impl Process ===

impl Process {
    fn watch(pid: u32) -> Self {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let watched = number.and_then(|number| pidfd_open(number, PidfdFlags::empty()).ok());
        Self { pid, watched }
    }

    /// Waits until it has ended, however long that takes: as long as it lives it may send requests to
    /// a color that is no longer active, and must not be taken for dead. At once where the kernel does
    /// not let it be watched, or does not know it.
    // lossless: L2 L4
    async fn ended(&self) {
        let Some(watched) = &self.watched else { return };
        let (late, pid) = (Instant::now() + LATE, self.pid);
        let mut complained = false;
        while !has_ended(watched) {
            if !complained && Instant::now() >= late {
                complained = true;
                tracing::error!(
                    pid,
                    "the older Teal can't be talked to, but still serves: no change is complete \
                     before it has ended; end it: kill {pid}"
                );
            }
            sleep(LOOK).await;
        }
    }
}

/// Whether a process has ended, by a descriptor of it (`pidfd_open(2)`), which is readable then.
fn has_ended(process: &OwnedFd) -> bool {
    let mut look = [PollFd::new(process, PollFlags::IN)];
    poll(&mut look, Some(&Timespec::default())) != Ok(0) // an error says that nothing can be known
}

// === impl Hosting ===

impl Hosting {
    async fn serve(&mut self) -> Gone {
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
                    self.number += 1;
                    self.kept.learn(&table);
                    let message = ToOlder::Table(Box::new(describe(self.number, &table)));
                    self.sent.push_back((self.number, version, Instant::now()));
                    if self.say(message).await.is_none() {
                        return Gone::Lost;
                    }
                }
                Some(word) = self.words.recv() => if self.say(word).await.is_none() {
                    return Gone::Lost;
                },
                () = sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
                    self.complained = true;
                    tracing::error!(
                        pid = self.pid,
                        "the older Teal, which still serves, has not taken a change over; if it \
                         hangs, end it: kill {}", self.pid
                    );
                }
            }
        }
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
            }
            ToNewer::Books(books) => self.kept.take(&books, &self.guest),
            ToNewer::Report { target, refused } => {
                let kind = if refused { ReportKind::Refused } else { ReportKind::Unreachable };
                self.guest.report(Report { target: TargetId(target), kind });
            }
            ToNewer::Leaving(through) => self.tell_leaving(1 + through),
            ToNewer::Farewell => {}
        }
    }

    fn tell_leaving(&self, count: usize) {
        self.leaving.send_modify(|leaving| {
            if let Some(leaving) = leaving.get_mut(self.place) {
                *leaving = count;
            }
        });
    }

    async fn say(&mut self, message: ToOlder) -> Option<()> {
        let sent = self.outgoing.send(&message).await;
        sent.inspect_err(
            |error| tracing::warn!(pid = self.pid, %error, "the older Teal does not listen"),
        )
        .ok()
    }

    /// Nobody is there any more who could be late.
    async fn keep_the_empty_place(&mut self) {
        for (_, version, _) in self.sent.drain(..) {
            self.guest.acknowledge(version);
        }
        loop {
            let (version, _) = self.guest.next().await;
            self.guest.acknowledge(version);
        }
    }
}

fn describe(number: u64, table: &Table) -> TableMessage {
    let services = table.services.iter().map(|service| ServiceMessage {
        name: service.name.to_string(),
        generation: service.generation.0,
        active: service.active,
        colors: service.colors.each_ref().map(|color| ColorMessage {
            id: color.id.0,
            targets: color
                .targets
                .iter()
                .map(|target| TargetMessage {
                    id: target.id.0,
                    url: target.url.to_string(),
                    tls: target.url.tls().map(describe_tls),
                    announce: target.url.announce().map(|version| match version {
                        ProxyHeader::V1 => 1,
                        ProxyHeader::V2 => 2,
                    }),
                    addresses: target.addresses.clone(),
                    moves: target.moves,
                    usable: target.usable,
                })
                .collect(),
        }),
        strip: service.strip.to_string(),
        timeouts: service.timeouts,
        held: service.held.map(|held| held.max_wait),
        hold: service.hold,
        underscores: service.underscores,
        close_streams: service.close_streams,
        failover: service.failover,
    });
    let routes = table.routes.list().map(|route| RouteMessage {
        host: route.host,
        prefix: route.prefix,
        place: route.place,
    });
    let draining = table.draining.iter().map(|draining| DrainingMessage {
        what: match draining.what {
            Leaving::Color(id) => LeavingMessage::Color(id.0),
            Leaving::Target(id) => LeavingMessage::Target(id.0),
        },
        cut: draining.cut,
        close_within: draining.close_within,
    });
    TableMessage {
        number,
        generation: table.generation.0,
        limits: table.limits,
        services: services.collect(),
        routes: routes.collect(),
        draining: draining.collect(),
    }
}

fn describe_tls(tls: &TargetTls) -> TlsMessage {
    let TargetTls { server_name, ca, identity } = tls.clone();
    TlsMessage { server_name: server_name.map(Into::into), ca, identity }
}

//! The newer Teal's part: reports whether it can take over, and takes over.

use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use config::Config;
use peer::{
    Handover, Host, ListenAddress, Offer, OfferedColor, PROTOCOL, PeerConnection, Reply,
    SeriesMailbox, receive, receive_descriptors, send,
};
use proxy::HandedOver;
use rules::Actor;
use tokio::sync::mpsc;
use traffic::Subscription;

use parent::KeptDescriptors;

use crate::exit::Failure;
use crate::run::parent::{ChainUpdate, Parent};

/// The time limit for messages of the older Teal. It waits for drains meanwhile.
// lossless: L10
const PATIENCE: Duration = Duration::from_secs(120);

/// The older Teal, before anything is agreed.
#[derive(Debug)]
pub(in crate::run) struct Takeover {
    older: UnixStream,
    offer: Offer,
}

/// The older Teal, once it has handed over.
#[derive(Debug)]
pub(in crate::run) struct Older {
    stream: UnixStream,
    pid: u32,
    /// The number of Teals that leave through it.
    pub(in crate::run) through: usize,
    /// The colors that are healthy for it.
    pub(in crate::run) up: Vec<OfferedColor>,
    /// The targets that its traffic uses.
    pub(in crate::run) used: Vec<OfferedColor>,
    /// The state directory; none of one that has given it up.
    pub(in crate::run) passed: Option<PassedState>,
}

/// The parts of the state directory that are passed on.
#[derive(Debug)]
pub(in crate::run) struct PassedState {
    pub(in crate::run) lock: OwnedFd,
    /// The generation of the state in the journal; `None`: there is no state.
    pub(in crate::run) recorded: Option<u64>,
}

/// Sockets of a Teal before this one, from itself or from the parent that has kept them.
#[derive(Debug)]
pub(in crate::run) struct TealSockets {
    /// The admin listener, if it is to stay where it is.
    pub(in crate::run) admin: Option<TcpListener>,
    /// The listener of metrics, if there is one and it is to stay where it is.
    pub(in crate::run) metrics: Option<TcpListener>,
    /// The admin socket.
    pub(in crate::run) socket: UnixListener,
    /// The sockets of the public listeners.
    pub(in crate::run) listeners: Vec<HandedOver>,
}

/// A connection to the older one that outlives the start.
#[derive(Debug)]
pub(in crate::run) struct FailureChannel(UnixStream);

// === impl Takeover ===

impl Takeover {
    /// The Teal at the other end of this socket.
    pub(in crate::run) fn from_socket(socket: OwnedFd) -> Result<Self, Failure> {
        let older = UnixStream::from(socket);
        let talk = || {
            older.set_read_timeout(Some(PATIENCE))?;
            older.set_write_timeout(Some(PATIENCE))?;
            receive::<Offer>(&older)
        };
        let offer = talk().map_err(|error| {
            Failure::usage(format!("the running Teal does not report what it offers: {error}"))
        })?;
        Ok(Self { older, offer })
    }

    /// Refuses to take over, with the reason.
    pub(in crate::run) fn refuse(&self, reason: &str) {
        // Ignored: if it has gone, there is no one to tell.
        let _ = send(&self.older, &Reply::Refused { reason: reason.to_owned() });
    }

    /// The obstacle to taking over, if there is one.
    pub(in crate::run) fn check(&self, config: &Config) -> Result<(), Failure> {
        let Offer { protocol, version, state_dir, .. } = &self.offer;
        if *protocol != PROTOCOL {
            return Err(Failure::failed(format!(
                "Teal {version} uses version {protocol} of the handover protocol, this one ({}) version \
                 {PROTOCOL}; restart Teal instead",
                env!("CARGO_PKG_VERSION")
            )));
        }
        if *state_dir != config.state_dir {
            return Err(Failure::usage(format!(
                "state_dir is {} now and {} for the running Teal: an upgrade does not move state; \
                 stop Teal, move the directory, and start it",
                config.state_dir.display(),
                state_dir.display()
            )));
        }
        Ok(())
    }

    /// Agrees to take over, waits until the older one hands over control, and takes what it has.
    pub(in crate::run) fn take(self, config: &Config) -> Result<(Older, TealSockets), Failure> {
        let Self { older, offer } = self;
        let (version, pid) = (env!("CARGO_PKG_VERSION").to_owned(), std::process::id());
        let talk = || -> io::Result<(Handover, Vec<OwnedFd>)> {
            send(&older, &Reply::Ready { version, pid })?;
            let handover = receive::<Handover>(&older)?;
            let descriptors = receive_descriptors(&older, handover.descriptors())?;
            Ok((handover, descriptors))
        };
        let (handover, descriptors) = talk().map_err(|error| {
            Failure::failed(format!("the running Teal did not hand over: {error}"))
        })?;
        let mut descriptors = descriptors.into_iter();
        let lock = descriptors.next();
        let handed = TealSockets::of(&handover, descriptors, config);
        let (lock, handed) = lock.zip(handed).ok_or_else(|| {
            Failure::failed("the running Teal handed over less than it announced".to_owned())
        })?;
        let Offer { pid, through, up, used, .. } = offer;
        let passed = Some(PassedState { lock, recorded: handover.recorded });
        Ok((Older { stream: older, pid, through, up, used, passed }, handed))
    }
}

// === impl TealSockets ===

impl TealSockets {
    /// The sockets that the parent has kept of the previous Teal, if they can be used.
    pub(in crate::run) fn kept(kept: KeptDescriptors, config: &Config) -> Option<Self> {
        if kept.is_empty() {
            return None;
        }
        let handover = serde_json::from_slice::<Handover>(&kept.label);
        let handed =
            handover.map(|handover| Self::of(&handover, kept.descriptors.into_iter(), config));
        let of_other_version =
            || tracing::warn!("cannot use the sockets of the Teal before this one");
        handed.ok().flatten().or_else(|| {
            of_other_version();
            None
        })
    }

    /// `None`: there are too few descriptors.
    fn of(
        handover: &Handover,
        mut descriptors: impl Iterator<Item = OwnedFd>,
        config: &Config,
    ) -> Option<Self> {
        let (admin, socket) = (descriptors.next()?, descriptors.next()?);
        let metrics = match handover.metrics {
            Some(place) => Some((place, descriptors.next()?)),
            None => None,
        };
        let mut listeners = Vec::new();
        for listening in &handover.listeners {
            let sockets = descriptors.by_ref().take(listening.sockets).map(TcpListener::from);
            let sockets: Vec<_> = sockets.collect();
            if sockets.len() < listening.sockets {
                return None;
            }
            listeners.push(HandedOver { configured: listening.place.configured, sockets });
        }
        let ListenAddress { configured, bound } = handover.admin;
        let stays = [configured, bound].contains(&config.admin.listen);
        let admin = stays.then(|| TcpListener::from(admin));
        let stays = |place: ListenAddress| {
            config.metrics.is_some_and(|now| [place.configured, place.bound].contains(&now))
        };
        let metrics = metrics.filter(|(place, _)| stays(*place));
        let metrics = metrics.map(|(_, listener)| TcpListener::from(listener));
        Some(Self { admin, metrics, socket: UnixListener::from(socket), listeners })
    }
}

// === impl Older ===

impl Older {
    /// A connection to the older one for a last message.
    pub(in crate::run) fn failure_channel(&self) -> Result<FailureChannel, Failure> {
        self.stream.try_clone().map(FailureChannel).map_err(|error| cannot_talk(&error))
    }

    /// One that still leaves, found by the parent at the start.
    pub(in crate::run) fn leaving((pid, socket): (u32, OwnedFd)) -> Self {
        let (up, used) = (Vec::new(), Vec::new());
        Self { stream: UnixStream::from(socket), pid, through: 0, up, used, passed: None }
    }

    /// Gives older Teals their places among the workers, on the current runtime; `None`: there are none.
    /// The places beyond are those of the ones that leave through them.
    pub(in crate::run) fn host(
        older: Vec<Self>,
        subscriptions: Vec<Subscription>,
        parent: &Parent,
        series: SeriesMailbox,
    ) -> Result<Option<Host>, Failure> {
        if older.is_empty() {
            return Ok(None);
        }
        let mut hosted = Vec::new();
        let mut subscriptions = subscriptions.into_iter();
        for (Self { stream, pid, .. }, subscription) in older.into_iter().zip(&mut subscriptions) {
            let connection = PeerConnection::new(stream).map_err(|error| cannot_talk(&error))?;
            tracing::info!(older = pid, by = %Actor::Teal, "taking over");
            hosted.push((subscription.into_guest(), connection, pid));
        }
        let free = subscriptions.map(Subscription::into_guest).collect();
        let host = peer::host(hosted, free, series);
        tokio::spawn(apply_chain_updates(host.clone(), parent.chain_updates()));
        Ok(Some(host))
    }
}

/// Gives a place to Teals that have lost the one that they left through.
async fn apply_chain_updates(
    host: Host,
    chain_updates: Option<mpsc::UnboundedReceiver<ChainUpdate>>,
) {
    let Some(mut chain_updates) = chain_updates else { return };
    while let Some(next) = chain_updates.recv().await {
        match next {
            ChainUpdate::Orphan(socket, pid, was) => {
                match PeerConnection::new(UnixStream::from(socket)) {
                    Ok(connection) => host.attach_orphan((connection, pid), was),
                    Err(error) => tracing::error!(pid, %error, "cannot talk to an older Teal"),
                }
            }
            ChainUpdate::NoMoreOrphans(was) => host.no_more_orphans(was),
        }
    }
}

fn cannot_talk(error: &io::Error) -> Failure {
    Failure::failed(format!("cannot talk to the running Teal: {error}"))
}

// === impl FailureChannel ===

impl FailureChannel {
    /// Reports why this one does not serve with what it was handed. The process must then end.
    pub(in crate::run) fn give_up(&self, reason: &str) {
        peer::give_up(&self.0, reason);
    }
}

//! The state of a target of a color, and of a name of which each address is a target.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use connect::PeerCertificate;
use rules::{Standing, TargetHealth, TargetName, TargetUrl, Time};
use tokio::sync::Notify;
use tokio::time::Instant;
use traffic::{Answers, TargetBooks, TargetId};

/// One target of a color.
#[derive(Debug)]
pub(crate) struct TargetSeat {
    pub(crate) id: TargetId,
    pub(crate) url: TargetUrl,
    /// The single address it stands for; `None`: not a single address, or its name has none at present.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) books: Arc<TargetBooks>,
    pub(crate) health: TargetHealth,
    /// The time and the reason of the last change of its health.
    pub(crate) turned: Option<(Time, Option<String>)>,
    /// The addresses that traffic uses; empty: none.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The number of times that it has left an address.
    pub(crate) moves: u32,
    /// The addresses in the last answer of a resolver.
    pub(crate) listed: Vec<SocketAddr>,
    /// The addresses among these that have not passed probes, and so are not used.
    pub(crate) candidates: Vec<Candidate>,
    /// True if traffic could not connect, or for an address of a name if the last probe failed, and no
    /// probe has passed since.
    pub(crate) suspect: bool,
    /// True if the last probe could not connect.
    pub(crate) absent: bool,
    /// True if the last connect was refused, and no probe has passed since.
    pub(crate) refused: bool,
    /// The time since which it stands for its present address.
    pub(crate) since: Instant,
    /// The protocol error of a response since the last probe, and the counts of its responses up to
    /// that probe.
    pub(crate) malformed: Option<&'static str>,
    pub(crate) answers: Answers,
    /// Set while a failure that traffic met is being confirmed.
    pub(crate) confirming: bool,
    /// The certificate that it presented last.
    pub(crate) certificate: Option<PeerCertificate>,
    /// True if a task probes it.
    pub(crate) is_probed: bool,
    /// Asks for the next probe at once.
    pub(crate) hurry: Arc<Notify>,
}

/// An address that traffic does not use, and the results of probes of it alone.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) address: SocketAddr,
    pub(crate) health: TargetHealth,
}

/// The identity of a name of a color; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NameId(pub(crate) u32);

/// A name of which each address is a target.
#[derive(Debug)]
pub(crate) struct NameSeat {
    pub(crate) id: NameId,
    pub(crate) url: TargetUrl,
    /// The addresses in use, of those in the last answer of a resolver.
    pub(crate) listed: Vec<SocketAddr>,
    /// The number of addresses in that answer.
    pub(crate) found: usize,
    /// The time at which the last lookup began, since the process started; `None`: there was none yet.
    pub(crate) looked_up: Option<Duration>,
    /// The time since which lookups get no answer, and the reason.
    pub(crate) unanswered: Option<(Time, String)>,
    /// True if a task follows it.
    pub(crate) is_followed: bool,
    /// Asks for the next lookup at once.
    pub(crate) hurry: Arc<Notify>,
}

// === impl TargetSeat ===

impl TargetSeat {
    /// Creates a target of which nothing is known yet.
    pub(super) fn new(
        (id, books): (TargetId, Arc<TargetBooks>),
        url: &TargetUrl,
        address: Option<SocketAddr>,
    ) -> Self {
        Self {
            id,
            url: url.clone(),
            address,
            books,
            health: TargetHealth::default(),
            turned: None,
            addresses: url.literal().into_iter().collect(),
            moves: 0,
            listed: Vec::new(),
            candidates: Vec::new(),
            suspect: false,
            absent: false,
            refused: false,
            since: Instant::now(),
            malformed: None,
            answers: Answers::default(),
            confirming: false,
            certificate: None,
            is_probed: false,
            hurry: Arc::default(),
        }
    }

    /// Returns true if workers may choose it: it is reachable and not known to be down.
    pub(crate) fn is_usable(&self) -> bool {
        self.health.standing() != Standing::Down && self.is_reachable()
    }

    /// Returns true if requests can be sent to it at all.
    pub(crate) fn is_reachable(&self) -> bool {
        self.url.socket().is_some() || !self.addresses.is_empty()
    }

    /// Returns its display name.
    pub(crate) fn name(&self) -> TargetName {
        TargetName { url: self.url.clone(), address: self.address }
    }

    /// Returns true if workers may choose it and it is not suspect.
    pub(crate) fn is_good(&self) -> bool {
        self.is_usable() && !self.suspect
    }

    /// Returns true if it is reachable and up according to probes.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_reachable() && self.health.standing() == Standing::Up
    }

    /// Lets traffic use its address.
    // lossless: L9 - only once it is proven, or where nothing can be known yet.
    pub(crate) fn admit(&mut self) {
        self.addresses = self.address.into_iter().collect();
    }

    /// Takes it out of traffic until it has passed probes again.
    pub(crate) fn withdraw(&mut self) {
        self.addresses.clear();
    }

    /// Moves it to an address, at which nothing is known of it yet.
    pub(super) fn becomes(self, address: SocketAddr) -> Self {
        let (health, since) = (TargetHealth::default(), Instant::now());
        let (absent, suspect, refused) = (false, false, false);
        let turned = None;
        Self { address: Some(address), health, turned, since, absent, suspect, refused, ..self }
    }

    /// Marks it as probed, if there is an address to probe; returns true if it was not before.
    pub(crate) fn begins(&mut self) -> bool {
        let somewhere = self.address.is_some() || !self.url.is_each_address();
        somewhere && !std::mem::replace(&mut self.is_probed, true)
    }

    /// Returns true if it is down according to probes.
    pub(crate) fn is_down(&self) -> bool {
        self.health.standing() == Standing::Down
    }
}

// === impl NameSeat ===

impl NameSeat {
    pub(super) fn new(id: NameId, url: TargetUrl) -> Self {
        Self {
            id,
            url,
            listed: Vec::new(),
            found: 0,
            looked_up: None,
            unanswered: None,
            is_followed: false,
            hurry: Arc::default(),
        }
    }
}

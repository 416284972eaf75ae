//! A target of a color, and a name of which each address is one: what is known of them.

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
    /// The one address that it is; `None`: it is not one address, or its name has none at present.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) books: Arc<TargetBooks>,
    pub(crate) health: TargetHealth,
    /// The addresses that traffic uses; empty: none.
    pub(crate) addresses: Vec<SocketAddr>,
    /// How often it has left an address.
    pub(crate) moves: u32,
    /// The addresses that the name had when a resolver last answered.
    pub(crate) listed: Vec<SocketAddr>,
    /// Those of them that are not proven, and so not used.
    pub(crate) candidates: Vec<Candidate>,
    /// Traffic could not connect, or of an address of a name the last probe failed, and no probe has
    /// passed since.
    pub(crate) suspect: bool,
    /// Nobody answered the last probe: it could not connect.
    pub(crate) absent: bool,
    /// The last connect there was told that nobody listens, and no probe has passed since.
    pub(crate) refused: bool,
    /// When it became what it is.
    pub(crate) since: Instant,
    /// How an answer of it broke the protocol since the last probe, and what was counted of its
    /// answers up to that probe.
    pub(crate) malformed: Option<&'static str>,
    pub(crate) answers: Answers,
    /// Set while a failure that traffic met is being confirmed.
    pub(crate) confirming: bool,
    /// The certificate that it has shown last.
    pub(crate) certificate: Option<PeerCertificate>,
    /// A task probes it.
    pub(crate) is_probed: bool,
    /// Asks for the next probe at once.
    pub(crate) hurry: Arc<Notify>,
}

/// An address that traffic does not use, and what probes of it alone have found.
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
    /// The addresses that are used, of those that it had when a resolver last answered.
    pub(crate) listed: Vec<SocketAddr>,
    /// The number of addresses that it had then.
    pub(crate) found: usize,
    /// When the last lookup began, since the process started; `None`: there was none yet.
    pub(crate) looked_up: Option<Duration>,
    /// Since when lookups have no answer, and why.
    pub(crate) unanswered: Option<(Time, String)>,
    /// A task follows it.
    pub(crate) is_followed: bool,
    /// Asks for the next lookup at once.
    pub(crate) hurry: Arc<Notify>,
}

// === impl TargetSeat ===

impl TargetSeat {
    /// A target of which nothing is known yet.
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

    /// Whether workers may choose it: nothing speaks against it yet, or any more.
    pub(crate) fn is_usable(&self) -> bool {
        self.health.standing() != Standing::Down && self.is_reachable()
    }

    /// Whether requests can be sent to it at all.
    pub(crate) fn is_reachable(&self) -> bool {
        self.url.socket().is_some() || !self.addresses.is_empty()
    }

    /// As people are told of it.
    pub(crate) fn name(&self) -> TargetName {
        TargetName { url: self.url.clone(), address: self.address }
    }

    /// Whether it gets traffic, and nothing speaks against it.
    pub(crate) fn is_good(&self) -> bool {
        self.is_usable() && !self.suspect
    }

    /// Whether it gets traffic, and probes have found it up.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_reachable() && self.health.standing() == Standing::Up
    }

    /// Lets traffic use the address that it is.
    // lossless: L9 - only once it is proven, or where nothing can be known yet.
    pub(crate) fn admit(&mut self) {
        self.addresses = self.address.into_iter().collect();
    }

    /// Takes it out of traffic until it is proven again.
    pub(crate) fn withdraw(&mut self) {
        self.addresses.clear();
    }

    /// The same at an address, where nothing is known of it yet.
    pub(super) fn becomes(self, address: SocketAddr) -> Self {
        let (health, since) = (TargetHealth::default(), Instant::now());
        let (absent, suspect, refused) = (false, false, false);
        Self { address: Some(address), health, since, absent, suspect, refused, ..self }
    }

    /// Whether it is to be probed and is not yet; from now on it is.
    pub(crate) fn begins(&mut self) -> bool {
        let somewhere = self.address.is_some() || !self.url.is_each_address();
        somewhere && !std::mem::replace(&mut self.is_probed, true)
    }

    /// Whether it is proven to be down.
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

//! The immutable snapshot that the data plane reads.

use std::net::SocketAddr;
use std::time::Duration;

use rules::{
    Color, Generation, Limits, Notice, Policy, ServiceName, Split, TargetUrl, Underscores, Version,
};

use crate::books::{ColorBooks, ServiceBooks, TargetBooks};
use crate::route::Routes;
use crate::sync::Arc;

/// Everything that a worker needs to route a request and choose its target.
#[derive(Debug)]
pub struct Table {
    /// The newest generation in this table.
    pub generation: Generation,
    /// The limits for clients' requests.
    pub limits: Limits,
    /// All services; routes refer to them by index.
    pub services: Vec<Arc<Service>>,
    /// The colors and targets that are being drained now, on any service.
    pub draining: Vec<Draining>,
    /// The routes to services.
    pub routes: Routes,
}

/// One service as the data plane sees it.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// The generation of its own last change.
    pub generation: Generation,
    /// The colors that receive its requests, on which new leases are taken.
    pub split: Split,
    /// Both colors, in the order of [`Color::index`].
    pub colors: [ColorEntry; 2],
    /// The prefix of the paths of its requests, without the slash at its end; empty: any path.
    pub path_prefix: Box<str>,
    /// True if all its targets, in a table or not, use HTTP/2 without TLS.
    pub only_h2c: bool,
    /// The way its requests are served.
    pub policy: Arc<Policy>,
    /// Set while new requests wait at Teal.
    pub held: Option<Held>,
    /// Set while Teal answers new requests itself.
    pub maintenance: Option<Arc<Notice>>,
    /// The decisions about its previews; `None`: it has none.
    pub previews: Option<Arc<PreviewTerms>>,
    /// Its books, the same object in every table that has this service.
    pub books: Arc<ServiceBooks>,
}

/// The decisions that previews of a service depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviewTerms {
    /// The number of times that its tokens were revoked.
    pub serial: u64,
    /// True for a color to which nothing is sent, in the order of [`Color::index`].
    pub closed: [bool; 2],
    /// The versions of both colors, in the same order; `None`: not known.
    pub versions: [Option<Version>; 2],
}

/// One color of a service.
#[derive(Debug)]
pub struct ColorEntry {
    /// The identity of this color, unique over all services and never reused.
    pub id: ColorId,
    /// The targets of this color.
    pub targets: Vec<Arc<TargetEntry>>,
    /// Its books, the same object in every table that has this color.
    pub books: Arc<ColorBooks>,
}

/// One target of a color.
#[derive(Debug)]
pub struct TargetEntry {
    /// The identity of this target, unique over all colors and never reused.
    pub id: TargetId,
    /// The address as configured.
    pub url: TargetUrl,
    /// The address of this target, one of those that its name has; `None`: it has no fixed address.
    pub address: Option<SocketAddr>,
    /// The addresses at which it is proven, or that were found at the start; empty: none.
    pub addresses: Vec<SocketAddr>,
    /// The number of times that it has left an address. An older connection leads elsewhere, perhaps to another
    /// host that has the address now.
    pub moves: u32,
    /// True if requests should prefer it: false only if probes say it is down.
    pub usable: bool,
    /// Its books, the same object in every table that has this target.
    pub books: Arc<TargetBooks>,
}

/// A color or target that is being drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draining {
    /// The color or target.
    pub what: Leaving,
    /// True once the drain deadline has passed: leases still there must end now (L3).
    pub cut: bool,
    /// The time after the beginning of the drain within which long streams are asked to end, if they are.
    pub close_within: Duration,
}

/// A color or target that traffic leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaving {
    /// A color with all its targets.
    Color(ColorId),
    /// One target of a color that keeps others.
    Target(TargetId),
}

/// The order to keep new requests waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The longest that one request waits, from its own arrival.
    pub max_wait: Duration,
}

/// The identity of a color of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColorId(pub u32);

/// The identity of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId(pub u32);

// === impl Table ===

impl Table {
    /// Makes a table without a service: every request is answered 404.
    pub fn empty(limits: Limits) -> Self {
        Self {
            generation: Generation(0),
            limits,
            services: Vec::new(),
            draining: Vec::new(),
            routes: Routes::default(),
        }
    }

    /// Returns the drain of this color or target, if it is being drained, and whether it must be cut.
    pub fn draining(&self, what: impl Into<Leaving>) -> Option<Draining> {
        let what = what.into();
        self.draining.iter().copied().find(|draining| draining.what == what)
    }

    /// Returns the index of a service, by name.
    pub fn index_of(&self, name: &ServiceName) -> Option<usize> {
        self.services.iter().position(|service| service.name == *name)
    }
}

// === impl Leaving ===

impl From<ColorId> for Leaving {
    fn from(id: ColorId) -> Self {
        Self::Color(id)
    }
}

impl From<TargetId> for Leaving {
    fn from(id: TargetId) -> Self {
        Self::Target(id)
    }
}

// === impl Service ===

impl Service {
    /// Makes a service with default settings: blue is active, and nothing is held.
    pub fn new(name: ServiceName, colors: [ColorEntry; 2], books: Arc<ServiceBooks>) -> Self {
        Self {
            name,
            generation: Generation(0),
            split: Split::only(Color::Blue),
            colors,
            path_prefix: Box::default(),
            only_h2c: false,
            policy: Arc::default(),
            held: None,
            maintenance: None,
            previews: None,
            books,
        }
    }

    /// Returns the prefix removed from paths before they are sent to a target; empty: none.
    pub fn strip(&self) -> &str {
        if self.policy.strip_prefix { &self.path_prefix } else { "" }
    }

    /// Returns true if request fields with an underscore in their name are kept. `grpc`: in a gRPC call. HTTP/2
    /// targets without TLS are never behind CGI; others may be.
    pub fn keeps_underscores(&self, grpc: bool) -> bool {
        match self.policy.underscores {
            Underscores::Keep => true,
            Underscores::Drop => false,
            Underscores::Auto => grpc || self.only_h2c,
        }
    }

    /// Returns the colors that receive its requests.
    pub fn receivers(&self) -> impl Iterator<Item = &ColorEntry> {
        self.split.receivers().map(|color| self.color(color))
    }

    /// One of the two colors.
    pub fn color(&self, color: Color) -> &ColorEntry {
        match color {
            Color::Blue => &self.colors[0],
            Color::Green => &self.colors[1],
        }
    }
}

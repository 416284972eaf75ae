//! Past decisions, newest last: the newest 100 receipts, the newest 100 other changes, and the
//! newest 100 calls that ended while they still waited.

use std::collections::VecDeque;
use std::time::Duration;

use crate::name::{Actor, Generation, ServiceName};
use crate::receipt::Receipt;
use crate::time::Time;
use crate::wait::{Verb, WaitEnd};

/// The number of receipts that are kept, and that of other changes, and of ended waits.
pub const KEPT: usize = 100;

/// A past decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// A switch, rollback or failover.
    Switch(Box<Receipt>),
    /// A reload that changed where traffic goes.
    Reload {
        /// The generation that it created.
        generation: Generation,
        /// The actor that asked for it.
        actor: Actor,
        /// The time of the decision.
        at: Time,
        /// The services that were added, removed or moved.
        services: Vec<ServiceName>,
    },
    /// New requests were held.
    Hold {
        /// The service.
        service: ServiceName,
        /// The actor that asked for it.
        actor: Actor,
        /// The time of the decision.
        at: Time,
        /// The longest that one request waits.
        max_wait: Duration,
    },
    /// Waiting requests were released.
    Resume {
        /// The service.
        service: ServiceName,
        /// The actor that asked for it.
        actor: Actor,
        /// The time of the decision.
        at: Time,
    },
    /// A call that was waiting ended before it decided anything.
    Waited {
        /// The kind of call.
        verb: Verb,
        /// The services that it was about; none: all.
        services: Vec<ServiceName>,
        /// The actor that asked.
        actor: Actor,
        /// The time since when it waited.
        since: Time,
        /// The time of its end.
        at: Time,
        /// The way it ended.
        end: WaitEnd,
    },
}

/// The newest deeds, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    deeds: VecDeque<Deed>,
}

// === impl Deed ===

impl Deed {
    /// The receipt, if this is a switch.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Switch(receipt) => Some(receipt),
            _ => None,
        }
    }

    /// The kind; deeds only push out others of their kind.
    fn kind(&self) -> u8 {
        match self {
            Self::Switch(_) => 0,
            Self::Reload { .. } | Self::Hold { .. } | Self::Resume { .. } => 1,
            Self::Waited { .. } => 2,
        }
    }
}

// === impl History ===

impl History {
    /// All deeds, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Deed> {
        self.deeds.iter()
    }

    /// All receipts, oldest first.
    pub fn receipts(&self) -> impl DoubleEndedIterator<Item = &Receipt> {
        self.deeds.iter().filter_map(Deed::receipt)
    }

    /// The receipts of a generation: one for each service that it moved.
    pub fn receipts_of(&self, generation: Generation) -> impl DoubleEndedIterator<Item = &Receipt> {
        self.receipts().filter(move |receipt| receipt.generation == generation)
    }

    /// The receipt of a service from a generation.
    pub fn receipt(&self, generation: Generation, service: &ServiceName) -> Option<&Receipt> {
        self.receipts_of(generation).find(|receipt| receipt.service == *service)
    }

    pub(crate) fn receipts_mut(&mut self) -> impl Iterator<Item = &mut Receipt> {
        self.deeds.iter_mut().filter_map(|deed| match deed {
            Deed::Switch(receipt) => Some(&mut **receipt),
            _ => None,
        })
    }

    /// Adds a deed and drops the oldest of its kind if there are too many. Receipts of one
    /// switch are dropped together.
    pub(crate) fn push(&mut self, deed: Deed) {
        let same_kind = |other: &Deed| other.kind() == deed.kind();
        if self.deeds.iter().filter(|other| same_kind(other)).count() >= KEPT
            && let Some(oldest) = self.deeds.iter().position(same_kind)
        {
            let gone = self.deeds.remove(oldest);
            let switch = |deed: &Deed| deed.receipt().map(|receipt| receipt.generation);
            if let Some(gone) = gone.as_ref().and_then(switch)
                && switch(&deed) != Some(gone)
            {
                self.deeds.retain(|other| switch(other) != Some(gone));
            }
        }
        self.deeds.push_back(deed);
    }
}

impl FromIterator<Deed> for History {
    fn from_iter<I: IntoIterator<Item = Deed>>(deeds: I) -> Self {
        let mut history = Self::default();
        deeds.into_iter().for_each(|deed| history.push(deed));
        history
    }
}

//! What was decided, newest last: the newest 100 receipts, the newest 100 other changes, and the
//! newest 100 calls that ended while they still waited.

use std::collections::VecDeque;
use std::time::Duration;

use crate::name::{Actor, Generation, ServiceName};
use crate::receipt::Receipt;
use crate::time::Time;
use crate::wait::{Verb, WaitEnd};

/// How many receipts are kept, how many other changes, and how many ended waits.
pub const KEPT: usize = 100;

/// One thing that was decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// A switch, rollback or failover.
    Switch(Box<Receipt>),
    /// A reload that changed where traffic goes.
    Reload {
        /// The generation that it made.
        generation: Generation,
        /// Who asked for it.
        actor: Actor,
        /// When it was decided.
        at: Time,
        /// The services that came, left or moved.
        services: Vec<ServiceName>,
    },
    /// New requests were made to wait.
    Hold {
        /// The service.
        service: ServiceName,
        /// Who asked for it.
        actor: Actor,
        /// When it was decided.
        at: Time,
        /// The longest that one request waits.
        max_wait: Duration,
    },
    /// Waiting requests were let go.
    Resume {
        /// The service.
        service: ServiceName,
        /// Who asked for it.
        actor: Actor,
        /// When it was decided.
        at: Time,
    },
    /// A call that was waiting ended before it decided anything.
    Waited {
        /// What it asked for.
        verb: Verb,
        /// The services that it was about; none: all.
        services: Vec<ServiceName>,
        /// Who asked.
        actor: Actor,
        /// Since when it waited.
        since: Time,
        /// When it ended.
        at: Time,
        /// How.
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

    /// Deeds of one kind push out each other and no others.
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

    /// Adds a deed and lets the oldest of its kind go if there are too many. Receipts of one
    /// switch go together.
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

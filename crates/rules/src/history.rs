//! What was decided, newest last: the newest 100 receipts and the newest 100 other changes.

use std::collections::VecDeque;
use std::time::Duration;

use crate::name::{Actor, Generation, ServiceName};
use crate::receipt::Receipt;
use crate::time::Time;

/// How many receipts are kept, and how many other changes.
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
            Self::Reload { .. } | Self::Hold { .. } | Self::Resume { .. } => None,
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
        let same_kind = |other: &Deed| other.receipt().is_some() == deed.receipt().is_some();
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

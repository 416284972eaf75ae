//! Past decisions, newest last: the newest 100 receipts, the newest 100 other changes, the newest 100 begins and
//! ends of deploys, and the newest 100 calls that ended while they still waited.

use std::collections::VecDeque;
use std::time::Duration;

use crate::deploy::{Deploy, DeployId, DeployResult};
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::receipt::Receipt;
use crate::time::Time;
use crate::told::Told;
use crate::version::Version;
use crate::wait::{Verb, WaitEnd};

/// The number of receipts that are kept, and that of each other kind of entry.
pub const KEPT: usize = 100;

/// An entry of the history: a past decision.
#[derive(Clone, Debug, PartialEq)]
pub enum HistoryEntry {
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
    /// A color was retired.
    Retire {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
        /// The actor that asked for it.
        actor: Actor,
        /// The time of the decision.
        at: Time,
    },
    /// A runner has told the targets of a color.
    Told(Told),
    /// A deploy began or ended.
    Deploy(Box<DeployEntry>),
    /// Teal began to answer new requests itself, or changed its answer.
    MaintenanceBegan {
        /// The services: one, or those of a group.
        services: Vec<ServiceName>,
        /// The actor that asked for it.
        actor: Actor,
        /// The time of the decision.
        at: Time,
        /// The sentence for clients, if one was given.
        message: Option<String>,
    },
    /// New requests went to the services again.
    MaintenanceEnded {
        /// The services.
        services: Vec<ServiceName>,
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

/// The begin or the end of a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployEntry {
    /// The deploy.
    pub id: DeployId,
    /// Its services.
    pub services: Vec<ServiceName>,
    /// The color that it deploys to.
    pub color: Color,
    /// The version, if one was named.
    pub version: Option<Version>,
    /// The actor that has it.
    pub actor: Actor,
    /// The user and the host of its command line.
    pub by: Option<String>,
    /// The time.
    pub at: Time,
    /// The result; `None`: it began.
    pub result: Option<DeployResult>,
    /// The reason for the result.
    pub detail: Option<String>,
}

/// The newest entries, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    entries: VecDeque<HistoryEntry>,
}

// === impl HistoryEntry ===

impl HistoryEntry {
    /// The receipt, if this is a switch.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Switch(receipt) => Some(receipt),
            _ => None,
        }
    }

    /// The kind; entries only push out others of their kind.
    fn kind(&self) -> u8 {
        match self {
            Self::Switch(_) => 0,
            Self::Reload { .. }
            | Self::Hold { .. }
            | Self::Resume { .. }
            | Self::Retire { .. }
            | Self::Told(_)
            | Self::MaintenanceBegan { .. }
            | Self::MaintenanceEnded { .. } => 1,
            Self::Waited { .. } => 2,
            Self::Deploy(_) => 3,
        }
    }
}

// === impl DeployEntry ===

impl DeployEntry {
    /// The entry about a deploy as it is now.
    pub(crate) fn of(deploy: &Deploy, at: Time) -> Self {
        Self {
            id: deploy.id,
            services: deploy.services.clone(),
            color: deploy.color,
            version: deploy.version.clone(),
            actor: deploy.actor.clone(),
            by: deploy.by.clone(),
            at,
            result: deploy.ended.as_ref().map(|end| end.result),
            detail: deploy.ended.as_ref().and_then(|end| end.detail.clone()),
        }
    }
}

// === impl History ===

impl History {
    /// All entries, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &HistoryEntry> {
        self.entries.iter()
    }

    /// All receipts, oldest first.
    pub fn receipts(&self) -> impl DoubleEndedIterator<Item = &Receipt> {
        self.entries.iter().filter_map(HistoryEntry::receipt)
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
        self.entries.iter_mut().filter_map(|entry| match entry {
            HistoryEntry::Switch(receipt) => Some(&mut **receipt),
            _ => None,
        })
    }

    /// Adds an entry and drops the oldest of its kind if there are too many. Receipts of one
    /// switch are dropped together.
    pub(crate) fn push(&mut self, entry: HistoryEntry) {
        let same_kind = |other: &HistoryEntry| other.kind() == entry.kind();
        if self.entries.iter().filter(|other| same_kind(other)).count() >= KEPT
            && let Some(oldest) = self.entries.iter().position(same_kind)
        {
            let gone = self.entries.remove(oldest);
            let switch = |entry: &HistoryEntry| entry.receipt().map(|receipt| receipt.generation);
            if let Some(gone) = gone.as_ref().and_then(switch)
                && switch(&entry) != Some(gone)
            {
                self.entries.retain(|other| switch(other) != Some(gone));
            }
        }
        self.entries.push_back(entry);
    }
}

impl FromIterator<HistoryEntry> for History {
    fn from_iter<I: IntoIterator<Item = HistoryEntry>>(entries: I) -> Self {
        let mut history = Self::default();
        entries.into_iter().for_each(|entry| history.push(entry));
        history
    }
}

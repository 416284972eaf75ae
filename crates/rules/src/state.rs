//! The state of all decisions so far: where the traffic of every service goes, and why.
//!
//! Health is not in it (it is proven anew after a start), nor are settings (they come
//! from the configuration). Only `apply` and `follow` change a state.

mod invariant;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::deploy::{DeployResult, Deploys};
use crate::history::History;
use crate::maintenance::Maintenance;
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::rollout::{Quarantine, Rollouts};
use crate::split::Split;
use crate::target::TargetUrl;
use crate::time::Time;
use crate::version::Version;

pub use invariant::check;

/// The result of all decisions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub(crate) generation: Generation,
    pub(crate) publishing: Option<Generation>,
    pub(crate) services: BTreeMap<ServiceName, Service>,
    pub(crate) history: History,
    pub(crate) deploys: Deploys,
    pub(crate) rollouts: Rollouts,
}

/// The decisions about one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The colors that receive its traffic.
    pub split: Split,
    /// The generation of its own last change.
    pub generation: Generation,
    /// The generation that took the other color out of use, so that a rollback has somewhere
    /// to go; `None` if the other color never was active.
    pub left_other: Option<Generation>,
    /// The versions of both colors, in the order of [`Color::index`]; `None`: not known, or nothing runs there.
    pub versions: [Option<Version>; 2],
    /// True for a color to which nothing is sent, not even a probe, in the order of [`Color::index`].
    pub retired: [bool; 2],
    /// The targets that a runner has told for both colors, without settings, in the order of [`Color::index`].
    pub told: [Vec<TargetUrl>; 2],
    /// The generation of a rollback that no deploy has superseded.
    pub rolled_back: Option<Generation>,
    /// The candidate that Teal has taken back last, until another one is released in its color.
    pub quarantine: Option<Quarantine>,
    /// The ended deploys of it by result, in the order of [`DeployResult::ALL`].
    pub deploys: [u64; DeployResult::ALL.len()],
    /// The number of times that its preview tokens were revoked. A token has the number of its time, and is valid
    /// for no other.
    pub preview_serial: u64,
    /// Serving if it is configured at present, else removed.
    pub lifecycle: Lifecycle,
}

/// The state of a service in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// It is configured.
    Serving(Serving),
    /// It was configured, and is kept so that it is not reset if it is added again.
    Removed,
}

/// The part that only a configured service has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// Set while new requests wait; never in maintenance.
    pub held: Option<HeldSince>,
    /// Set while Teal answers new requests itself.
    pub maintenance: Option<Maintenance>,
    /// The last failover that no operator's switch has followed.
    pub failed_over: Option<Time>,
    /// The generation of the switch whose receipt is not yet complete.
    pub open: Option<Generation>,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSince {
    /// The time since when.
    pub since: Time,
    /// The actor that asked for it.
    pub by: Actor,
    /// The longest that one request waits.
    pub max_wait: Duration,
}

// === impl Service ===

impl Service {
    /// A service that was never switched.
    pub fn new(split: Split, generation: Generation, lifecycle: Lifecycle) -> Self {
        Self {
            split,
            generation,
            left_other: None,
            versions: [None, None],
            retired: [false, false],
            told: [Vec::new(), Vec::new()],
            rolled_back: None,
            quarantine: None,
            deploys: [0; DeployResult::ALL.len()],
            preview_serial: 0,
            lifecycle,
        }
    }
}

// === impl State ===

impl State {
    /// A state from its parts, as a snapshot has them; refused if they contradict each other.
    pub fn from_parts(
        generation: Generation,
        publishing: Option<Generation>,
        services: BTreeMap<ServiceName, Service>,
        history: History,
        deploys: Deploys,
        rollouts: Rollouts,
    ) -> Result<Self, String> {
        let state = Self { generation, publishing, services, history, deploys, rollouts };
        check(&state)?;
        Ok(state)
    }

    /// Returns true if nothing was ever decided.
    pub fn is_new(&self) -> bool {
        *self == Self::default()
    }

    /// The newest change of where traffic goes.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The generation that not every worker has acknowledged yet.
    pub fn publishing(&self) -> Option<Generation> {
        self.publishing
    }

    /// All services ever configured, by name.
    pub fn services(&self) -> impl Iterator<Item = (&ServiceName, &Service)> {
        self.services.iter()
    }

    /// A service that is configured at present, with the part that only such a service has.
    pub fn serving(&self, name: &ServiceName) -> Option<(&Service, &Serving)> {
        let service = self.services.get(name)?;
        match &service.lifecycle {
            Lifecycle::Serving(serving) => Some((service, serving)),
            Lifecycle::Removed => None,
        }
    }

    /// All services that are configured at present, by name.
    pub fn all_serving(&self) -> impl Iterator<Item = (&ServiceName, &Service, &Serving)> {
        self.services.iter().filter_map(|(name, service)| match &service.lifecycle {
            Lifecycle::Serving(serving) => Some((name, service, serving)),
            Lifecycle::Removed => None,
        })
    }

    /// The names of all services that are configured at present.
    pub fn serving_names(&self) -> Vec<ServiceName> {
        self.all_serving().map(|(name, ..)| name.clone()).collect()
    }

    /// The past decisions.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The deploys.
    pub fn deploys(&self) -> &Deploys {
        &self.deploys
    }

    /// The rollouts.
    pub fn rollouts(&self) -> &Rollouts {
        &self.rollouts
    }

    /// The active color of a service, configured at present or not.
    pub fn active(&self, name: &ServiceName) -> Option<Color> {
        self.services.get(name).map(|service| service.split.stable())
    }

    /// Returns true if nothing is sent to a color of a service, not even a probe.
    pub fn is_retired(&self, name: &ServiceName, color: Color) -> bool {
        self.services.get(name).is_some_and(|service| service.retired[color.index()])
    }

    /// The targets that were told last for a color, without settings; empty: none.
    pub fn told(&self, service: &ServiceName, color: Color) -> &[TargetUrl] {
        self.services.get(service).map_or(&[], |service| &service.told[color.index()])
    }

    /// The version of a color, if known.
    pub fn version(&self, name: &ServiceName, color: Color) -> Option<Version> {
        self.services.get(name)?.versions[color.index()].clone()
    }
}

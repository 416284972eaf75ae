//! Targets that a runner tells, where the configuration leaves a color to one.
//!
//! The configuration has the settings of such targets, and their addresses are decisions: told through the admin API,
//! journaled and kept in the state. Never here: the check of what is told, which is that of a service, and health.

use crate::deploy::DeployId;
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::target::{ProxyHeader, Resolve, TargetTls, TargetUrl};
use crate::time::Time;

/// The settings of the targets of a color that is left to a runner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetSettings {
    /// The TLS to `https` targets; `None`: every default.
    pub tls: Option<TargetTls>,
    /// The PROXY protocol header sent to them; `None`: there is none.
    pub announce: Option<ProxyHeader>,
    /// True if they get a Host of their own instead of the client's.
    pub own_host: bool,
    /// The targets that a name is.
    pub resolve: Resolve,
}

/// The order to use other targets for a color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tell {
    /// The service.
    pub service: ServiceName,
    /// The color.
    pub color: Color,
    /// The targets without settings; empty: nothing runs there.
    pub targets: Vec<TargetUrl>,
    /// The deploy that starts or stops them, and the claim of its command line; `None`: no deploy does.
    pub deploy: Option<(DeployId, u32)>,
    /// Refuse if the service has another generation.
    pub if_generation: Option<Generation>,
    /// The actor that asks.
    pub actor: Actor,
}

/// The decision to use other targets for a color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The service.
    pub service: ServiceName,
    /// The color.
    pub color: Color,
    /// The targets without settings; empty: none.
    pub targets: Vec<TargetUrl>,
    /// The generation that this creates; `None`: the color received no traffic, or has the same targets as before.
    pub generation: Option<Generation>,
    /// The actor that asked for it.
    pub actor: Actor,
    /// The time of the decision.
    pub at: Time,
}

// === impl TargetSettings ===

impl TargetSettings {
    /// Returns a target with these settings.
    pub fn apply(&self, url: TargetUrl) -> TargetUrl {
        let url = match self.tls.clone() {
            Some(tls) => url.with_tls(tls),
            None => url,
        };
        let url = url.with_announce(self.announce);
        let url = if self.own_host { url.with_own_host() } else { url };
        url.with_resolve(self.resolve)
    }
}

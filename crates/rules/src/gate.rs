//! May this be done now? What is asked before a switch, and again when it is decided.

use std::time::Duration;

use crate::command::{Aim, Wish};
use crate::health::{Proof, TargetHealth, Unproven};
use crate::name::{Color, Generation, ServiceName};
use crate::refusal::Refusal;
use crate::spec::Health;
use crate::state::{Service, Serving, State};
use crate::target::TargetUrl;
use crate::time::Time;

/// The shortest time between two failovers of a service that no operator has followed.
pub const FAILOVER_PAUSE: Duration = Duration::from_secs(60);

/// What a wish amounts to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// The color is active already.
    AlreadyOn {
        /// The color.
        color: Color,
        /// The generation of the service.
        generation: Generation,
    },
    /// All is well but for the evidence, which is not looked at here.
    Open {
        /// The active color.
        from: Color,
        /// The color to go to.
        to: Color,
        /// The generation of the service.
        generation: Generation,
    },
}

/// Why a color is not proven healthy now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The newest probe of a target failed: its reason, with the target.
    Failing(String),
    /// More probes are needed.
    TooLittle,
}

/// Finds the service that is meant: the named one, or the only one.
pub fn name_service(state: &State, name: Option<&ServiceName>) -> Result<ServiceName, Refusal> {
    let services = state.serving_names();
    match name {
        Some(name) if services.contains(name) => Ok(name.clone()),
        Some(name) => Err(Refusal::UnknownService { name: name.clone(), services }),
        None => match <[ServiceName; 1]>::try_from(services) {
            Ok([only]) => Ok(only),
            Err(services) => Err(Refusal::ServiceRequired { services }),
        },
    }
}

/// Whether a wish may be granted now, but for the evidence.
pub fn examine(state: &State, wish: &Wish, now: Time) -> Result<Passage, Refusal> {
    let (service, serving) = find(state, &wish.service)?;
    let generation = service.generation;
    // What is being published is not yet true on every worker: "already on" would be a lie.
    if serving.open.is_some() && serving.open == state.publishing {
        return Err(Refusal::SwitchInProgress { generation: state.publishing });
    }
    let to = match wish.aim {
        Aim::To(color) => color,
        Aim::AwayFrom(color) => color.other(),
        Aim::Back if service.left_other.is_none() => {
            return Err(Refusal::NothingToRollBack { service: wish.service.clone() });
        }
        Aim::Back => service.active.other(),
    };
    if to == service.active {
        return Ok(Passage::AlreadyOn { color: to, generation });
    }
    // Before the generation: while one is being published, another look is due anyway.
    if state.publishing.is_some() {
        return Err(Refusal::SwitchInProgress { generation: state.publishing });
    }
    if let Some(expected) = wish.if_generation.filter(|expected| *expected != generation) {
        let service = wish.service.clone();
        return Err(Refusal::GenerationMismatch { service, expected, actual: generation });
    }
    if let (Aim::AwayFrom(_), Some(last)) = (wish.aim, serving.failed_over) {
        let left = FAILOVER_PAUSE.saturating_sub(now.distance(last));
        if !left.is_zero() {
            return Err(Refusal::FailoverCooling { service: wish.service.clone(), left });
        }
    }
    Ok(Passage::Open { from: service.active, to, generation })
}

/// The evidence that a color is healthy now: of every target the newest `rise` probes, all
/// passed, the last less than one interval before `now` (since the process started).
// lossless: L9
pub fn evidence<'t>(
    targets: impl IntoIterator<Item = (&'t TargetUrl, &'t TargetHealth)>,
    settings: &Health,
    now: Duration,
) -> Result<Vec<Proof>, Lack> {
    let mut proofs = Vec::new();
    let mut too_little = false;
    for (target, health) in targets {
        match health.proof(target, settings, now) {
            Ok(passed) => proofs.extend(passed),
            Err(Unproven::TooLittle) => too_little = true,
            Err(Unproven::Failing(reason)) => {
                return Err(Lack::Failing(format!("{target}: {reason}")));
            }
        }
    }
    if too_little || proofs.is_empty() { Err(Lack::TooLittle) } else { Ok(proofs) }
}

pub(crate) fn find<'s>(
    state: &'s State,
    name: &ServiceName,
) -> Result<(&'s Service, &'s Serving), Refusal> {
    state.serving(name).ok_or_else(|| Refusal::UnknownService {
        name: name.clone(),
        services: state.serving_names(),
    })
}

//! The gate: checked before a switch, and again when it is decided.

use std::time::Duration;

use crate::command::{Direction, MoveRequest};
use crate::health::{Proof, TargetHealth, Unproven};
use crate::name::{Color, Generation, ServiceName};
use crate::refusal::Refusal;
use crate::spec::Health;
use crate::state::{Service, Serving, State};
use crate::target::TargetName;
use crate::time::Time;

/// The shortest time between two failovers of a service that no operator has followed.
const FAILOVER_PAUSE: Duration = Duration::from_secs(60);

/// The outcome of the gate for a request to switch now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateOutcome {
    /// The color is active already, for all services.
    AlreadyOn {
        /// The color.
        color: Color,
        /// The highest generation of the services.
        generation: Generation,
    },
    /// Allowed, if the evidence suffices, which is not checked here.
    Open {
        /// Those of the services that would move; never empty.
        moving: Vec<ServiceName>,
        /// Their active color.
        from: Color,
        /// The color to go to.
        to: Color,
        /// The highest generation of the services.
        generation: Generation,
    },
}

/// The reason why a color is not proven healthy now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColorUnproven {
    /// The newest probe of a target failed: its reason, with the target.
    Failing(String),
    /// More probes are needed.
    TooLittle,
}

/// Finds the service that is meant: the named one, or the only one.
pub fn name_service(state: &State, name: Option<&ServiceName>) -> Result<ServiceName, Refusal> {
    let Some(name) = name else {
        return match <[ServiceName; 1]>::try_from(state.serving_names()) {
            Ok([only]) => Ok(only),
            Err(services) => Err(Refusal::ServiceRequired { services }),
        };
    };
    if state.serving(name).is_none() {
        return Err(Refusal::UnknownService {
            name: name.clone(),
            services: state.serving_names(),
        });
    }
    Ok(name.clone())
}

/// Refuses a caller that has seen another generation of a service than its present one.
///
/// # Errors
/// Returns [`Refusal::UnknownService`] or [`Refusal::GenerationMismatch`].
pub fn expect_generation(
    state: &State,
    name: &ServiceName,
    expected: Option<Generation>,
) -> Result<(), Refusal> {
    let actual = find(state, name)?.0.generation;
    match expected.filter(|expected| *expected != actual) {
        None => Ok(()),
        Some(expected) => {
            Err(Refusal::GenerationMismatch { service: name.clone(), expected, actual })
        }
    }
}

/// Checks if the move is allowed now, ignoring health evidence: for all of its services or for none.
pub fn examine(state: &State, request: &MoveRequest, now: Time) -> Result<GateOutcome, Refusal> {
    let found: Vec<FoundService<'_>> = request
        .services
        .iter()
        .map(|name| FoundService::of(state, name))
        .collect::<Result<_, _>>()?;
    // While it is being published, not every worker has it yet: "already on" would be wrong.
    let mut open = found.iter().filter_map(|found| found.serving.open);
    if open.any(|open| state.publishing == Some(open)) {
        return Err(Refusal::SwitchInProgress { generation: state.publishing });
    }
    let Some(newest) = found.iter().max_by_key(|found| found.service.generation) else {
        return Err(Refusal::ServiceRequired { services: state.serving_names() });
    };
    let generation = newest.service.generation;
    let (from, moving) = moving(&found, request)?;
    if moving.is_empty() {
        return Ok(GateOutcome::AlreadyOn { color: from.other(), generation });
    }
    // Before the generation: while one is being published, the caller must look again anyway.
    if state.publishing.is_some() {
        return Err(Refusal::SwitchInProgress { generation: state.publishing });
    }
    if let Some(expected) = request.if_generation.filter(|expected| *expected != generation) {
        let service = newest.name.clone();
        return Err(Refusal::GenerationMismatch { service, expected, actual: generation });
    }
    moving.iter().try_for_each(|found| found.may_run(state, request.direction))?;
    moving.iter().try_for_each(|found| found.is_not_barred(request))?;
    if matches!(request.direction, Direction::AwayFrom(_)) {
        moving.iter().try_for_each(|found| found.cooled(now))?;
    }
    let moving = moving.into_iter().map(|found| found.name.clone()).collect();
    Ok(GateOutcome::Open { moving, from, to: from.other(), generation })
}

/// Returns the color to leave, and those of the services that are on it. A rollback undoes one
/// switch: of several services, the ones that their newest switch moved go back.
fn moving<'f, 's>(
    found: &'f [FoundService<'s>],
    request: &MoveRequest,
) -> Result<(Color, Vec<&'f FoundService<'s>>), Refusal> {
    let (from, undone) = match request.direction {
        Direction::To(color) => (color.other(), None),
        Direction::AwayFrom(color) => (color, None),
        Direction::Back => {
            let last = found.iter().max_by_key(|found| found.service.left_other);
            let last = last.filter(|found| found.service.left_other.is_some());
            let nothing = || Refusal::NothingToRollBack { services: request.services.clone() };
            let FoundService { service, .. } = last.ok_or_else(nothing)?;
            (service.split.stable(), service.left_other)
        }
    };
    let moves = |service: &Service| {
        service.split.stable() == from && (undone.is_none() || service.left_other == undone)
    };
    Ok((from, found.iter().filter(|found| moves(found.service)).collect()))
}

/// Returns the evidence that a color is healthy now: the newest `rise` probes of every target, all
/// passed, the last less than one interval before `now` (since the process started).
// lossless: L9
pub fn evidence<'t>(
    targets: impl IntoIterator<Item = (TargetName, &'t TargetHealth)>,
    settings: &Health,
    now: Duration,
) -> Result<Vec<Proof>, ColorUnproven> {
    let mut proofs = Vec::new();
    let mut too_little = false;
    for (target, health) in targets {
        match health.proof(&target, settings, now) {
            Ok(passed) => proofs.extend(passed),
            Err(Unproven::TooLittle) => too_little = true,
            Err(Unproven::Failing(reason)) => {
                return Err(ColorUnproven::Failing(format!("{target}: {reason}")));
            }
        }
    }
    if too_little || proofs.is_empty() { Err(ColorUnproven::TooLittle) } else { Ok(proofs) }
}

/// A service that a request to switch concerns.
struct FoundService<'s> {
    name: &'s ServiceName,
    service: &'s Service,
    serving: &'s Serving,
}

impl<'s> FoundService<'s> {
    fn of(state: &'s State, name: &'s ServiceName) -> Result<Self, Refusal> {
        let (service, serving) = find(state, name)?;
        Ok(Self { name, service, serving })
    }

    /// Refuses to go to a retired color, which may be stopped at any moment. A switch says that its environment runs
    /// again; while a deploy is open, that may be the one being stopped.
    // lossless: L4
    fn may_run(&self, state: &State, direction: Direction) -> Result<(), Refusal> {
        let color = self.service.split.stable().other();
        let deploy = state.deploys.open_of(self.name).map(|deploy| deploy.id);
        let is_told = matches!(direction, Direction::To(_)) && deploy.is_none();
        if is_told || !self.service.retired[color.index()] {
            return Ok(());
        }
        Err(Refusal::ColorRetired { service: self.name.clone(), color, deploy })
    }

    /// Refuses to go to a version that Teal has taken back. A failover goes there: the active color is dead.
    fn is_not_barred(&self, request: &MoveRequest) -> Result<(), Refusal> {
        let color = self.service.split.stable().other();
        let known = self.service.versions[color.index()].as_ref();
        let version = request.version.as_ref().or(known);
        let quarantine = self.service.quarantine.as_ref();
        let barring = quarantine.filter(|quarantine| quarantine.bars(color, version));
        let is_asked = !request.supersede && !matches!(request.direction, Direction::AwayFrom(_));
        let Some(quarantine) = barring.filter(|_| is_asked) else { return Ok(()) };
        Err(Refusal::Quarantined {
            service: self.name.clone(),
            color,
            version: quarantine.version.clone(),
            rollout: quarantine.rollout,
        })
    }

    /// Refuses a failover too soon after the last one.
    fn cooled(&self, now: Time) -> Result<(), Refusal> {
        let since = self.serving.failed_over.map_or(FAILOVER_PAUSE, |last| now.distance(last));
        let left = FAILOVER_PAUSE.saturating_sub(since);
        if left.is_zero() {
            return Ok(());
        }
        Err(Refusal::FailoverCooling { service: self.name.clone(), left })
    }
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

//! Refusals as problems: the code of each, and the members that scripts need.

use contract::Code;
use contract::unit::rfc3339;
use rules::near::{FEW, nearest};
use rules::{DeployRefusal, Refusal, TAKE_AFTER};
use serde_json::json;

use crate::problem::Problem;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        let mut text = text.lines();
        let title = text.next().unwrap_or_default();
        let problem = Self::new(Code::from(&refusal), title);
        let problem = text.fold(problem, Self::because);
        members(problem, &refusal)
    }
}

/// Adds the members that scripts need without parsing the text.
fn members(problem: Problem, refusal: &Refusal) -> Problem {
    let names = |services: &[rules::ServiceName]| {
        json!(services.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    // There may be thousands of them.
    let few = |services: &[rules::ServiceName]| names(&services[..services.len().min(FEW)]);
    match refusal {
        Refusal::ServiceRequired { services } => {
            problem.with("services", few(services)).with("count", services.len())
        }
        Refusal::UnknownService { name, services } => {
            let near = nearest(name.as_str(), services.iter().map(rules::ServiceName::as_str));
            let near = near.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let problem = problem.with("services", few(services)).with("count", services.len());
            problem.with("did_you_mean", near)
        }
        Refusal::UnknownGroup { groups, .. } => {
            let few: Vec<_> = groups.iter().take(FEW).map(ToString::to_string).collect();
            problem.with("groups", json!(few)).with("count", groups.len())
        }
        Refusal::Unhealthy { service, color, reason }
        | Refusal::WarmUpFailed { service, color, reason } => {
            of_color(problem, service, *color).with("reason", reason.as_str())
        }
        Refusal::GenerationMismatch { service, expected, actual } => problem
            .with("service", service.as_str())
            .with("expected", expected.0)
            .with("actual", actual.0),
        Refusal::PublishIncomplete { generation, workers } => {
            problem.with("generation", generation.0).with("workers", json!(workers))
        }
        Refusal::ReloadProblems { problems } => problem.with("problems", json!(problems)),
        Refusal::SwitchInProgress { .. } => problem.retry_after(1),
        Refusal::NothingToRollBack { services } | Refusal::NotInMaintenance { services } => {
            match &services[..] {
                [service] => problem.with("service", service.as_str()),
                services => problem.with("services", names(services)),
            }
        }
        Refusal::AlreadyHeld { service }
        | Refusal::NotHeld { service }
        | Refusal::InMaintenance { service }
        | Refusal::NoPreviews { service } => problem.with("service", service.as_str()),
        Refusal::Superseded { by, actor } => {
            problem.with("by", by.to_string()).with("actor", actor.to_string())
        }
        Refusal::ColorDraining { service, leases, connections, .. } => problem
            .with("service", service.as_str())
            .with("leases", *leases)
            .with("connections", *connections)
            .retry_after(1),
        Refusal::ColorRetired { service, color, deploy: Some(id) } => {
            of_color(problem, service, *color).with("deploy", id.0).retry_after(1)
        }
        Refusal::ColorRetired { service, color, deploy: None }
        | Refusal::TargetsConfigured { service, color } => of_color(problem, service, *color),
        Refusal::Deploy(refusal) => of_deploy(problem, refusal),
        Refusal::Quarantined { .. } => of_quarantine(problem, refusal),
        Refusal::NoReceipt { .. }
        | Refusal::UnknownRollout { .. }
        | Refusal::Abandoned
        | Refusal::JournalSlow { .. }
        | Refusal::ColorActive { .. }
        | Refusal::JournalUnavailable { .. }
        | Refusal::UpgradeInProgress
        | Refusal::DrainUnderWay
        | Refusal::UpgradeFailed { .. }
        | Refusal::FailoverCooling { .. }
        | Refusal::InvalidTargets { .. }
        | Refusal::Stopping => problem,
    }
}

fn of_color(problem: Problem, service: &rules::ServiceName, color: rules::Color) -> Problem {
    problem.with("service", service.as_str()).with("color", color.as_str())
}

fn of_quarantine(problem: Problem, refusal: &Refusal) -> Problem {
    let Refusal::Quarantined { service, color, version, rollout } = refusal else { return problem };
    let problem = of_color(problem, service, *color).with("rollout", rollout.0);
    match version {
        Some(version) => problem.with("version", version.as_str()),
        None => problem,
    }
}

fn of_deploy(problem: Problem, refusal: &DeployRefusal) -> Problem {
    match refusal {
        DeployRefusal::InProgress { deploy, .. } => {
            let services: Vec<_> = deploy.services.iter().map(ToString::to_string).collect();
            problem
                .with("deploy", deploy.id.0)
                .with("services", services)
                .with("by", deploy.by())
                .with("actor", deploy.actor.to_string())
                .with("since", rfc3339(deploy.started()))
                .with("step", deploy.step().0.as_str())
        }
        DeployRefusal::RolledBack { service, generation } => {
            problem.with("service", service.as_str()).with("generation", generation.0)
        }
        DeployRefusal::TakenOver { id, by, .. } => {
            problem.with("deploy", id.0).with("by", by.as_str())
        }
        DeployRefusal::ClientAlive { id, by, silent } => {
            let left = TAKE_AFTER.saturating_sub(*silent).as_secs();
            problem.with("deploy", id.0).with("by", by.as_str()).retry_after(left + 1)
        }
        DeployRefusal::Ended { id, result } => {
            problem.with("deploy", id.0).with("result", result.as_str())
        }
        DeployRefusal::ColorsDiffer { .. }
        | DeployRefusal::Unknown { .. }
        | DeployRefusal::Step { .. } => problem,
    }
}

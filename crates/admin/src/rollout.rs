//! `GET /admin/rollouts` and `GET /admin/rollouts/{id}`.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use contract::text;
use contract::wire::{ProblemDocument, Rollout, RolloutEvidence, Rollouts};
use control::{RolloutSelection, RolloutStatus};
use rules::{Refusal, RolloutId, ServiceName};

use crate::auth::Viewer;
use crate::form::Form;
use crate::problem::Problem;
use crate::query::{NoBody, Parameters, Query, RawParameters, invalid, whole};
use crate::settings::Api;

/// The parameters of a list of rollouts.
#[derive(Debug)]
pub(crate) struct RolloutsParameters {
    service: Option<ServiceName>,
}

/// The rollouts, newest first: those that are open, and the last 64 that ended.
#[utoipa::path(
    get,
    path = "/admin/rollouts",
    tag = "read",
    params(("service" = Option<String>, Query, description = "Only those of this service")),
    responses(
        (status = 200, description = "The rollouts", body = Rollouts),
        (status = "4XX", description = "Refused", body = ProblemDocument),
    ),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    _: Viewer,
    form: Form,
    Query(RolloutsParameters { service }): Query<RolloutsParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let selection = RolloutSelection { id: None, service };
    let found = api.prompt(api.handle.rollouts(selection)).await?;
    let rollouts = Rollouts { rollouts: found.iter().map(to_wire).collect() };
    Ok(form.answer(&rollouts, text::rollouts))
}

/// One rollout.
#[utoipa::path(
    get,
    path = "/admin/rollouts/{id}",
    tag = "read",
    params(("id" = String, Path, description = "The number of the rollout")),
    responses(
        (status = 200, description = "The rollout", body = Rollout),
        (status = "4XX", description = "Refused, or there is no such rollout", body = ProblemDocument),
    ),
)]
pub(crate) async fn one(
    State(api): State<Arc<Api>>,
    _: Viewer,
    form: Form,
    id: Result<Path<String>, PathRejection>,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    let digits = id.ok().and_then(|Path(digits)| whole(&digits));
    let id = digits.ok_or_else(|| invalid("id", "must be a whole number"))?;
    let selection = RolloutSelection { id: Some(RolloutId(id)), service: None };
    let found = api.prompt(api.handle.rollouts(selection)).await?;
    let one = found.first().ok_or(Refusal::Stopping)?;
    Ok(form.answer(&to_wire(one), text::rollout))
}

/// Converts a rollout to its wire form.
pub(crate) fn to_wire(status: &RolloutStatus) -> Rollout {
    let RolloutStatus { rollout, evidence, verdict, at } = status;
    let evidence = evidence.iter().map(|one| {
        let before = rollout.services.iter().find(|baseline| baseline.service == one.service);
        RolloutEvidence {
            service: one.service.to_string(),
            requests: one.requests,
            failed: one.failed,
            clients: one.clients,
            stable_requests: before.map_or(0, |before| before.requests),
            stable_failed: before.map_or(0, |before| before.failed),
            allowed: one.allowed,
            at_most: one.at_most,
            log10_e: one.log10_e,
            passes: one.passes,
        }
    });
    Rollout::of(rollout, evidence.collect(), verdict.clone(), *at)
}

// === impl RolloutsParameters ===

impl Parameters for RolloutsParameters {
    const ALLOWED: &'static [&'static str] = &["service"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        Ok(Self { service: given.service()? })
    }
}

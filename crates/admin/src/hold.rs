//! `POST /admin/hold` and `POST /admin/resume`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use contract::text;
use contract::unit::seconds;
use contract::wire::{HoldAnswer, HoldOutcome, ProblemDocument, ResumeOutcome, Resumed};
use control::{DryRunRequest, HoldRequest, ResumeRequest};
use rules::ServiceName;

use crate::auth::Deployer;
use crate::dry_run;
use crate::form::Form;
use crate::problem::Problem;
use crate::query::{NoBody, Parameters, Query, RawParameters, if_match};
use crate::settings::Api;
use crate::switch::RespondAt;

/// The parameters of a hold.
#[derive(Debug)]
pub(crate) struct HoldParameters {
    service: Option<ServiceName>,
    max_wait: Option<Duration>,
    drain: Option<Duration>,
    wait: RespondAt,
    dry_run: bool,
}

/// The parameters of a resume.
#[derive(Debug)]
pub(crate) struct ResumeParameters {
    service: Option<ServiceName>,
    dry_run: bool,
}

/// Holds new requests of a service at Teal instead of failing them.
#[utoipa::path(
    post,
    path = "/admin/hold",
    tag = "change",
    params(
        ("service" = Option<String>, Query, description = "The service; optional if there is only one"),
        ("max_wait" = Option<String>, Query, description = "The longest time a request waits, from its arrival; 30s by default"),
        ("drain" = Option<String>, Query, description = "The drain deadline for requests on the active color; the service's own by default"),
        ("wait" = Option<String>, Query, description = "`drained` (default): respond when no request is left on the active color; `published`: as soon as new requests wait"),
        ("dry_run" = Option<bool>, Query, description = "Only check the call and change nothing"),
        ("If-Match" = Option<String>, Header, description = "Refuse unless the service has this generation, such as `\"7\"`"),
    ),
    responses(
        (status = 200, description = "New requests are held, or the dry run passed", body = HoldOutcome),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 503, description = "The decision could not be written to the journal; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn hold(
    State(api): State<Arc<Api>>,
    Deployer(actor): Deployer,
    form: Form,
    Query(parameters): Query<HoldParameters>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let HoldParameters { service, max_wait, drain, wait, dry_run } = parameters;
    let if_generation = if_match(&headers)?;
    let request = HoldRequest { service, actor, if_generation, max_wait, drain };
    if dry_run {
        return dry_run::answer(&api, form, DryRunRequest::Hold(request)).await;
    }
    let held = api.handle.hold(request).await?;
    let answer = HoldAnswer {
        service: held.service.to_string(),
        color: held.color.into(),
        max_wait_seconds: seconds(held.max_wait),
        drain: wait.watch(held.color, held.drain).await,
    };
    Ok(form.answer(&answer, text::hold))
}

/// Releases the waiting requests of a service, in the order of their arrival.
#[utoipa::path(
    post,
    path = "/admin/resume",
    tag = "change",
    params(
        ("service" = Option<String>, Query, description = "The service; optional if there is only one"),
        ("dry_run" = Option<bool>, Query, description = "Only check the call and change nothing"),
        ("If-Match" = Option<String>, Header, description = "Refuse unless the service has this generation, such as `\"7\"`"),
    ),
    responses(
        (status = 200, description = "Requests are released, or the dry run passed", body = ResumeOutcome),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 503, description = "The decision could not be written to the journal; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn resume(
    State(api): State<Arc<Api>>,
    Deployer(actor): Deployer,
    form: Form,
    Query(ResumeParameters { service, dry_run }): Query<ResumeParameters>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let request = ResumeRequest { service, actor, if_generation: if_match(&headers)? };
    if dry_run {
        return dry_run::answer(&api, form, DryRunRequest::Resume(request)).await;
    }
    let resumed = api.handle.resume(request).await?;
    let answer = Resumed {
        service: resumed.service.to_string(),
        color: resumed.color.into(),
        waiting: resumed.waiting,
    };
    Ok(form.answer(&answer, text::resume))
}

// === impl HoldParameters, ResumeParameters ===

impl Parameters for HoldParameters {
    const ALLOWED: &'static [&'static str] = &["service", "max_wait", "drain", "wait", "dry_run"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        Ok(Self {
            service: given.service()?,
            max_wait: given.duration("max_wait")?,
            drain: given.duration("drain")?,
            wait: RespondAt::read(given)?,
            dry_run: given.flag("dry_run")?,
        })
    }
}

impl Parameters for ResumeParameters {
    const ALLOWED: &'static [&'static str] = &["service", "dry_run"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        Ok(Self { service: given.service()?, dry_run: given.flag("dry_run")? })
    }
}

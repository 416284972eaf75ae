//! `POST /admin/deploys`, `PATCH /admin/deploys/{id}` and the reads of both.
//!
//! A deploy is carried out by a command line; Teal keeps its record, which is also its lock. What is answered is
//! durable.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use contract::text;
use contract::wire::{
    Deploy, DeployOutcome, DeployReport, DeployRequest, Deploys, ProblemDocument,
};
use control::{
    BeginDeployRequest, DeploySelection, DeployStatus, DryRunRequest, ReportDeployRequest, Scope,
};
use rules::{DURATION_MAX, DeployId, GroupName, Refusal, ServiceName, Version};

use crate::auth::{Deployer, Viewer};
use crate::dry_run;
use crate::form::Form;
use crate::json_body::{self, JsonBody};
use crate::line::{REASON_MAX, one_line};
use crate::problem::Problem;
use crate::query::{NoBody, Parameters, Query, RawParameters, if_match, invalid, whole};
use crate::settings::Api;

/// The most characters of the name of a command line.
const BY_MAX: usize = 128;

/// The parameters of a list of deploys.
#[derive(Debug)]
pub(crate) struct DeploysParameters {
    service: Option<ServiceName>,
}

/// Begins a deploy to the idle color: makes its record, which locks its services for other deploys.
///
/// Refused while a service is in another deploy, and after a rollback unless `supersede` is true.
#[utoipa::path(
    post,
    path = "/admin/deploys",
    tag = "change",
    request_body(content = DeployRequest, content_type = "application/json"),
    params(
        ("If-Match" = Option<String>, Header, description = "Refuse unless the service has this generation, such as `\"7\"`; for a group the highest generation of its services counts"),
    ),
    responses(
        (status = 200, description = "The record", body = Deploy),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 500, description = "The disk has not confirmed the record yet", body = ProblemDocument),
        (status = 503, description = "The record could not be written to the journal; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn begin(
    State(api): State<Arc<Api>>,
    Deployer(actor): Deployer,
    form: Form,
    Query(()): Query<()>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<DeployRequest>,
) -> Result<Response, Problem> {
    let DeployRequest { service, group, version, by, reason, supersede, emergency, sweep } = body;
    let version = version.map(|text| Version::new(&text)).transpose();
    let request = BeginDeployRequest {
        scope: scope(service.as_deref(), group.as_deref())?,
        version: version.map_err(|error| json_body::invalid("version", &error.to_string()))?,
        actor,
        by: line("by", by.as_deref(), BY_MAX)?,
        reason: line("reason", reason.as_deref(), REASON_MAX)?,
        emergency,
        supersede,
        sweep,
        if_generation: if_match(&headers)?,
    };
    Ok(answer(form, &api.handle.begin_deploy(request).await?))
}

/// Reports the progress of a deploy, or that its command line is alive.
///
/// A step is durable when the call is answered. A command line names its claim, so that one that was replaced
/// changes nothing; with `take` it replaces another one, which must have been silent for 15 s or have paused.
#[utoipa::path(
    patch,
    path = "/admin/deploys/{id}",
    tag = "change",
    request_body(content = DeployReport, content_type = "application/json"),
    params(("id" = String, Path, description = "The number of the deploy")),
    responses(
        (status = 200, description = "The record, or the dry run passed", body = DeployOutcome),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 500, description = "The disk has not confirmed the report yet", body = ProblemDocument),
        (status = 503, description = "The report could not be written to the journal; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn report(
    State(api): State<Arc<Api>>,
    Deployer(actor): Deployer,
    form: Form,
    id: Result<Path<String>, PathRejection>,
    Query(()): Query<()>,
    JsonBody(body): JsonBody<DeployReport>,
) -> Result<Response, Problem> {
    let DeployReport { claim, take, by, step, pause, result, detail, keep_seconds, dry_run } = body;
    let request = ReportDeployRequest {
        id: number(id)?,
        actor,
        claim: (!take).then_some(claim),
        by: line("by", by.as_deref(), BY_MAX)?,
        step: step.map(Into::into),
        pause,
        result: result.map(Into::into),
        detail: line("detail", detail.as_deref(), REASON_MAX)?,
        keep: keep_seconds.map(|seconds| keep(seconds, result.is_some())).transpose()?,
    };
    if dry_run {
        return dry_run::answer(&api, form, DryRunRequest::Report(request)).await;
    }
    Ok(answer(form, &api.handle.report_deploy(request).await?))
}

/// The deploys, newest first: those in progress, and the last 64 that ended.
#[utoipa::path(
    get,
    path = "/admin/deploys",
    tag = "read",
    params(("service" = Option<String>, Query, description = "Only those of this service")),
    responses(
        (status = 200, description = "The deploys", body = Deploys),
        (status = "4XX", description = "Refused", body = ProblemDocument),
    ),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    _: Viewer,
    form: Form,
    Query(DeploysParameters { service }): Query<DeploysParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let selection = DeploySelection { id: None, service };
    let found = api.prompt(api.handle.deploys(selection)).await?;
    let deploys = Deploys { deploys: found.iter().map(to_wire).collect() };
    Ok(form.answer(&deploys, text::deploys))
}

/// One deploy.
#[utoipa::path(
    get,
    path = "/admin/deploys/{id}",
    tag = "read",
    params(("id" = String, Path, description = "The number of the deploy")),
    responses(
        (status = 200, description = "The deploy", body = Deploy),
        (status = "4XX", description = "Refused, or there is no such deploy", body = ProblemDocument),
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
    let selection = DeploySelection { id: Some(number(id)?), service: None };
    let found = api.prompt(api.handle.deploys(selection)).await?;
    let one = found.first().ok_or(Refusal::Stopping)?;
    Ok(answer(form, one))
}

/// Converts a deploy to its wire form.
pub(crate) fn to_wire(status: &DeployStatus) -> Deploy {
    Deploy::of(&status.deploy, status.silent, status.at)
}

fn answer(form: Form, status: &DeployStatus) -> Response {
    form.answer(&to_wire(status), text::deploy)
}

fn number(id: Result<Path<String>, PathRejection>) -> Result<DeployId, Problem> {
    let digits = id.ok().and_then(|Path(digits)| whole(&digits));
    digits.map(DeployId).ok_or_else(|| invalid("id", "must be a whole number"))
}

/// Returns the time for which an old environment stays up; refused without a result, or if it is too long.
fn keep(seconds: u64, has_result: bool) -> Result<Duration, Problem> {
    let keep = Duration::from_secs(seconds);
    if !has_result {
        return Err(json_body::invalid("keep_seconds", "it is allowed only with a result"));
    }
    if keep > DURATION_MAX {
        let most = DURATION_MAX.as_secs();
        return Err(json_body::invalid("keep_seconds", &format!("it is more than {most}")));
    }
    Ok(keep)
}

fn scope(service: Option<&str>, group: Option<&str>) -> Result<Scope, Problem> {
    match (service, group) {
        (None, None) => Ok(Scope::Only),
        (Some(service), None) => ServiceName::new(service)
            .map(Scope::Service)
            .map_err(|error| json_body::invalid("service", &error.to_string())),
        (None, Some(group)) => GroupName::new(group)
            .map(Scope::Group)
            .map_err(|error| json_body::invalid("group", &error.to_string())),
        (Some(_), Some(_)) => {
            Err(json_body::invalid("group", "it cannot be combined with service: give only one"))
        }
    }
}

/// Returns a text as one line without control characters; refused if it is too long. Empty: none.
fn line(name: &str, text: Option<&str>, most: usize) -> Result<Option<String>, Problem> {
    let read = one_line(text, most);
    read.map_err(|message| json_body::invalid(name, &format!("it {message}")))
}

// === impl DeploysParameters ===

impl Parameters for DeploysParameters {
    const ALLOWED: &'static [&'static str] = &["service"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        Ok(Self { service: given.service()? })
    }
}

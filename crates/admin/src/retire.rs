//! `POST /admin/retire`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use contract::Code;
use contract::text;
use contract::wire::{ProblemDocument, RetireOutcome, Retired};
use control::{DryRunRequest, RetireRequest};
use rules::{Color, ServiceName};

use crate::auth::Deployer;
use crate::dry_run;
use crate::form::Form;
use crate::problem::Problem;
use crate::query::{NoBody, Parameters, Query, RawParameters, if_match};
use crate::settings::Api;

/// The parameters of a retirement.
#[derive(Debug)]
pub(crate) struct RetireParameters {
    color: Color,
    service: Option<ServiceName>,
    dry_run: bool,
}

/// Retires an idle color: Teal sends it nothing any more, not even a probe, so that it may be stopped for good.
///
/// Refused while it is active or not drained. A switch or a deploy to the color ends its retirement.
#[utoipa::path(
    post,
    path = "/admin/retire",
    tag = "change",
    params(
        ("color" = contract::wire::Color, Query, description = "The color to retire"),
        ("service" = Option<String>, Query, description = "The service; optional if there is only one"),
        ("dry_run" = Option<bool>, Query, description = "Only check the call and change nothing"),
        ("If-Match" = Option<String>, Header, description = "Refuse unless the service has this generation, such as `\"7\"`"),
    ),
    responses(
        (status = 200, description = "It is retired, or the dry run passed", body = RetireOutcome),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 500, description = "The disk has not confirmed the decision yet", body = ProblemDocument),
        (status = 503, description = "The decision could not be written to the journal; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn retire(
    State(api): State<Arc<Api>>,
    Deployer(actor): Deployer,
    form: Form,
    Query(RetireParameters { color, service, dry_run }): Query<RetireParameters>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let request = RetireRequest { service, color, actor, if_generation: if_match(&headers)? };
    if dry_run {
        return dry_run::answer(&api, form, DryRunRequest::Retire(request)).await;
    }
    let retired = api.handle.retire(request).await?;
    let answer = Retired { service: retired.service.to_string(), color: retired.color.into() };
    Ok(form.answer(&answer, text::retired))
}

// === impl RetireParameters ===

impl Parameters for RetireParameters {
    const ALLOWED: &'static [&'static str] = &["color", "service", "dry_run"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        let color = given.text("color").and_then(|color| color.parse().ok());
        let title = "Invalid color: must be 'blue' or 'green'";
        let color = color.ok_or_else(|| Problem::new(Code::InvalidTarget, title))?;
        Ok(Self { color, service: given.service()?, dry_run: given.flag("dry_run")? })
    }
}

//! `PUT /admin/services/{name}/{color}/targets`.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use contract::Code;
use contract::text;
use contract::wire::{ProblemDocument, TargetsAnswer, TargetsRequest};
use rules::{Color, DeployId, Refusal, ServiceName, TargetUrl, leads_to, own_admin, own_listener};

use crate::auth::Deployer;
use crate::form::Form;
use crate::json_body::{self, JsonBody};
use crate::problem::Problem;
use crate::query::{Query, if_match};
use crate::settings::Api;

/// The most targets of a color that can be told.
const TARGETS_MAX: usize = 64;

/// Uses other targets for a color that the configuration leaves to a runner (`targets = "runner"`).
///
/// Targets of an active color must pass the gate first, which makes a generation; removed ones drain. Those of an idle
/// color start unknown. An empty list is refused for an active color. While a deploy of the service is open, only its
/// command line may do this.
#[utoipa::path(
    put,
    path = "/admin/services/{name}/{color}/targets",
    tag = "change",
    request_body(content = TargetsRequest, content_type = "application/json"),
    params(
        ("name" = String, Path, description = "The service"),
        ("color" = contract::wire::Color, Path, description = "The color"),
        ("If-Match" = Option<String>, Header, description = "Refuse unless the service has this generation, such as `\"7\"`"),
    ),
    responses(
        (status = 200, description = "Every worker has them", body = TargetsAnswer),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 500, description = "Decided, but not every worker has applied it yet, or the disk has not confirmed it", body = ProblemDocument),
        (status = 503, description = "The decision could not be written to the journal; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn targets(
    State(api): State<Arc<Api>>,
    Deployer(actor): Deployer,
    form: Form,
    place: Result<Path<(String, String)>, PathRejection>,
    Query(()): Query<()>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<TargetsRequest>,
) -> Result<Response, Problem> {
    let (service, color) = read_place(place)?;
    let if_generation = if_match(&headers)?;
    let TargetsRequest { targets, deploy, claim } = body;
    let targets = targets.ok_or_else(|| json_body::invalid("targets", "it is missing"))?;
    let targets = read(&api, &targets)?;
    let deploy = match (deploy, claim) {
        (None, None) => None,
        (Some(deploy), Some(claim)) => Some((DeployId(deploy), claim)),
        (Some(_), None) => return Err(json_body::invalid("claim", "a deploy needs its claim")),
        (None, Some(_)) => return Err(json_body::invalid("deploy", "a claim needs its deploy")),
    };
    let request = rules::Tell { service, color, targets, deploy, if_generation, actor };
    let told = api.handle.tell_targets(request).await?;
    let answer = TargetsAnswer {
        service: told.service.to_string(),
        color: told.color.into(),
        targets: told.targets.iter().map(ToString::to_string).collect(),
        generation: told.generation.map(|generation| generation.0),
    };
    Ok(form.answer(&answer, text::targets))
}

/// Returns the service and the color of a path. What cannot be one is not found.
fn read_place(
    place: Result<Path<(String, String)>, PathRejection>,
) -> Result<(ServiceName, Color), Problem> {
    let unknown = |why: &str| Problem::new(Code::NotFound, "Not found").because(why);
    let Path((name, color)) = place.map_err(|_| unknown("The path is not valid"))?;
    let color = color.parse().map_err(|_| unknown("A color is blue or green"))?;
    let name = ServiceName::new(&name).map_err(|_| unknown("No service can have this name"))?;
    Ok((name, color))
}

/// Returns the targets of a call, none of which is Teal itself.
fn read(api: &Api, targets: &[String]) -> Result<Vec<TargetUrl>, Problem> {
    if targets.len() > TARGETS_MAX {
        let why = format!("it has more than {TARGETS_MAX} targets");
        return Err(json_body::invalid("targets", &why));
    }
    let listeners = api.live.borrow().listeners.clone();
    let checked = targets.iter().map(|text| {
        let target = TargetUrl::parse(text).map_err(|invalid| invalid.0)?;
        if listeners.iter().any(|own| leads_to(&target, *own)) {
            return Err(own_listener(&target));
        }
        let is_socket = target.socket() == Some(&*api.socket);
        if is_socket || leads_to(&target, api.admin) {
            return Err(own_admin(&target));
        }
        Ok(target)
    });
    let checked: Result<Vec<TargetUrl>, String> = checked.collect();
    checked.map_err(|reason| Refusal::InvalidTargets { reason }.into())
}

//! `GET /admin/status`, `/livez` and `/readyz`.

mod shown;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use contract::text::{self, Extent};
use contract::unit::seconds;
use contract::wire::{About, Group, ProblemDocument, Status};
use control::Selection;

use crate::auth::Viewer;
use crate::form::{Form, body};
use crate::problem::Problem;
use crate::query::{Given, NoBody, Parameters, Query};
use crate::settings::Api;

/// The current routing of traffic, and whether the other color may be stopped.
#[utoipa::path(
    get,
    path = "/admin/status",
    tag = "read",
    params(
        ("service" = Option<String>, Query, description = "Only this service, or several separated by commas"),
        ("problems" = Option<bool>, Query, description = "Only services with a problem, the most severe first"),
        ("all" = Option<bool>, Query, description = "In plain text: a line for each service, however many there are"),
    ),
    responses(
        (status = 200, description = "The status", body = Status),
        (status = "4XX", description = "Refused", body = ProblemDocument),
    ),
)]
pub(crate) async fn status(
    State(api): State<Arc<Api>>,
    _: Viewer,
    form: Form,
    Query(Asked { selection, extent }): Query<Asked>,
    _: NoBody,
) -> Result<Response, Problem> {
    seen(&api, selection, move |mut status| {
        if extent.problems {
            status.services.retain(|service| !service.problems.is_empty());
            status.services.sort_by_key(|one| one.problems.first().map(|first| first.severity));
        }
        form.answer(&status, |status| text::status(status, extent))
    })
    .await
}

/// The parameters of a status.
#[derive(Debug)]
pub(crate) struct Asked {
    selection: Selection,
    extent: Extent,
}

impl Parameters for Asked {
    const ALLOWED: &'static [&'static str] = &["service", "problems", "all"];
    fn read(given: &Given) -> Result<Self, Problem> {
        let selection = Selection(given.services()?);
        let whole = !selection.0.is_empty();
        let (problems, all) = (given.flag("problems")?, given.flag("all")?);
        Ok(Self { selection, extent: Extent { whole, all, problems } })
    }
}

/// The number of services from which a response is built outside the control thread, which runs switches.
const MANY: usize = 32;

/// Reads the status and builds a response from it.
pub(crate) async fn seen<T: Send + 'static>(
    api: &Arc<Api>,
    selection: Selection,
    then: impl FnOnce(Status) -> T + Send + 'static,
) -> Result<T, Problem> {
    let seen = api.prompt(api.handle.status_of(selection)).await?;
    if seen.services.len() < MANY {
        return Ok(then(told(api, &seen)));
    }
    let api = api.clone();
    let made = tokio::task::spawn_blocking(move || then(told(&api, &seen)));
    made.await.map_err(|error| {
        tracing::error!(%error, "a status could not be built");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Problem::new(status, "internal", "The status could not be built")
    })
}

/// Converts a status to its wire form.
fn told(api: &Api, seen: &control::Status) -> Status {
    let live = api.live.borrow();
    Status {
        teal: About {
            version: api.version.to_owned(),
            pid: std::process::id(),
            instance: api.instance.clone(),
            uptime_seconds: seconds(api.since.elapsed()),
            older_pid: live.older_pid,
        },
        total: seen.total,
        generation: seen.generation.0,
        publishing: seen.publishing.map(|generation| generation.0),
        journal: seen.journal.clone(),
        listeners: live.listeners.iter().map(ToString::to_string).collect(),
        admin: api.admin.to_string(),
        certificates: {
            let own = live.certificates.iter().map(|one| shown::certificate(one, seen.at));
            let targets = seen.services.iter();
            own.chain(targets.flat_map(|one| shown::certificates_of_targets(one, seen.at)))
                .collect()
        },
        certificate_problem: live.certificate_problem.clone(),
        acme: live.orders.iter().map(shown::ordered).collect(),
        services: seen.services.iter().map(|service| shown::service(service, seen.at)).collect(),
        groups: seen.groups.iter().map(Group::from).collect(),
        waits: seen.calls.iter().map(|call| shown::wait(call, seen.at)).collect(),
        last_reload: seen.last_reload.as_ref().map(|reload| shown::reload(reload, seen.at)),
    }
}

/// Liveness: the process responds.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "read",
    responses((status = 200, description = "Alive", body = String, content_type = "text/plain")),
)]
pub(crate) async fn livez(_: Viewer, Query(()): Query<()>, _: NoBody) -> Response {
    body("text/plain; charset=utf-8", "live\n")
}

/// Readiness: listeners are bound and every worker has its first table, whatever the health of
/// the targets.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "read",
    responses(
        (status = 200, description = "Ready", body = String, content_type = "text/plain"),
        (status = 503, description = "Not yet", body = ProblemDocument),
    ),
)]
pub(crate) async fn readyz(
    State(api): State<Arc<Api>>,
    _: Viewer,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    if api.prompt(async { Ok(api.handle.is_ready().await) }).await? {
        return Ok(body("text/plain; charset=utf-8", "ready\n"));
    }
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Err(Problem::new(status, "not_ready", "Not ready").because("Workers are still starting"))
}

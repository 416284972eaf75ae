//! `GET /admin/status`, `/livez` and `/readyz`.

mod convert;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use contract::Code;
use contract::text::{self, Extent};
use contract::unit::seconds;
use contract::wire::{Group, ProblemDocument, ProcessInfo, Status, Workers};
use control::Selection;

use crate::auth::Viewer;
use crate::deploy;
use crate::form::{Form, body};
use crate::notify;
use crate::problem::Problem;
use crate::query::{NoBody, Parameters, Query, RawParameters};
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
    Query(StatusParameters { selection, extent }): Query<StatusParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    read_status(&api, selection, move |mut status| {
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
pub(crate) struct StatusParameters {
    selection: Selection,
    extent: Extent,
}

impl Parameters for StatusParameters {
    const ALLOWED: &'static [&'static str] = &["service", "problems", "all"];
    fn read(given: &RawParameters) -> Result<Self, Problem> {
        let selection = Selection(given.services()?);
        let whole = !selection.0.is_empty();
        let (problems, all) = (given.flag("problems")?, given.flag("all")?);
        Ok(Self { selection, extent: Extent { whole, all, problems } })
    }
}

/// The number of services from which a response is built outside the control thread, which runs switches.
const MANY: usize = 32;

/// Reads the status and builds a response from it.
pub(crate) async fn read_status<T: Send + 'static>(
    api: &Arc<Api>,
    selection: Selection,
    then: impl FnOnce(Status) -> T + Send + 'static,
) -> Result<T, Problem> {
    let status = api.prompt(api.handle.status_of(selection)).await?;
    if status.services.len() < MANY {
        return Ok(then(to_wire(api, &status)));
    }
    let api = api.clone();
    let made = tokio::task::spawn_blocking(move || then(to_wire(&api, &status)));
    made.await.map_err(|error| {
        tracing::error!(%error, "a status could not be built");
        Problem::new(Code::Internal, "The status could not be built")
    })
}

/// Converts a status to its wire form.
fn to_wire(api: &Api, status: &control::Status) -> Status {
    let live = api.live.borrow();
    Status {
        teal: ProcessInfo {
            version: api.version.to_owned(),
            pid: std::process::id(),
            instance: api.instance.clone(),
            uptime_seconds: seconds(api.since.elapsed()),
            older_pid: live.older_pid,
        },
        total: status.total,
        generation: status.generation.0,
        publishing: status.publishing.map(|generation| generation.0),
        workers: Some(Workers { total: status.workers.0, acknowledged: status.workers.1 }),
        journal: status.journal.clone(),
        listeners: live.listeners.iter().map(ToString::to_string).collect(),
        admin: api.admin.to_string(),
        certificates: {
            let own = live.certificates.iter().map(|one| convert::certificate(one, status.at));
            let targets = status.services.iter();
            own.chain(targets.flat_map(|one| convert::certificates_of_targets(one, status.at)))
                .collect()
        },
        certificate_problem: live.certificate_problem.clone(),
        acme: live.orders.iter().map(convert::ordered).collect(),
        notify: notify::all(api),
        services: status
            .services
            .iter()
            .map(|service| convert::service(service, status.at))
            .collect(),
        groups: status.groups.iter().map(Group::from).collect(),
        waits: status.calls.iter().map(|call| convert::wait(call, status.at)).collect(),
        deploys: status.deploys.iter().map(deploy::to_wire).collect(),
        last_reload: status.last_reload.as_ref().map(|reload| convert::reload(reload, status.at)),
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
    Err(Problem::new(Code::NotReady, "Not ready").because("Workers are still starting"))
}

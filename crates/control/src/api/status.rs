//! `GET /admin/status`, `/livez` and `/readyz`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{Form, body};
use super::auth::Viewer;
use super::problem::Problem;
use super::query::{NoBody, Query};
use super::settings::Api;
use super::text;
use super::wire::{
    About, Certificate, Group, Ordered, ProblemDocument, Reload, Service, Status, Wait, seconds,
};

/// Where traffic goes now, and whether the other color may be stopped.
#[utoipa::path(
    get,
    path = "/admin/status",
    tag = "read",
    responses(
        (status = 200, description = "The status", body = Status),
        (status = "4XX", description = "Refused", body = ProblemDocument),
    ),
)]
pub(crate) async fn status(
    State(api): State<Arc<Api>>,
    _: Viewer,
    form: Form,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    Ok(form.answer(&seen(&api).await?, text::status))
}

/// The status as it is now.
pub(crate) async fn seen(api: &Api) -> Result<Status, Problem> {
    let seen = api.prompt(api.handle.status()).await?;
    let live = api.live.borrow();
    Ok(Status {
        teal: About {
            version: api.version.to_owned(),
            pid: std::process::id(),
            instance: api.instance.clone(),
            uptime_seconds: seconds(api.since.elapsed()),
            older_pid: live.older_pid,
        },
        generation: seen.generation.0,
        publishing: seen.publishing.map(|generation| generation.0),
        journal: seen.journal,
        listeners: live.listeners.iter().map(ToString::to_string).collect(),
        admin: api.admin.to_string(),
        certificates: {
            let own = live.certificates.iter().map(|one| Certificate::of(one, seen.at));
            let targets = seen.services.iter();
            own.chain(targets.flat_map(|one| Certificate::of_targets(one, seen.at))).collect()
        },
        certificate_problem: live.certificate_problem.clone(),
        acme: live.orders.iter().map(Ordered::of).collect(),
        services: seen.services.iter().map(|service| Service::of(service, seen.at)).collect(),
        groups: seen.groups.iter().map(Group::from).collect(),
        waits: seen.calls.iter().map(|call| Wait::of(call, seen.at)).collect(),
        last_reload: seen.last_reload.as_ref().map(|reload| Reload::of(reload, seen.at)),
    })
}

/// Whether the process answers at all.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "read",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")),
)]
pub(crate) async fn livez(_: Viewer, Query(()): Query<()>, _: NoBody) -> Response {
    body("text/plain; charset=utf-8", "live\n")
}

/// Whether clients are served: listeners are bound and every worker has its first table,
/// whatever the health of the targets.
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

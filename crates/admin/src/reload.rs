//! `POST /admin/reload` and `POST /admin/upgrade`: a new configuration, or a new binary.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use contract::text;
use contract::wire::{ProblemDocument, Reloaded, Upgraded};
use control::{ReloadRequest, UpgradeRequest};

use crate::auth::Operator;
use crate::form::Form;
use crate::problem::Problem;
use crate::query::{NoBody, Query};
use crate::settings::Api;

/// Reloads the configuration, all or nothing.
#[utoipa::path(
    post,
    path = "/admin/reload",
    tag = "change",
    responses(
        (status = 200, description = "In force", body = Reloaded),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 503, description = "The decision could not be written to the journal; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn reload(
    State(api): State<Arc<Api>>,
    Operator(actor): Operator,
    form: Form,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    let reloaded = api.handle.reload(ReloadRequest { actor }).await?;
    let generation = reloaded.generation.map(|generation| generation.0);
    Ok(form.answer(&Reloaded { generation, changes: reloaded.changes }, text::reload))
}

/// Replaces this Teal by a new process of the binary on disk, without clients noticing.
#[utoipa::path(
    post,
    path = "/admin/upgrade",
    tag = "change",
    responses(
        (status = 200, description = "The new Teal serves; this one exits when its last request has ended", body = Upgraded),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 500, description = "The new Teal did not take over; this one continues as before", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn upgrade(
    State(api): State<Arc<Api>>,
    Operator(actor): Operator,
    form: Form,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    let upgraded = api.handle.upgrade(UpgradeRequest { actor }).await?;
    let answer = Upgraded { pid: upgraded.pid, version: upgraded.version };
    Ok(form.answer(&answer, text::upgrade))
}

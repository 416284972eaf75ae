//! `POST /admin/reload` and `POST /admin/upgrade`: another configuration, or another program.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use contract::text;
use contract::wire::{ProblemDocument, Reloaded, Upgraded};
use control::{ReloadAsk, UpgradeAsk};

use crate::auth::Operator;
use crate::form::Form;
use crate::problem::Problem;
use crate::query::{NoBody, Query};
use crate::settings::Api;

/// Reads the configuration again and puts it in force, all or nothing.
#[utoipa::path(
    post,
    path = "/admin/reload",
    tag = "change",
    responses(
        (status = 200, description = "In force", body = Reloaded),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 503, description = "The decision can't be made durable; nothing was changed", body = ProblemDocument),
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
    let reloaded = api.handle.reload(ReloadAsk { actor }).await?;
    let generation = reloaded.generation.map(|generation| generation.0);
    Ok(form.answer(&Reloaded { generation, changes: reloaded.changes }, text::reload))
}

/// Replaces this Teal by one from the binary on the disk; clients notice nothing.
#[utoipa::path(
    post,
    path = "/admin/upgrade",
    tag = "change",
    responses(
        (status = 200, description = "The new Teal serves; this one leaves when its last request has ended", body = Upgraded),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 500, description = "The new Teal did not take over; this one goes on as before", body = ProblemDocument),
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
    let upgraded = api.handle.upgrade(UpgradeAsk { actor }).await?;
    let answer = Upgraded { pid: upgraded.pid, version: upgraded.version };
    Ok(form.answer(&answer, text::upgrade))
}

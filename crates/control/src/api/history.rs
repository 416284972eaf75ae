//! `GET /admin/history` and `GET /admin/receipts/{generation}`.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use rules::Generation;

use super::answer::Form;
use super::auth::Viewer;
use super::problem::Problem;
use super::query::{NoBody, Query, invalid, whole};
use super::settings::Api;
use super::text;
use super::wire::{Change, History, ProblemDocument, Receipt};

/// What was decided, newest first: the last 100 switches and the last 100 other changes.
#[utoipa::path(
    get,
    path = "/admin/history",
    tag = "read",
    responses(
        (status = 200, description = "The changes", body = History),
        (status = "4XX", description = "Refused", body = ProblemDocument),
    ),
)]
pub(crate) async fn history(
    State(api): State<Arc<Api>>,
    _: Viewer,
    form: Form,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    let deeds = api.prompt(api.handle.history()).await?;
    let history = History { changes: deeds.iter().rev().map(Change::from).collect() };
    Ok(form.answer(&history, text::history))
}

/// The record of one switch; readable from the decision on.
#[utoipa::path(
    get,
    path = "/admin/receipts/{generation}",
    tag = "read",
    params(
        ("generation" = String, Path, description = "The generation that the switch made, or `latest`"),
    ),
    responses(
        (status = 200, description = "The receipt", body = Receipt),
        (status = "4XX", description = "Refused, or no such receipt is kept", body = ProblemDocument),
    ),
)]
pub(crate) async fn receipt(
    State(api): State<Arc<Api>>,
    _: Viewer,
    form: Form,
    generation: Result<Path<String>, PathRejection>,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    let wrong = || invalid("generation", "must be a whole number or latest");
    let Path(generation) = generation.map_err(|_| wrong())?;
    let generation = match generation.as_str() {
        "latest" => None,
        digits => Some(Generation(whole(digits).ok_or_else(wrong)?)),
    };
    let receipt = api.prompt(api.handle.receipt(generation)).await?;
    Ok(form.answer(&Receipt::from(&receipt), text::receipt))
}

//! `GET /admin/history` and `GET /admin/receipts/{generation}`.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use contract::text;
use contract::wire::{Change, History, ProblemDocument, Receipt};
use rules::{Generation, Refusal, ServiceName};

use crate::auth::Viewer;
use crate::form::Form;
use crate::problem::Problem;
use crate::query::{NoBody, Parameters, Query, RawParameters, invalid, whole};
use crate::settings::Api;

/// The parameters of a receipt.
#[derive(Debug)]
pub(crate) struct ReceiptParameters {
    service: Option<ServiceName>,
}

/// The decisions, newest first: the last 100 switches and the last 100 other changes.
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
    let entries = api.prompt(api.handle.history()).await?;
    let history = History { changes: entries.iter().rev().map(Change::from).collect() };
    Ok(form.answer(&history, text::history))
}

/// The receipt of one switch, available from the decision on. A switch of a group has one for each service
/// that it moved: plain text shows all of them, JSON the one that is named.
#[utoipa::path(
    get,
    path = "/admin/receipts/{generation}",
    tag = "read",
    params(
        ("generation" = String, Path, description = "The generation that the switch created, or `latest`"),
        ("service" = Option<String>, Query, description = "The service, if the switch moved several"),
    ),
    responses(
        (status = 200, description = "The receipt", body = Receipt),
        (status = "4XX", description = "Refused, or there is no such receipt", body = ProblemDocument),
    ),
)]
pub(crate) async fn receipt(
    State(api): State<Arc<Api>>,
    _: Viewer,
    form: Form,
    generation: Result<Path<String>, PathRejection>,
    Query(ReceiptParameters { service }): Query<ReceiptParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let wrong = || invalid("generation", "must be a whole number or latest");
    let Path(generation) = generation.map_err(|_| wrong())?;
    let generation = match generation.as_str() {
        "latest" => None,
        digits => Some(Generation(whole(digits).ok_or_else(wrong)?)),
    };
    let mut receipts = api.prompt(api.handle.receipts(generation)).await?;
    if let Some(service) = service {
        let generation = receipts.first().map(|receipt| receipt.generation);
        receipts.retain(|receipt| receipt.service == service);
        if receipts.is_empty() {
            let generation = generation.unwrap_or_default();
            return Err(Refusal::NoReceipt { generation, service: Some(service) }.into());
        }
    }
    let found: Vec<_> = receipts.iter().map(Receipt::from).collect();
    match (form, &found[..]) {
        (Form::Text, _) => Ok(form.answer(&found, |found| text::receipts(found))),
        (Form::Json, [one]) => Ok(form.answer(one, text::receipt)),
        (Form::Json, _) => {
            let services = receipts.into_iter().map(|receipt| receipt.service).collect();
            Err(Refusal::ServiceRequired { services }.into())
        }
    }
}

// === impl ReceiptParameters ===

impl Parameters for ReceiptParameters {
    const ALLOWED: &'static [&'static str] = &["service"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        Ok(Self { service: given.service()? })
    }
}

//! `GET` and `PUT /admin/log-level`: the log levels of the running Teal.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use contract::text;
use contract::wire::{LogLevel, ProblemDocument};

use crate::auth::{Operator, Viewer};
use crate::form::Form;
use crate::problem::Problem;
use crate::query::{NoBody, Parameters, Query, RawParameters, invalid};
use crate::settings::Api;

/// The new levels.
#[derive(Debug)]
pub(crate) struct LogLevelParameters(String);

/// The log levels in force.
#[utoipa::path(
    get,
    path = "/admin/log-level",
    tag = "read",
    responses(
        (status = 200, description = "The levels in force", body = LogLevel),
        (status = "4XX", description = "Refused", body = ProblemDocument),
    ),
)]
pub(crate) async fn shown(
    State(api): State<Arc<Api>>,
    _: Viewer,
    form: Form,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    Ok(form.answer(&LogLevel { level: (api.log.levels)() }, text::log_level))
}

/// Changes the log levels, until this process ends.
#[utoipa::path(
    put,
    path = "/admin/log-level",
    tag = "change",
    params(
        ("level" = String, Query, description = "off, error, warn, info, debug or trace, for everything or for single modules: info,proxy=debug"),
    ),
    responses(
        (status = 200, description = "In force", body = LogLevel),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn change(
    State(api): State<Arc<Api>>,
    Operator(actor): Operator,
    form: Form,
    Query(LogLevelParameters(level)): Query<LogLevelParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let before = (api.log.levels)();
    // Told twice: the levels before may leave the one line out, and the new ones the other.
    tracing::info!(%actor, before, "the log level is about to change");
    (api.log.change)(&level).map_err(|why| invalid("level", &why))?;
    let level = (api.log.levels)();
    tracing::info!(%actor, before, level, "the log level was changed");
    Ok(form.answer(&LogLevel { level }, text::log_level))
}

impl Parameters for LogLevelParameters {
    const ALLOWED: &'static [&'static str] = &["level"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        let level = given.text("level").ok_or_else(|| invalid("level", "is missing"))?;
        Ok(Self(level.to_owned()))
    }
}

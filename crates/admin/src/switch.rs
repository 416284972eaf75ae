//! `POST /admin/switch` and `POST /admin/rollback`.
//!
//! The controller owns a change once it has begun: a caller that disconnects cancels nothing. With
//! `wait=drained` the response comes when the old color is drained, cut, superseded by a newer change,
//! or stuck: its deadline has passed and workers have not finished cutting what was left.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use contract::Code;
use contract::text;
use contract::unit::seconds;
use contract::wire::{
    Drain, Evidence, Forecast, ProblemDocument, Remaining, SwitchAnswer, SwitchOutcome,
    SwitchResult, WarmUp,
};
use control::{Destination, DrainWatch, Scope, Stuck, SwitchRequest, Switched, WarmUpResult};
use rules::{Actor, Color, Refusal, Remarks, Version};

use crate::auth::Deployer;
use crate::dry_run;
use crate::form::Form;
use crate::line::{REASON_MAX, one_line};
use crate::problem::Problem;
use crate::query::{NoBody, Parameters, Query, RawParameters, if_match, invalid};
use crate::settings::Api;

/// The options of a switch or a rollback, except the color.
#[derive(Debug)]
pub(crate) struct SwitchOptions {
    scope: Scope,
    wait: RespondAt,
    wait_healthy: Option<Duration>,
    drain: Option<Duration>,
    dry_run: bool,
    supersede: bool,
    remarks: Remarks,
}

/// The parameters of a switch.
#[derive(Debug)]
pub(crate) struct SwitchParameters {
    to: Color,
    options: SwitchOptions,
}

/// The moment at which the response is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RespondAt {
    /// Once the old color is drained.
    Drained,
    /// Once every worker has applied the change.
    Published,
}

/// Switches a service, or all services of a group at once, to a color.
///
/// Refused unless every target of the color passes the health gate now. A group moves in one generation,
/// all of its services or none; services already on the color are left unchanged.
#[utoipa::path(
    post,
    path = "/admin/switch",
    tag = "change",
    params(
        ("to" = contract::wire::Color, Query, description = "The color to switch to"),
        ("service" = Option<String>, Query, description = "The service; optional if there is only one"),
        ("group" = Option<String>, Query, description = "The group of services, instead of a service"),
        ("wait" = Option<String>, Query, description = "`drained` (default): respond when the old color is safe to stop; `published`: as soon as no new request goes there"),
        ("wait_healthy" = Option<String>, Query, description = "Wait up to this long, such as `60s`, for the color to become healthy"),
        ("drain" = Option<String>, Query, description = "The drain deadline; that of each service by default. If traffic goes to that color already, it brings the deadline of a drain under way closer, never further away"),
        ("dry_run" = Option<bool>, Query, description = "Only check the gate and change nothing"),
        ("version" = Option<String>, Query, description = "The version that runs in the color, for status, metrics, logs and the receipt"),
        ("supersede" = Option<bool>, Query, description = "Go even to a version that Teal has taken back after its rollout failed"),
        ("reason" = Option<String>, Query, description = "The reason, for the receipt and the history; at most 500 characters"),
        ("If-Match" = Option<String>, Header, description = "Refuse unless the service has this generation, such as `\"7\"`; for a group the highest generation of its services counts"),
    ),
    responses(
        (status = 200, description = "Switched, already on that color, or the dry run passed", body = SwitchOutcome),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 500, description = "Decided, but not every worker has applied it yet", body = ProblemDocument),
        (status = 503, description = "The decision could not be written to the journal; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn switch(
    State(api): State<Arc<Api>>,
    Deployer(actor): Deployer,
    form: Form,
    Query(parameters): Query<SwitchParameters>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let SwitchParameters { to, options } = parameters;
    carry_out(&api, form, &headers, actor, Destination::Color(to), options).await
}

/// Switches a service back to its previous color; for a group, the services that its newest switch moved.
///
/// The same health gate applies as for a switch.
#[utoipa::path(
    post,
    path = "/admin/rollback",
    tag = "change",
    params(
        ("service" = Option<String>, Query, description = "The service; optional if there is only one"),
        ("group" = Option<String>, Query, description = "As for a switch"),
        ("wait" = Option<String>, Query, description = "As for a switch"),
        ("wait_healthy" = Option<String>, Query, description = "As for a switch"),
        ("drain" = Option<String>, Query, description = "As for a switch"),
        ("dry_run" = Option<bool>, Query, description = "As for a switch"),
        ("supersede" = Option<bool>, Query, description = "As for a switch"),
        ("reason" = Option<String>, Query, description = "As for a switch"),
        ("If-Match" = Option<String>, Header, description = "As for a switch"),
    ),
    responses(
        (status = 200, description = "Switched back, or the dry run passed", body = SwitchOutcome),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 500, description = "Decided, but not every worker has applied it yet", body = ProblemDocument),
        (status = 503, description = "The decision could not be written to the journal; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn rollback(
    State(api): State<Arc<Api>>,
    Deployer(actor): Deployer,
    form: Form,
    Query(options): Query<SwitchOptions>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    carry_out(&api, form, &headers, actor, Destination::Previous, options).await
}

async fn carry_out(
    api: &Api,
    form: Form,
    headers: &HeaderMap,
    actor: Actor,
    to: Destination,
    options: SwitchOptions,
) -> Result<Response, Problem> {
    let SwitchOptions { scope, wait, wait_healthy, drain, dry_run, supersede, remarks } = options;
    let group = match &scope {
        Scope::Group(group) => Some(group.to_string()),
        Scope::Only | Scope::Service(_) => None,
    };
    let if_generation = if_match(headers)?;
    let request = SwitchRequest {
        scope,
        to,
        actor,
        if_generation,
        wait_healthy,
        drain,
        dry_run,
        supersede,
        remarks,
    };
    // A dry run that finds a drain under way does not wait for its end.
    let wait = if dry_run { RespondAt::Published } else { wait };
    let mut services = Vec::new();
    // One after the other: the response comes when the last drain has ended.
    for switched in api.handle.switch(request).await? {
        services.push(answer(switched, wait).await);
    }
    let outcome = SwitchOutcome::of(group, services);
    Ok(form.answer(&outcome.ok_or(Refusal::Stopping)?, text::switch))
}

async fn answer(switched: Switched, wait: RespondAt) -> SwitchAnswer {
    match switched {
        Switched::AlreadyOn { service, color, generation, drain, unhealthy, shortened } => {
            SwitchAnswer {
                result: SwitchResult::Already,
                service: service.to_string(),
                from: color.other().into(),
                to: color.into(),
                generation: generation.0,
                drain: match drain {
                    Some(drain) => Some(wait.watch(color.other(), drain).await),
                    None => None,
                },
                unhealthy,
                evidence: Vec::new(),
                warm_up: None,
                forecast: None,
                sentences: dry_run::shortened(color.other(), shortened),
            }
        }
        Switched::DryRun { service, from, to, generation, evidence, forecast } => {
            let forecast = forecast_to_wire(&forecast);
            SwitchAnswer {
                result: SwitchResult::WouldSwitch,
                service: service.to_string(),
                from: from.into(),
                to: to.into(),
                generation: generation.0,
                drain: None,
                unhealthy: None,
                evidence: evidence.iter().map(Evidence::from).collect(),
                warm_up: None,
                sentences: text::forecast(from.into(), to.into(), &forecast),
                forecast: Some(forecast),
            }
        }
        Switched::Published { service, from, to, cause: _, generation, drain, warm_up } => {
            SwitchAnswer {
                result: SwitchResult::Switched,
                service: service.to_string(),
                from: from.into(),
                to: to.into(),
                generation: generation.0,
                drain: Some(wait.watch(from, drain).await),
                unhealthy: None,
                evidence: Vec::new(),
                warm_up: warm_up.as_ref().map(to_wire),
                forecast: None,
                sentences: Vec::new(),
            }
        }
    }
}

fn forecast_to_wire(forecast: &control::Forecast) -> Forecast {
    Forecast {
        requests_per_second: (forecast.requests_per_second * 10.0).round() / 10.0,
        in_flight: forecast.in_flight,
        streams: forecast.streams,
        drain_seconds: seconds(forecast.drain),
        to_version: forecast.to_version.as_ref().map(ToString::to_string),
        can_roll_back: forecast.can_roll_back,
    }
}

/// Converts the result of a warm-up to its wire form.
pub(crate) fn to_wire(result: &WarmUpResult) -> WarmUp {
    WarmUp {
        requests: result.requests,
        failed: result.failed,
        reason: result.reason.clone(),
        seconds: result.took.as_secs_f64(),
    }
}

// === impl SwitchOptions, SwitchParameters ===

impl Parameters for SwitchOptions {
    const ALLOWED: &'static [&'static str] =
        &["service", "group", "wait", "wait_healthy", "drain", "dry_run", "supersede", "reason"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        Ok(Self {
            scope: given.scope()?,
            wait: RespondAt::read(given)?,
            wait_healthy: given.duration("wait_healthy")?,
            drain: given.duration("drain")?,
            dry_run: given.flag("dry_run")?,
            supersede: given.flag("supersede")?,
            remarks: remarks(given)?,
        })
    }
}

impl Parameters for SwitchParameters {
    const ALLOWED: &'static [&'static str] = &[
        "to",
        "service",
        "group",
        "wait",
        "wait_healthy",
        "drain",
        "dry_run",
        "supersede",
        "version",
        "reason",
    ];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        let to = given.text("to").and_then(|to| to.parse().ok());
        let title = "Invalid target: must be 'blue' or 'green'";
        let to = to.ok_or_else(|| Problem::new(Code::InvalidTarget, title))?;
        Ok(Self { to, options: SwitchOptions::read(given)? })
    }
}

/// Reads what a caller says about a switch.
fn remarks(given: &RawParameters) -> Result<Remarks, Problem> {
    let version = given.text("version").map(Version::new).transpose();
    Ok(Remarks {
        version: version.map_err(|error| invalid("version", &error.to_string()))?,
        reason: one_line(given.text("reason"), REASON_MAX)
            .map_err(|message| invalid("reason", &message))?,
    })
}

// === impl RespondAt ===

impl RespondAt {
    pub(crate) fn read(given: &RawParameters) -> Result<Self, Problem> {
        match given.text("wait") {
            None | Some("drained") => Ok(Self::Drained),
            Some("published") => Ok(Self::Published),
            Some(_) => Err(invalid("wait", "must be drained or published")),
        }
    }

    /// Follows a drain for as long as the caller wants.
    pub(crate) async fn watch(self, color: Color, mut drain: DrainWatch) -> Drain {
        match self {
            Self::Drained => match drain.end_in_time().await {
                Ok(end) => Drain::ended(color, end),
                Err(Stuck { leases, connections }) => {
                    Drain::stuck(color, Remaining { leases, connections })
                }
            },
            Self::Published => {
                drain.now().map_or_else(|| Drain::open(color), |end| Drain::ended(color, end))
            }
        }
    }
}

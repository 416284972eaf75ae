//! `GET /admin/series`: the recent traffic of services, for charts.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use contract::Code;
use contract::text;
use contract::unit::{millis, rfc3339};
use contract::wire::{ColorSeries, ProblemDocument, Series, ServiceSeries};
use control::{Selection, SeriesPoint, SeriesRequest, SeriesStep, SeriesView};
use rules::{Color, Time};

use crate::auth::Viewer;
use crate::form::Form;
use crate::problem::Problem;
use crate::query::{NoBody, Parameters, Query, RawParameters, invalid, whole};
use crate::settings::Api;

/// The number of points from which a response is built outside the control thread, which runs switches.
const MANY: usize = 1000;

/// The recent traffic of services: by second for the last 15 minutes, or by ten seconds for the last hour.
///
/// All arrays have the same length and the oldest step first. There are fewer steps than asked for while Teal is
/// young, and if the steps of all services would exceed 250,000. A step that could not be taken in time has no
/// requests, and they are in the next one. An upgrade keeps the steps, a restart does not.
#[utoipa::path(
    get,
    path = "/admin/series",
    tag = "read",
    params(
        ("service" = Option<String>, Query, description = "Only this service, or several separated by commas"),
        ("step" = Option<u32>, Query, description = "The length of a step in seconds: 1 (default) or 10"),
        ("last" = Option<u32>, Query, description = "The time to cover in seconds: at most 900, with step=10 at most 3600; by default all that is kept"),
        ("after" = Option<u64>, Query, description = "Only steps that end after this second since 1970: the `end` of the answer that the client has. A later one than the present `end` counts as none"),
    ),
    responses(
        (status = 200, description = "The traffic", body = Series),
        (status = "4XX", description = "Refused", body = ProblemDocument),
    ),
)]
pub(crate) async fn series(
    State(api): State<Arc<Api>>,
    _: Viewer,
    form: Form,
    Query(SeriesParameters(request)): Query<SeriesParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let view = api.prompt(api.handle.series(request)).await?;
    let is_small = size(&view) < MANY;
    let answer = move || form.answer(&to_wire(&view), text::series);
    if is_small {
        return Ok(answer());
    }
    let made = tokio::task::spawn_blocking(answer).await;
    made.map_err(|error| {
        tracing::error!(%error, "the series could not be built");
        Problem::new(Code::Internal, "The series could not be built")
    })
}

/// The parameters of a series.
#[derive(Debug)]
pub(crate) struct SeriesParameters(SeriesRequest);

impl Parameters for SeriesParameters {
    const ALLOWED: &'static [&'static str] = &["service", "step", "last", "after"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        let selection = Selection(given.services()?);
        let step = match given.text("step") {
            None | Some("1") => SeriesStep::Second,
            Some("10") => SeriesStep::TenSeconds,
            Some(_) => return Err(invalid("step", "must be 1 or 10")),
        };
        let longest = step.seconds() * step.most();
        let last = given.text("last").map(|text| {
            let last = whole(text).filter(|last| (1..=longest).contains(last));
            let must = || {
                format!(
                    "must be a whole number of seconds from 1 to {longest} with step={}",
                    step.seconds()
                )
            };
            last.ok_or_else(|| invalid("last", &must()))
        });
        let after = given.text("after").map(|text| {
            let must = "must be a whole number of seconds since 1970, such as the end of an answer";
            whole(text).ok_or_else(|| invalid("after", must))
        });
        Ok(Self(SeriesRequest {
            selection,
            step,
            last: last.transpose()?,
            after: after.transpose()?,
        }))
    }
}

/// Returns the number of points in a view.
fn size(view: &SeriesView) -> usize {
    view.services.iter().map(|service| service.points.len()).sum()
}

/// Converts a view to its wire form.
fn to_wire(view: &SeriesView) -> Series {
    Series {
        at: rfc3339(Time(view.end.saturating_mul(1000))),
        end: view.end,
        step_seconds: u32::try_from(view.step.seconds()).unwrap_or_default(),
        services: view.services.iter().map(service).collect(),
    }
}

fn service(service: &control::ServiceSeries) -> ServiceSeries {
    let points = &service.points;
    ServiceSeries {
        service: service.service.to_string(),
        blue: color(points, Color::Blue),
        green: color(points, Color::Green),
        teal: points.iter().map(SeriesPoint::teal).collect(),
        aborted: points.iter().map(SeriesPoint::aborted).collect(),
    }
}

fn color(points: &[SeriesPoint], color: Color) -> ColorSeries {
    let mut series = ColorSeries::with_capacity(points.len());
    for point in points.iter().map(|point| point.color(color)) {
        series.requests.push(point.requests());
        series.client_errors.push(point.client_errors());
        series.server_errors.push(point.server_errors());
        series.failed.push(point.failed());
        series.p50_ms.push(point.p50().map(millis));
        series.p99_ms.push(point.p99().map(millis));
        series.in_flight.push(point.in_flight());
        series.streams.push(point.streams());
    }
    series
}

//! The answers to dry runs of calls that need no gate.

use axum::response::Response;
use contract::text::{self, CloserDeadline, HoldForecast};
use contract::unit::seconds;
use contract::wire::{Deploy, DeployResult, DryRun};
use control::{DryRunOutcome, DryRunRequest, Shortened};
use rules::{Color, Generation, ServiceName};

use crate::form::Form;
use crate::problem::Problem;
use crate::settings::Api;

/// Answers what a call would do.
pub(crate) async fn answer(
    api: &Api,
    form: Form,
    request: DryRunRequest,
) -> Result<Response, Problem> {
    let result = match &request {
        DryRunRequest::Report(report) => report.result.map(Into::into),
        DryRunRequest::Hold(_) | DryRunRequest::Resume(_) | DryRunRequest::Retire(_) => None,
    };
    let outcome = api.prompt(api.handle.dry_run(request)).await?;
    Ok(form.answer(&to_wire(&outcome, result), text::dry_run))
}

fn to_wire(outcome: &DryRunOutcome, result: Option<DeployResult>) -> DryRun {
    match outcome {
        DryRunOutcome::Hold {
            service,
            generation,
            color,
            max_wait,
            requests_per_second,
            in_flight,
            streams,
            drain,
        } => {
            let forecast = HoldForecast {
                max_wait_seconds: seconds(*max_wait),
                requests_per_second: *requests_per_second,
                in_flight: *in_flight,
                streams: *streams,
                drain_seconds: seconds(*drain),
            };
            let sentences = text::would_hold((*color).into(), &forecast);
            of_service(service, *generation, *color, sentences)
        }
        DryRunOutcome::Resume { service, generation, color, waiting, unhealthy } => {
            let sentences = text::would_resume((*color).into(), *waiting, unhealthy.as_deref());
            of_service(service, *generation, *color, sentences)
        }
        DryRunOutcome::Retire { service, generation, color, is_retired } => {
            let sentences = text::would_retire((*color).into(), *is_retired);
            of_service(service, *generation, *color, sentences)
        }
        DryRunOutcome::Report { deploy: status, generation } => {
            let record = Deploy::of(&status.deploy, status.silent, status.at);
            let sentences = text::would_report(&record, result);
            DryRun {
                services: record.services,
                ..of_color(*generation, status.deploy.color, sentences)
            }
        }
    }
}

/// Returns what a closer deadline would do, in words.
pub(crate) fn shortened(color: Color, shortened: Option<Shortened>) -> Vec<String> {
    let Some(Shortened { in_flight, streams, left, within }) = shortened else { return Vec::new() };
    let closer = CloserDeadline {
        in_flight,
        streams,
        left_seconds: seconds(left),
        within_seconds: seconds(within),
    };
    text::would_shorten(color.into(), &closer)
}

fn of_service(
    service: &ServiceName,
    generation: Generation,
    color: Color,
    sentences: Vec<String>,
) -> DryRun {
    DryRun { services: vec![service.to_string()], ..of_color(generation, color, sentences) }
}

fn of_color(generation: Generation, color: Color, sentences: Vec<String>) -> DryRun {
    DryRun {
        dry_run: true,
        services: Vec::new(),
        color: color.into(),
        generation: generation.0,
        sentences,
    }
}

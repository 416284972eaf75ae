//! `GET /admin/notify`, `POST /admin/notify/{name}/test`.

use std::sync::Arc;

use ::notify::{EndpointStatus, TestRefused};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use contract::Code;
use contract::text;
use contract::unit::{millis, rfc3339};
use contract::wire::{
    NotifyEndpoint, NotifyEndpoints, NotifyFailure, NotifySuccess, NotifyTest, ProblemDocument,
};
use rules::near::UnknownName;

use crate::auth::{Operator, Viewer};
use crate::form::Form;
use crate::problem::Problem;
use crate::query::{NoBody, Query, invalid};
use crate::settings::Api;

/// The endpoints that are notified of events, with what waits for each and how its last tries ended.
#[utoipa::path(
    get,
    path = "/admin/notify",
    tag = "read",
    responses(
        (status = 200, description = "The endpoints, without secrets", body = NotifyEndpoints),
        (status = "4XX", description = "Refused", body = ProblemDocument),
    ),
)]
pub(crate) async fn endpoints(
    State(api): State<Arc<Api>>,
    _: Viewer,
    form: Form,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    Ok(form.answer(&NotifyEndpoints { endpoints: all(&api) }, text::notify_endpoints))
}

/// Sends a test message to an endpoint now, beside what waits for it, and reports its answer.
#[utoipa::path(
    post,
    path = "/admin/notify/{name}/test",
    tag = "change",
    params(("name" = String, Path, description = "The name of the endpoint")),
    responses(
        (status = 200, description = "The message was sent, or could not be: see `delivered`", body = NotifyTest),
        (status = "4XX", description = "Refused; nothing was sent", body = ProblemDocument),
        (status = 503, description = "Nothing is sent at present", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn test(
    State(api): State<Arc<Api>>,
    Operator(actor): Operator,
    form: Form,
    name: Result<Path<String>, PathRejection>,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|_| invalid("name", "must be the name of an endpoint"))?;
    let tested = api.notify.test(&name).await.map_err(|refused| refusal(&name, refused))?;
    tracing::info!(%actor, endpoint = name, status = tested.status, "an endpoint of notifications was tested");
    let answer = NotifyTest {
        endpoint: name,
        delivered: tested.problem.is_none(),
        status: tested.status,
        took_ms: millis(tested.took),
        problem: tested.problem,
    };
    Ok(form.answer(&answer, text::notify_test))
}

fn refusal(name: &str, refused: TestRefused) -> Problem {
    match refused {
        TestRefused::Unknown(names) => {
            // Only what could be a name is repeated.
            let could_be = name.len() <= 63 && name.bytes().all(|byte| byte.is_ascii_graphic());
            let name = if could_be { name } else { "that" };
            let detail = UnknownName { kind: "endpoint", name, names: &names }.to_string();
            Problem::new(Code::UnknownEndpoint, "There is no such endpoint").because(detail)
        }
        TestRefused::NotNow(why) => {
            Problem::new(Code::NotificationsUnavailable, "Nothing was sent")
                .because(format!("{why}; try again"))
                .retry_after(5)
        }
    }
}

/// Returns all endpoints in their wire form.
pub(crate) fn all(api: &Api) -> Vec<NotifyEndpoint> {
    api.notify.statuses().into_iter().map(to_wire).collect()
}

fn to_wire(status: EndpointStatus) -> NotifyEndpoint {
    NotifyEndpoint {
        name: status.name,
        url: status.url,
        format: if status.slack { "slack" } else { "json" }.to_owned(),
        events: status.events.iter().map(|event| (*event).to_owned()).collect(),
        pending: status.pending,
        oldest: status.oldest.map(rfc3339),
        next_try: status.next_try.map(rfc3339),
        last_success: status.last_success.map(|last| NotifySuccess {
            at: rfc3339(last.at),
            status: last.status,
            took_ms: millis(last.took),
        }),
        last_failure: status
            .last_failure
            .map(|last| NotifyFailure { at: rfc3339(last.at), reason: last.reason }),
        failures: status.failures,
        disabled: status.disabled,
        outbox_problem: status.outbox_problem,
        delivered: status.delivered,
        failed: status.failed,
        expired: status.expired,
        dropped: status.dropped,
    }
}

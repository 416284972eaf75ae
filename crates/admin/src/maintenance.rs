//! `POST /admin/maintenance`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use contract::Code;
use contract::text;
use contract::wire::{MaintenanceAnswer, ProblemDocument};
use control::{MaintenanceInForce, MaintenanceRequest, Scope};
use rules::{Network, Notice};

use crate::auth::Deployer;
use crate::form::Form;
use crate::page_body::PageBody;
use crate::problem::Problem;
use crate::query::{Parameters, Query, RawParameters, invalid};
use crate::settings::Api;

/// The parameters of a maintenance.
#[derive(Debug)]
pub(crate) struct MaintenanceParameters {
    scope: Scope,
    /// `None`: it ends.
    notice: Option<Notice>,
}

/// Answers new requests of a service, or of all services of a group, by Teal itself, or ends that.
///
/// With `on=true` new requests are answered 503 with `Retry-After: 60`: clients that accept HTML get the page in the
/// body of this call, else `maintenance.html` of the service's `error_pages`, else a short page; others get the
/// message. `{{message}}` in a page stands for the message. Requests in flight and tunnels end by themselves, probes
/// go on, and a switch is possible. Requests that were held are answered, too. A repeated call replaces message, page
/// and clients.
#[utoipa::path(
    post,
    path = "/admin/maintenance",
    tag = "change",
    params(
        ("on" = bool, Query, description = "`true` begins or changes a maintenance, `false` ends it"),
        ("service" = Option<String>, Query, description = "The service; optional if there is only one"),
        ("group" = Option<String>, Query, description = "The group of services, instead of a service"),
        ("message" = Option<String>, Query, description = "The sentence for clients, one line of at most 500 bytes"),
        ("allow" = Option<String>, Query, description = "Addresses of clients whose requests go to the service as always, such as `10.0.0.0/8`, separated by commas"),
    ),
    request_body(content = Option<String>, description = "A page for clients that accept HTML, at most 64 KiB of UTF-8", content_type = "text/html"),
    responses(
        (status = 200, description = "Every worker answers so", body = MaintenanceAnswer),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 503, description = "The decision could not be written to the journal; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn maintenance(
    State(api): State<Arc<Api>>,
    Deployer(actor): Deployer,
    form: Form,
    Query(MaintenanceParameters { scope, notice }): Query<MaintenanceParameters>,
    PageBody(page): PageBody,
) -> Result<Response, Problem> {
    let notice = match (notice, page) {
        (Some(notice), page) => Some(Notice { page: page.map(Arc::from), ..notice }),
        (None, None) => None,
        (None, Some(_)) => {
            let title = "This call takes no body where on is false";
            return Err(Problem::new(Code::UnexpectedBody, title));
        }
    };
    let in_force = api.handle.maintain(MaintenanceRequest { scope, actor, notice }).await?;
    let MaintenanceInForce { services, notice } = in_force;
    let allow = notice.iter().flat_map(|notice| &notice.allow).map(ToString::to_string).collect();
    let services = services.iter().map(ToString::to_string).collect();
    let answer = MaintenanceAnswer { on: notice.is_some(), services, allow };
    Ok(form.answer(&answer, text::maintenance))
}

// === impl MaintenanceParameters ===

impl Parameters for MaintenanceParameters {
    const ALLOWED: &'static [&'static str] = &["on", "service", "group", "message", "allow"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        let on = match given.text("on") {
            Some("true") => true,
            Some("false") => false,
            _ => return Err(invalid("on", "must be true or false")),
        };
        let scope = given.scope()?;
        if on {
            let notice = Notice { message: message(given)?, page: None, allow: allow(given)? };
            return Ok(Self { scope, notice: Some(notice) });
        }
        match ["message", "allow"].into_iter().find(|name| given.text(name).is_some()) {
            Some(name) => Err(invalid(name, "is for a maintenance that begins: leave it out")),
            None => Ok(Self { scope, notice: None }),
        }
    }
}

fn message(given: &RawParameters) -> Result<Option<String>, Problem> {
    let Some(message) = given.text("message") else { return Ok(None) };
    Notice::check_message(message).map_err(|must| invalid("message", &must))?;
    Ok(Some(message.to_owned()))
}

fn allow(given: &RawParameters) -> Result<Vec<Network>, Problem> {
    const MUST: &str = "must be addresses or ranges such as 10.0.0.0/8, separated by commas";
    let networks = given.text("allow").into_iter().flat_map(|list| list.split(','));
    networks.map(|text| Network::parse(text.trim()).map_err(|_| invalid("allow", MUST))).collect()
}

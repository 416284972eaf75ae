//! The admin API: the same calls on the admin listener and on the Unix socket.
//!
//! A call passes, in this order: `server` (deadlines, connection limits), `guard` (Host, Origin), the
//! method, `auth` (token or peer), `query` (parameters), `json_body` (the body, or that there is none), and then the controller, whose
//! refusals get their status in `refusal`. The order of each handler's arguments is what enforces
//! this order.
//!
//! Guaranteed: nothing is changed by a GET, without an operator, or by a call that any check
//! refused. Never here: decisions about a switch, or knowledge of the data plane beyond its
//! counters.

#![forbid(unsafe_code)]

mod auth;
mod background;
mod console;
mod deploy;
mod dry_run;
mod event;
mod form;
mod guard;
mod history;
mod hold;
mod json_body;
mod line;
mod lockout;
mod log_level;
mod maintenance;
mod metrics;
mod notify;
mod openapi;
mod page;
mod page_body;
mod preview;
mod problem;
mod query;
mod refusal;
mod reload;
mod response;
mod retire;
mod rollout;
mod secure;
mod series;
mod server;
mod settings;
mod socket;
mod stall;
mod status;
mod switch;
mod targets;
mod trace;
mod whoami;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn;
use axum::middleware::from_fn_with_state;
use contract::Code;
use control::Handle;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

pub use event::live_event;
pub use metrics::{Appears, Kind, METRICS, Metric};
use problem::Problem;
pub use secure::AdminTls;
use server::Routers;
use settings::Api;
pub use settings::{
    ApiSettings, Certificate, CertificateOrder, Live, LogControl, PreviewListener, PreviewSettings,
    TraceFilter, TraceStarter,
};
use socket::Membership;
pub use socket::{bind_socket, claim_socket};

/// The listeners of the admin API.
#[derive(Debug)]
pub struct AdminListeners {
    /// The admin listener.
    pub tcp: TcpListener,
    /// The admin socket, from [`bind_socket`].
    pub unix: UnixListener,
    /// The metrics listener, which serves only metrics and health endpoints, without a token.
    pub metrics: Option<TcpListener>,
}

/// Serves the API on all listeners until `shutdown` is ready, then gives calls two seconds to end.
pub async fn serve(
    listeners: AdminListeners,
    handle: Handle,
    settings: ApiSettings,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(false);
    let membership =
        Membership { path: settings.socket.clone(), uid: settings.uid, gid: settings.socket_gid };
    let live = settings.live.clone();
    let api = Arc::new(Api::new(handle, settings, stopping.clone()));
    let routers = Routers { admin: router(api.clone()), metrics: public_router(api) };
    let serving = server::serve(routers, listeners, membership, live, stopping);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        () = &mut serving => return,
        () = shutdown => {}
    }
    stop.send_replace(true);
    serving.await;
}

/// All calls: the single list, from which the OpenAPI document is generated, too. A handler is served at
/// the path of its `utoipa::path`.
fn calls() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(change(routes!(switch::switch)))
        .routes(change(routes!(switch::rollback)))
        .routes(change(routes!(hold::hold)))
        .routes(change(routes!(hold::resume)))
        .routes(change(routes!(retire::retire)))
        .routes(put(routes!(targets::targets)))
        .routes(begin(routes!(deploy::begin, deploy::list)))
        .routes(report(routes!(deploy::report, deploy::one)))
        .routes(read(routes!(rollout::list)))
        .routes(read(routes!(rollout::one)))
        .routes(change(routes!(maintenance::maintenance)))
        .routes(begin_or_end(routes!(preview::make, preview::revoke)))
        .routes(read(routes!(notify::endpoints)))
        .routes(change(routes!(notify::test)))
        .routes(change(routes!(reload::reload)))
        .routes(change(routes!(reload::upgrade)))
        .routes(replace(routes!(log_level::shown, log_level::change)))
        .routes(read(routes!(status::status)))
        .routes(read(routes!(series::series)))
        .routes(read(routes!(history::history)))
        .routes(read(routes!(history::receipt)))
        .routes(read(routes!(event::events)))
        .routes(read(routes!(trace::trace)))
        .routes(read(routes!(metrics::metrics)))
        .routes(read(routes!(status::livez)))
        .routes(read(routes!(status::readyz)))
        .routes(read(routes!(openapi::openapi)))
        .routes(read(routes!(whoami::whoami)))
        .routes(read(routes!(console::console)))
        .routes(read(routes!(console::asset)))
        .routes(read(routes!(page::page)))
}

/// Returns the OpenAPI document of all calls, with a trailing line break.
pub fn openapi_document() -> String {
    openapi::written(&calls().into_openapi())
}

fn router(api: Arc<Api>) -> Router {
    Router::from(calls())
        .fallback(not_found)
        .layer(from_fn_with_state(Arc::clone(&api), guard::guard))
        .layer(from_fn(response::finish))
        .with_state(api)
}

/// The router of the metrics listener. Any `Host` is accepted: a web page that gets there by another name
/// (DNS rebinding) finds nothing that acts, and nothing that is not public there.
fn public_router(api: Arc<Api>) -> Router {
    let calls = OpenApiRouter::new()
        .routes(read(routes!(metrics::metrics)))
        .routes(read(routes!(status::livez)))
        .routes(read(routes!(status::readyz)));
    Router::from(calls)
        .fallback(|| async { Problem::new(Code::NotFound, "Not found") })
        .layer(from_fn(response::finish))
        .with_state(api)
}

type Call = UtoipaMethodRouter<Arc<Api>>;

/// A call that changes nothing.
fn read((schemas, paths, methods): Call) -> Call {
    (schemas, paths, methods.fallback(|| async { method_not_allowed("GET, HEAD") }))
}

/// A call that changes something.
fn change((schemas, paths, methods): Call) -> Call {
    (schemas, paths, methods.fallback(|| async { method_not_allowed("POST") }))
}

/// A call that replaces something.
fn put((schemas, paths, methods): Call) -> Call {
    (schemas, paths, methods.fallback(|| async { method_not_allowed("PUT") }))
}

/// A call that reads something, and one that adds to it.
fn begin((schemas, paths, methods): Call) -> Call {
    (schemas, paths, methods.fallback(|| async { method_not_allowed("GET, HEAD, POST") }))
}

/// A call that begins something, and one that ends it.
fn begin_or_end((schemas, paths, methods): Call) -> Call {
    (schemas, paths, methods.fallback(|| async { method_not_allowed("DELETE, POST") }))
}

/// A call that reads something, and one that changes it.
fn report((schemas, paths, methods): Call) -> Call {
    (schemas, paths, methods.fallback(|| async { method_not_allowed("GET, HEAD, PATCH") }))
}

/// A call that reads something, and one that replaces it.
fn replace((schemas, paths, methods): Call) -> Call {
    (schemas, paths, methods.fallback(|| async { method_not_allowed("GET, HEAD, PUT") }))
}

fn method_not_allowed(methods: &'static str) -> Problem {
    Problem::new(Code::MethodNotAllowed, "Method not allowed")
        .because(format!("Methods allowed: {methods}"))
        .allow(methods)
}

async fn not_found(_: Request) -> Problem {
    Problem::new(Code::NotFound, "Not found")
        .because("The calls of this API are listed in /openapi.json")
}

//! `GET /openapi.json`: the OpenAPI document, generated from the handlers themselves.
//!
//! A test compares it with the copy in `docs/reference/openapi.json`, so that a change of the
//! contract shows up in review.

mod complete;

use axum::response::Response;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use self::complete::complete;
use crate::auth::Viewer;
use crate::form::body;
use crate::query::{NoBody, Query};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Teal admin API",
        description = "Moves traffic between the two colors of a service and says which may be \
                       stopped. Served on Teal's admin listener and Unix socket. Responses \
                       are plain text, or JSON with `Accept: application/json`; errors are \
                       then problem documents (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0"),
    ),
    servers((url = "http://127.0.0.1:9900")),
    tags(
        (name = "change", description = "Requires a token with the role operator, or the Unix socket; switches, holds and deploys also accept the role deployer"),
        (name = "read", description = "Open on the loopback interface and the Unix socket; elsewhere a token is required"),
    ),
    modifiers(&Token),
)]
struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("Created by `teal token new`, or at the first start"))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The parts of the document that all calls share.
pub(crate) fn head() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// Returns the document as it is served, with a trailing line break.
pub(crate) fn written(described: &utoipa::openapi::OpenApi) -> String {
    let built = "the document is built from values that JSON has";
    let mut document = serde_json::to_value(described).expect(built);
    complete(&mut document);
    let mut text = serde_json::to_string_pretty(&document).expect(built);
    text.push('\n');
    text
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "read",
    responses((status = 200, description = "The OpenAPI document", content_type = "application/json")),
)]
pub(crate) async fn openapi(_: Viewer, Query(()): Query<()>, _: NoBody) -> Response {
    body("application/json", crate::openapi_document())
}

//! The end of every answer: in the form that the caller wants, with the fields that keep it where it belongs.
//!
//! Guaranteed: no answer is stored by a cache, guessed at by a browser or shown in a frame.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::form::{Form, body};
use crate::problem::Problem;

/// The last step of every answer: renders a problem in the caller's form and adds the fields
/// that keep an answer where it belongs.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let form = Form::of(request.headers());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.render(form);
    }
    let fields: [(HeaderName, &'static str); 6] = [
        (CACHE_CONTROL, "no-store"),
        (VARY, "Accept"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in fields {
        // The status page has a policy of its own.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

// === impl Form ===

impl Form {
    /// Answers with the text or with the value as JSON, whichever the caller wants.
    pub(crate) fn answer<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Response {
        match self {
            Self::Text => body("text/plain; charset=utf-8", text(value)),
            Self::Json => match serde_json::to_vec(value) {
                Ok(mut json) => {
                    json.push(b'\n');
                    body("application/json", json)
                }
                Err(error) => {
                    tracing::error!(%error, "an answer of the admin API is no JSON");
                    let status = StatusCode::INTERNAL_SERVER_ERROR;
                    Problem::new(status, "internal", "The answer could not be written as JSON")
                        .into_response()
                }
            },
        }
    }
}

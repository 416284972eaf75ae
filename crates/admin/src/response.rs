//! The last step of every response: the form that the caller wants, and the security headers.
//!
//! Guaranteed: no response is stored by a cache, sniffed by a browser or shown in a frame.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use contract::Code;
use serde::Serialize;

use crate::form::{Form, body};
use crate::problem::Problem;

/// Finishes a response: renders a problem in the caller's form and adds the headers that keep caches,
/// sniffing and frames away.
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
        // The status page has its own policy.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

// === impl Form ===

impl Form {
    /// Responds with the text or with the value as JSON, whichever the caller wants.
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
                    tracing::error!(%error, "a response of the admin API could not be written as JSON");
                    Problem::new(Code::Internal, "The response could not be written as JSON")
                        .into_response()
                }
            },
        }
    }
}

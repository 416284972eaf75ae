//! Errors of the admin API: one type for every error, as text or as a problem document
//! (RFC 9457), with a stable `code` that scripts may rely on.
//!
//! Guaranteed: every error passes through here, and the form follows `Accept`. Never here:
//! deciding whether something is an error.

use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use contract::Code;
use serde_json::{Map, Value, json};

use crate::form::{Form, body};

/// An error, before it is rendered in the form that the caller wants.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    code: Code,
    title: String,
    detail: Vec<String>,
    members: Map<String, Value>,
    headers: HeaderMap,
}

impl Problem {
    /// A problem with its first line.
    pub(crate) fn new(code: Code, title: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            title: title.into(),
            detail: Vec::new(),
            members: Map::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// Adds a line of detail: the reason, or what to do.
    #[must_use]
    pub(crate) fn because(mut self, line: impl Into<String>) -> Self {
        self.0.detail.push(line.into());
        self
    }

    /// Adds a member of the problem document, for scripts.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        self
    }

    /// Adds `Allow` with the methods of the path (RFC 9110 section 15.5.6).
    #[must_use]
    pub(crate) fn allow(mut self, methods: &'static str) -> Self {
        self.0.headers.insert(ALLOW, HeaderValue::from_static(methods));
        self
    }

    /// Adds `WWW-Authenticate` with a request for a token (RFC 6750 section 3).
    #[must_use]
    pub(crate) fn challenge(mut self, challenge: &'static str) -> Self {
        self.0.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        self
    }

    /// Renders the response in the form that the caller asked for.
    pub(crate) fn render(&self, form: Form) -> Response {
        let mut response = match form {
            Form::Text => body("text/plain; charset=utf-8", self.text()),
            Form::Json => body("application/problem+json", self.document().to_string()),
        };
        *response.status_mut() = self.status();
        for (name, value) in &self.0.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn text(&self) -> String {
        let mut text = self.0.title.clone();
        for line in &self.0.detail {
            text.push('\n');
            text.push_str(line);
        }
        text.push('\n');
        text
    }

    fn document(&self) -> Value {
        let mut document = self.0.members.clone();
        document.insert("type".to_owned(), json!(format!("urn:teal:problem:{}", self.0.code)));
        document.insert("title".to_owned(), json!(self.0.title));
        document.insert("status".to_owned(), json!(self.0.code.status()));
        document.insert("code".to_owned(), json!(self.0.code.as_str()));
        if !self.0.detail.is_empty() {
            document.insert("detail".to_owned(), json!(self.0.detail.join("\n")));
        }
        Value::Object(document)
    }
}

impl IntoResponse for Problem {
    /// Leaves the rendering to [`super::response::finish`], which knows the request.
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}

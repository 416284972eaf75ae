//! The form of a response: plain text by default, JSON with `Accept: application/json`.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

/// The form of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people and for shells.
    Text,
    /// For programs.
    Json,
}

/// Creates a response with its content type; [`finish`](crate::answer::finish) adds the other headers.
pub(crate) fn body(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

// === impl Form ===

impl Form {
    /// Returns JSON if the caller accepts it and does not prefer text; otherwise text, also for `*/*`.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut json = 0.0_f32;
        let mut text = 0.0_f32;
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';');
            let media = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let weight = parts.find_map(weight).unwrap_or(1.0);
            match media.as_str() {
                "application/json" | "application/problem+json" => json = json.max(weight),
                "text/plain" | "text/*" => text = text.max(weight),
                _ => {}
            }
        }
        if json > 0.0 && json >= text { Self::Json } else { Self::Text }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Form {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// The weight of a media range (RFC 9110 section 12.4.2); anything malformed counts as refused.
pub(crate) fn weight(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    let weight = || value.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight));
    name.trim().eq_ignore_ascii_case("q").then(|| weight().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(accept: &[&str]) -> Form {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, HeaderValue::from_str(value).expect("a field value"));
        }
        Form::of(&headers)
    }

    #[test]
    fn json_is_for_callers_that_list_it() {
        for accept in [
            &["application/json"][..],
            &["APPLICATION/JSON; charset=utf-8"],
            &["application/problem+json"],
            &["*/*", "application/json;q=0.1"],
            &["text/plain;q=0.5, application/json"],
            &["text/plain, application/json"],
        ] {
            assert_eq!(form(accept), Form::Json, "{accept:?}");
        }
    }

    #[test]
    fn text_is_the_default() {
        for accept in [
            &[][..],
            &["*/*"],
            &["text/html,application/xhtml+xml,*/*;q=0.8"],
            &["application/json;q=0"],
            &["application/json;q=nonsense"],
            &["application/json;q=0.3, text/plain;q=0.7"],
            &["application/jsonp", ",,;;=,"],
        ] {
            assert_eq!(form(accept), Form::Text, "{accept:?}");
        }
    }
}

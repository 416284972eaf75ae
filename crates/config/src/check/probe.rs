//! The fields that a probe sends, and the evidence that the right target answers.

use rules::{Expected, ExpectedHeader};

use crate::key::At;
use crate::problem::ProblemList;
use crate::raw;

/// Fields that frame a message, choose its receiver or belong to one connection, each with advice.
const RESERVED: [(&str, &str); 10] = [
    ("host", "write service.health.host"),
    ("content-length", "a probe has no body; leave it out"),
    ("transfer-encoding", "a probe has no body; leave it out"),
    ("content-type", "a probe has no body; leave it out"),
    ("connection", "it belongs to one connection; leave it out"),
    ("keep-alive", "it belongs to one connection; leave it out"),
    ("te", "it belongs to one connection; leave it out"),
    ("trailer", "a probe has no trailers; leave it out"),
    ("upgrade", "a probe does not switch protocols; leave it out"),
    ("expect", "a probe has no body; leave it out"),
];

/// The longest value of a field of a probe.
const VALUE: usize = 4096;

pub(super) fn headers(raw: &raw::Health, found: &mut ProblemList) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, At { value, offset }) in raw.headers.get().into_iter().flatten() {
        let lower = name.to_ascii_lowercase();
        let mut wrong = |why: &str| {
            found.at(*offset, format!("service.health.headers: {name:?}: {why}"));
        };
        let reserved = RESERVED.iter().find(|(reserved, _)| *reserved == lower);
        if !is_name(name) {
            wrong("is not a field name; write one such as \"X-Probe\"");
        } else if let Some((_, instead)) = reserved {
            wrong(instead);
        } else if lower.starts_with("proxy-") || lower == "http2-settings" {
            wrong("it belongs to one connection; leave it out");
        } else if headers.iter().any(|(other, _)| *other == lower) {
            wrong("is given twice; leave one out");
        } else if !is_value(value) {
            wrong("its value must be up to 4096 visible ASCII characters and spaces between them");
        } else {
            headers.push((lower, value.clone()));
        }
    }
    headers
}

pub(super) fn identity(raw: &raw::Health, found: &mut ProblemList) -> Expected {
    let header = raw.expect_header.at().and_then(|At { value, offset }| {
        let (name, wanted) = match value.split_once(':') {
            Some((name, wanted)) => (name, Some(wanted.trim())),
            None => (value.as_str(), None),
        };
        if !is_name(name) || wanted.is_some_and(|wanted| wanted.is_empty() || !is_value(wanted)) {
            let message = format!(
                "service.health.expect_header is {value:?}, not a field; write \"NAME: VALUE\" such \
                 as \"X-App: web\", or \"NAME\" alone"
            );
            found.at(*offset, message);
            return None;
        }
        Some(ExpectedHeader { name: name.to_owned(), value: wanted.map(str::to_owned) })
    });
    let body = raw.expect_body.at().and_then(|At { value, offset }| {
        if value.is_empty() || value.len() > VALUE {
            let message = "service.health.expect_body must have 1 to 4096 bytes; write text that only \
                           this application sends";
            found.at(*offset, message);
            return None;
        }
        Some(value.clone())
    });
    Expected { header, body }
}

/// A token (RFC 9110 section 5.6.2).
fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=256).contains(&text.len()) && text.bytes().all(inside)
}

fn is_value(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t');
    text.len() <= VALUE && text.trim() == text && text.bytes().all(inside)
}

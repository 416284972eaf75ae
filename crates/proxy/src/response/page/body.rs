//! The body of Teal's own answers, in the form that the client prefers.
//!
//! Guaranteed: parts of a request in it are at most its host and path, escaped for the form.

use std::borrow::Cow;
use std::sync::Arc;

use traffic::OwnReason;

use super::Page;
use crate::parts::Accept;

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// The place for the message in the page of a maintenance.
const MESSAGE: &str = "{{message}}";

impl Page {
    /// Returns the content type and the body.
    pub(super) fn body(&self, accept: Accept) -> (&'static str, Cow<'_, str>) {
        let text = self.detail.as_deref().unwrap_or(self.text);
        if let Some(exactly) = &self.exactly {
            let kind = match self.reason {
                OwnReason::HealthCheck => TEXT,
                _ => "application/octet-stream",
            };
            return (kind, exactly.into());
        }
        match accept {
            _ if text.is_empty() => (TEXT, "".into()),
            Accept::Text => (TEXT, format!("{text}\n").into()),
            Accept::Json => ("application/problem+json", self.problem().into()),
            Accept::Html => match &self.own {
                Some(own) => (HTML, (&**own).into()),
                None => (HTML, self.short_page(text).into()),
            },
        }
    }

    /// Formats a problem document (RFC 9457).
    fn problem(&self) -> String {
        let (status, title) = (self.status, self.text);
        format!(
            "{{\"type\":\"about:blank\",\"status\":{status},\"title\":\"{title}\",{}\"code\":\"{}\"}}\n",
            self.detail.as_deref().map(json_detail).unwrap_or_default(),
            self.reason.as_str()
        )
    }

    fn short_page(&self, text: &str) -> String {
        let status = self.status;
        format!(
            "<!doctype html><meta charset=\"utf-8\"><title>{status}</title>\
             <h1>{status}</h1><p>{}</p>\n",
            html(text)
        )
    }
}

/// Puts the message into a page, escaped, wherever it has the place for it.
pub(super) fn with_message(page: Arc<str>, message: &str) -> Arc<str> {
    if page.contains(MESSAGE) { page.replace(MESSAGE, &html(message)).into() } else { page }
}

/// Formats a member of a problem document.
fn json_detail(sentence: &str) -> String {
    // Serializing text cannot fail.
    format!("\"detail\":{},", serde_json::to_string(sentence).unwrap_or_default())
}

/// Escapes text for HTML.
fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

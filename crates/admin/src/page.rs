//! `GET /plain`: the plain status page, which a Teal without the console also has at `/`.
//!
//! One self-contained page: no other host, no cookie, no storage. It is complete without its
//! script, which only keeps it up to date from the event stream. It changes nothing, so it needs
//! no token and keeps none. Its content is escaped here and set as text in the script; its
//! policy lets only its own script run.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::Response;
use contract::Code;
use contract::text::{self, Extent};
use control::Selection;

use crate::auth::Viewer;
use crate::form::body;
use crate::problem::Problem;
use crate::query::{NoBody, Query};
use crate::settings::Api;
use crate::status::read_status;

/// The maximum number of services that the page shows in full; with more, it shows only those with a problem.
const MANY: usize = 10;

/// The way to the console, for those who have a program without it.
const WITHOUT_CONSOLE: &str = "<p>This program was built without the console. The packages of Teal have it; to build \
                               it, install Node.js, run <code>make web</code>, and build Teal again.</p>";

const PAGE: &str = include_str!("page.html");

/// The plain status page: a live view for people, complete without its script.
#[utoipa::path(
    get,
    path = "/plain",
    tag = "read",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub(crate) async fn page(
    State(api): State<Arc<Api>>,
    _: Viewer,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    response(&api).await
}

/// Returns the page.
pub(crate) async fn response(api: &Arc<Api>) -> Result<Response, Problem> {
    let (status, many) = read_status(api, Selection::default(), |status| {
        (text::status(&status, Extent::default()), status.total > MANY)
    })
    .await?;
    let query = if many { "?problems=true" } else { "" };
    let nonce = nonce()?;
    let html = PAGE.replace("{{nonce}}", &nonce).replace("{{query}}", query);
    let html = html.replace("{{note}}", if api.console.is_empty() { WITHOUT_CONSOLE } else { "" });
    let html = html.replace("{{status}}", &escaped(&status));
    let mut response = body("text/html; charset=utf-8", html);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// Returns an unguessable number, so that only the page's own script has it.
fn nonce() -> Result<String, Problem> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "cannot get random numbers from the system");
        Problem::new(Code::Internal, "Cannot get random numbers from the system")
    })?;
    Ok(random.iter().fold(String::new(), |mut hex, byte| {
        let _never_fails = write!(hex, "{byte:02x}");
        hex
    }))
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            plain => html.push(plain),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    // A8
    #[test]
    fn the_page_escapes_its_values() {
        assert_eq!(escaped("<b a='1' c=\"2\">&"), "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;");
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        assert!(!PAGE.contains("http://") && !PAGE.contains("https://") && !PAGE.contains("//"));
        assert!(
            !PAGE.contains("innerHTML") && !PAGE.contains("style=") && !PAGE.contains("onclick")
        );
    }
}

//! The check of every call before anything else: it must be addressed to an allowed host name, and
//! must not come from a foreign web page.
//!
//! A browser on the operator's machine reaches the loopback interface too, so any page could send a
//! call there (request forgery), or resolve its own name to 127.0.0.1 and read the responses (DNS
//! rebinding). Neither passes: the name in `Host` must be allowed, and the origin that a browser
//! states must be this very origin. A caller on the Unix socket cannot be a browser, so its `Host`
//! is ignored.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use contract::Code;

use crate::problem::Problem;
use crate::server::Peer;
use crate::settings::Api;

/// Refuses (403) calls to a foreign host name or from a foreign page.
pub(crate) async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    match check(&api, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(api: &Api, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let on_socket = matches!(request.extensions().get::<Peer>(), Some(Peer::Unix { .. }));
    let host = if on_socket { None } else { Some(host(api, headers, request.uri())?) };
    let scheme = if api.live.borrow().tls.is_some() { "https://" } else { "http://" };
    origin(headers, scheme, host.as_deref())?;
    site(headers, request.method())
}

/// Returns the host that the call was sent to, in lower case, with the port if given.
fn host(api: &Api, headers: &HeaderMap, uri: &Uri) -> Result<String, Problem> {
    let live = api.live.borrow();
    let allowed = |authority: &str| {
        name_of(authority).is_some_and(|name| {
            name == "localhost"
                || live.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
                || literal(name).is_some_and(|ip| ip.is_loopback() || ip == api.admin.ip())
        })
    };
    let refuse = || {
        Problem::new(Code::ForbiddenHost, "Host is not a name of this admin API").because(
            "Use localhost, 127.0.0.1 or [::1], or add the name to admin.hosts in the \
                 configuration",
        )
    };
    let text = single(headers.get_all(HOST).iter()).and_then(|value| value.to_str().ok());
    let host = text.map(str::to_ascii_lowercase).filter(|host| allowed(host)).ok_or_else(refuse)?;
    match uri.authority() {
        // In absolute form the authority of the URI counts (RFC 9112 section 3.2.2): both must be allowed.
        Some(authority) if !allowed(&authority.as_str().to_ascii_lowercase()) => Err(refuse()),
        _ => Ok(host),
    }
}

/// Checks `Origin`: if given, it must be that of the status page.
fn origin(headers: &HeaderMap, scheme: &str, host: Option<&str>) -> Result<(), Problem> {
    let mut origins = headers.get_all(ORIGIN).iter().peekable();
    if origins.peek().is_none() {
        return Ok(());
    }
    let origin = single(origins).and_then(|value| value.to_str().ok());
    let own = origin.and_then(|origin| origin.strip_prefix(scheme));
    match (own, host) {
        (Some(own), Some(host)) if own.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(foreign(Code::ForbiddenOrigin, "Origin is not this admin API")),
    }
}

/// Checks `Sec-Fetch-Site`: the browser's statement about the page that sent the call.
fn site(headers: &HeaderMap, method: &Method) -> Result<(), Problem> {
    let mut sites = headers.get_all("sec-fetch-site").iter().peekable();
    if sites.peek().is_none() {
        return Ok(());
    }
    match single(sites).map(HeaderValue::as_bytes) {
        Some(b"same-origin") => Ok(()),
        // Typed into the address bar or opened from a bookmark.
        Some(b"none") if *method == Method::GET || *method == Method::HEAD => Ok(()),
        _ => Err(foreign(Code::ForbiddenSite, "The call came from another site")),
    }
}

fn foreign(code: Code, title: &str) -> Problem {
    Problem::new(code, title)
        .because("Only pages served by this API may call it from a browser; see the page at /")
}

fn single<'a>(mut values: impl Iterator<Item = &'a HeaderValue>) -> Option<&'a HeaderValue> {
    values.next().filter(|_| values.next().is_none())
}

/// Returns the host of `HOST` or `HOST:PORT`; `None` if the port is invalid.
fn name_of(authority: &str) -> Option<&str> {
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (name, port) = authority.split_at_checked(end)?;
    let port_ok = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|c| c.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    (port_ok && !name.is_empty()).then_some(name)
}

fn literal(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => name.parse().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn the_name_of_an_authority_is_without_its_port() {
        for (authority, name) in [
            ("localhost", Some("localhost")),
            ("localhost:9900", Some("localhost")),
            ("[::1]:9900", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("127.0.0.1:0", Some("127.0.0.1")),
            ("localhost:", None),
            ("localhost:99999", None),
            ("localhost:+1", None),
            ("[::1", None),
            ("[::1]x", None),
            ("", None),
            (":80", None),
        ] {
            assert_eq!(name_of(authority), name, "{authority}");
        }
    }
}

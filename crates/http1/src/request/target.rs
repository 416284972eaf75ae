//! The request target (RFC 9112 section 3.2). Guarantees that the path is forwarded byte for byte: no decoding,
//! no dot segments removed, no slashes merged. Never decides anything by the path.

use crate::{Method, Reject};

/// A target, reduced to the part that is sent upstream.
pub(super) struct Target<'b> {
    /// Origin-form or `*`.
    pub(super) text: &'b str,
    /// Without the query.
    pub(super) path: &'b str,
    /// The authority of an absolute-form target.
    pub(super) authority: Option<Authority<'b>>,
}

/// The authority in an absolute-form target.
#[derive(Clone, Copy)]
pub(super) struct Authority<'b> {
    pub(super) text: &'b str,
    /// The port of its scheme, with a colon in front.
    pub(super) default_port: &'static str,
}

pub(super) fn parse<'b>(method: Method<'_>, raw: &'b str) -> Result<Target<'b>, Reject> {
    // All visible ASCII except the fragment's `#`. That is more than RFC 3986 allows (`|`, `\`, `{`), since
    // browsers send it; no such byte can end or split a request line.
    if !raw.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        return Err(Reject::bad(
            "The request target has a fragment or a byte that must be percent-encoded.",
        ));
    }
    if raw.starts_with('/') {
        return Ok(Target { text: raw, path: path_of(raw), authority: None });
    }
    if raw == "*" {
        return if method == Method::Options {
            Ok(Target { text: raw, path: raw, authority: None })
        } else {
            Err(Reject::bad("Only OPTIONS may have the target *."))
        };
    }
    absolute(method, raw)
}

fn absolute<'b>(method: Method<'_>, raw: &'b str) -> Result<Target<'b>, Reject> {
    let http = after_scheme(raw, "http://").map(|rest| (rest, ":80"));
    let Some((rest, default_port)) =
        http.or_else(|| after_scheme(raw, "https://").map(|rest| (rest, ":443")))
    else {
        return Err(Reject::bad(
            "The request target must be a path that begins with /, or an http or https URL.",
        ));
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, origin) = rest.split_at(end);
    let text = match origin.as_bytes().first() {
        // RFC 9112 section 3.2.4: the last proxy turns OPTIONS without a path into `*`.
        None if method == Method::Options => "*",
        None => "/",
        Some(b'/') => origin,
        Some(_) => return Err(Reject::bad("The URL has no path: write / before the query.")),
    };
    let authority = Some(Authority { text: authority, default_port });
    Ok(Target { text, path: path_of(text), authority })
}

fn after_scheme<'b>(raw: &'b str, scheme: &str) -> Option<&'b str> {
    let (start, rest) = raw.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn path_of(target: &str) -> &str {
    target.bytes().position(|b| b == b'?').map_or(target, |end| &target[..end])
}

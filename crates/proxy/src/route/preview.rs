//! Finding out whether a request is a preview: by its listener, or by a token in its address, in a field or in a cookie.
//!
//! Guaranteed: a request of a service without previews costs two looks at its service and its listener. Nothing of a
//! request leads to the idle color but a token that is proven to be ours, for this service, in time, and neither void nor
//! revoked. A token is never repeated in an answer but as the cookie that replaces it.

use ::preview::{Claims, NAME, PreviewKey};
use http1::{Method, Request};
use rules::Preview;
use traffic::{LocalService, OwnReason, PreviewClaim, PreviewTerms};

use crate::client::Client;
use crate::parts::{Marks, PreviewLink, Why};
use crate::worker::Worker;

/// The most cookies of our name that are looked at: services on one host with different path prefixes have one each.
const COOKIES: usize = 8;

/// The reason why a token leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invalid {
    /// It is not one that we have signed for the service.
    NotOurs,
    /// Its time is over.
    Expired,
    /// All tokens of its time were revoked.
    Revoked,
    /// The service has changed since it was made.
    Void(Claims),
}

/// Returns the marks of a preview, or of the end of one; `None`: nothing of previews concerns the request.
///
/// # Errors
/// The answer to a link with a valid token, or to a token that is not valid.
pub(super) fn examine(
    worker: &Worker,
    client: &Client,
    request: &Request<'_>,
    service: &LocalService,
    by_https: bool,
) -> Result<Option<Box<Marks>>, Why> {
    let here = client.info.listener.preview;
    let Some((terms, preview)) = service.previews.as_deref().zip(service.policy.preview) else {
        return if here.is_some() { Err(not_here(service)) } else { Ok(None) };
    };
    if here.is_some() {
        let is_its = preview.listen == here;
        return if is_its {
            Ok(Some(Box::new(shown(service, terms))))
        } else {
            Err(not_here(service))
        };
    }
    if !preview.token {
        return Ok(None);
    }
    let judge = |token| judge(worker, service, terms, token);
    if let Some((token, location)) = in_query(request) {
        if !matches!(request.method, Method::Get | Method::Head) {
            let sentence = format!(
                "A link with a preview token is for GET and HEAD; send the token in the field {NAME} instead"
            );
            return Err(Why::Explained(OwnReason::PreviewRefused, sentence));
        }
        let claims = judge(token).map_err(|invalid| refused(invalid, service))?;
        let seconds = claims.expires.saturating_sub(worker.second());
        let token = String::from_utf8_lossy(token); // it is ours, so it is ASCII
        let cookie = cookie(service, &token, seconds, by_https);
        return Err(Why::PreviewBegins(Box::new(PreviewLink { location, cookie })));
    }
    if let Some(token) = request.field(NAME) {
        judge(token).map_err(|invalid| refused(invalid, service))?;
        return Ok(Some(Box::new(shown(service, terms))));
    }
    let mut is_over = false;
    for token in request.cookies(NAME).take(COOKIES) {
        match judge(token) {
            Ok(_) => return Ok(Some(Box::new(shown(service, terms)))),
            Err(Invalid::NotOurs) => {} // perhaps that of another service on this host
            Err(Invalid::Expired | Invalid::Revoked | Invalid::Void(_)) => is_over = true,
        }
    }
    let clearing = || Box::new(Marks::of_cookie(cookie(service, "", 0, by_https)));
    Ok(is_over.then(clearing))
}

/// Returns the name of the field and the cookie that targets do not get; empty: the service has no tokens.
pub(super) fn own_name(service: &LocalService) -> &'static str {
    match service.policy.preview {
        Some(Preview { token: true, .. }) => NAME,
        _ => "",
    }
}

/// Returns the marks of a preview of the color that is idle now.
fn shown(service: &LocalService, terms: &PreviewTerms) -> Marks {
    let color = service.split.stable().other();
    Marks::of_preview(PreviewClaim { color, generation: service.generation }, terms)
}

/// Proves a token, and checks whether it still holds.
fn judge(
    worker: &Worker,
    service: &LocalService,
    terms: &PreviewTerms,
    token: &[u8],
) -> Result<Claims, Invalid> {
    let key: &PreviewKey = worker.preview_key.get().ok_or(Invalid::NotOurs)?;
    let claims = key.prove(&service.name, token).map_err(|_| Invalid::NotOurs)?;
    if claims.expires <= worker.second() {
        return Err(Invalid::Expired);
    }
    if claims.serial != terms.serial {
        return Err(Invalid::Revoked);
    }
    // lossless: L2
    if claims.generation != service.generation {
        return Err(Invalid::Void(claims));
    }
    Ok(claims)
}

/// Returns the answer to a token that is not valid.
fn refused(invalid: Invalid, service: &LocalService) -> Why {
    let (name, generation) = (&service.name, service.generation);
    let sentence = match invalid {
        Invalid::NotOurs => format!(
            "This preview token is not valid for {name}: it is for another service, or was changed on its way"
        ),
        Invalid::Expired => "This preview token has expired; ask for a new one".to_owned(),
        Invalid::Revoked => "This preview token was revoked; ask for a new one".to_owned(),
        Invalid::Void(Claims { color, .. }) if service.split.receives(color) => format!(
            "This preview token is void since the switch to {color} at generation {generation}: everybody sees {color} now"
        ),
        Invalid::Void(_) => format!(
            "This preview token is void since {name} was changed at generation {generation}; ask for a new one"
        ),
    };
    Why::Explained(OwnReason::PreviewRefused, sentence)
}

/// Returns the answer on a listener for previews to a request for a service that has none there.
fn not_here(service: &LocalService) -> Why {
    let sentence = format!("{} has no previews at this address", service.name);
    Why::Explained(OwnReason::NoRoute, sentence)
}

/// Returns the value of the field that sets the cookie; with 0 seconds it removes it.
fn cookie(service: &LocalService, token: &str, seconds: u64, by_https: bool) -> String {
    let path = if service.path_prefix.is_empty() { "/" } else { &*service.path_prefix };
    let secure = if by_https { "; Secure" } else { "" };
    format!("{NAME}={token}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// Returns the first token in the query of a request, and its target without any.
fn in_query<'b>(request: &Request<'b>) -> Option<(&'b [u8], String)> {
    let query = request.target.get(request.path.len()..)?.strip_prefix('?')?;
    let token = query.split('&').find_map(token_of)?;
    let rest: Vec<_> = query.split('&').filter(|pair| token_of(pair).is_none()).collect();
    // A browser takes `//` and `/\` at the beginning for another host.
    let is_other_host = request.path.get(1..).is_some_and(|rest| rest.starts_with(['/', '\\']));
    let mut location = if is_other_host { "/.".to_owned() } else { String::new() };
    location.push_str(request.path);
    if !rest.is_empty() {
        location.push('?');
        location.push_str(&rest.join("&"));
    }
    Some((token.as_bytes(), location))
}

fn token_of(pair: &str) -> Option<&str> {
    pair.strip_prefix(NAME)?.strip_prefix('=')
}

#[cfg(test)]
mod tests {
    use http1::{FieldSlots, Limits};

    use super::*;

    /// Returns the token in the query of a target, and the target without it.
    fn found(target: &str) -> Option<(String, String)> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let mut slots = FieldSlots::new();
        let limits = Limits { head_bytes: 32_768, fields: 100, uri_bytes: 8192 };
        let request = Request::parse(head.as_bytes(), &mut slots, &limits).expect("a request");
        let (token, location) = in_query(&request)?;
        Some((String::from_utf8(token.to_vec()).expect("ASCII"), location))
    }

    #[test]
    fn a_token_is_taken_out_of_the_address_and_the_rest_of_it_stays_as_it_is() {
        for (target, token, location) in [
            ("/?teal-preview=T", "T", "/"),
            ("/a/b?teal-preview=T&x=%20+1", "T", "/a/b?x=%20+1"),
            ("/a?x=1&teal-preview=T", "T", "/a?x=1"),
            ("/a?x=1&teal-preview=T&y=2", "T", "/a?x=1&y=2"),
            ("/a?x&&teal-preview=T&", "T", "/a?x&&"),
            ("/?teal-preview=", "", "/"),
            ("/?teal-preview=T&teal-preview=U", "T", "/"),
            ("http://a.test/x?teal-preview=T", "T", "/x"),
            // Not to another host.
            ("//evil.test/?teal-preview=T", "T", "/.//evil.test/"),
            ("/\\evil.test/?teal-preview=T", "T", "/./\\evil.test/"),
        ] {
            let expected = Some((token.to_owned(), location.to_owned()));
            assert_eq!(found(target), expected, "{target}");
        }
        for target in ["/", "/?x=1", "/teal-preview=T", "/?teal-previews=T", "/?x=teal-preview=T"] {
            assert_eq!(found(target), None, "{target}");
        }
    }
}

//! `GET /` and `GET /assets/{name}`: the files of the console.
//!
//! The files are the same for everybody and show nothing about this Teal, so they need no token: the page reads
//! everything by the calls of this API, which do. Its policy lets only files of this address run, and no string become
//! code or markup. Guaranteed: whatever the file, it comes with that policy. A Teal without the console has the plain page
//! at `/`.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH,
    VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use console::File;
use contract::Code;

use crate::auth::Viewer;
use crate::form::{body, weight};
use crate::page;
use crate::problem::Problem;
use crate::query::{NoBody, Query};
use crate::settings::Api;

/// The policy of the page: scripts and styles from this address alone, and no sink for markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The names of these files change with their content.
const FOREVER: &str = "private, max-age=31536000, immutable";

/// The forms of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Plain,
    Gzip,
    Brotli,
}

/// The console; without it, the plain page, which needs the same token as every read.
#[utoipa::path(
    get,
    path = "/",
    tag = "read",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub(crate) async fn console(
    State(api): State<Arc<Api>>,
    viewer: Result<Viewer, Problem>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    if let Some(file) = find(&api, "/index.html") {
        // The name stays the same when the content changes, so it is asked for each time.
        return Ok(response(file, "no-cache", &headers));
    }
    viewer?;
    page::response(&api).await
}

/// A script, style or picture of the console.
#[utoipa::path(
    get,
    path = "/assets/{name}",
    tag = "read",
    params(("name" = String, Path, description = "The name of the file, from the page")),
    responses((status = 200, description = "The file", content_type = "text/javascript")),
)]
pub(crate) async fn asset(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    name: Result<Path<String>, PathRejection>,
    Query(()): Query<()>,
    _: NoBody,
) -> Result<Response, Problem> {
    let file = name.ok().and_then(|Path(name)| find(&api, &format!("/assets/{name}")));
    let file = file.ok_or_else(|| {
        Problem::new(Code::NotFound, "Not found")
            .because("The console of this Teal has no such file; load the page again")
    })?;
    Ok(response(file, FOREVER, &headers))
}

fn find(api: &Api, path: &str) -> Option<&'static File> {
    api.console.iter().find(|file| file.path == path)
}

fn response(file: &File, cache_control: &'static str, headers: &HeaderMap) -> Response {
    let coding = Coding::of(headers);
    let (suffix, bytes) = match coding {
        Coding::Plain => ("", file.plain),
        Coding::Gzip => ("-gzip", file.gzip),
        Coding::Brotli => ("-br", file.brotli),
    };
    let tag = format!("\"{}{suffix}\"", file.tag);
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // RFC 9110 section 13.1.2: weak comparison.
    let is_known = known
        .flat_map(|tags| tags.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag);
    let mut response = body(file.media_type, if is_known { &[][..] } else { bytes });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(CACHE_CONTROL, cache_control);
    set(VARY, "Accept-Encoding");
    set(ETAG, &tag);
    match coding {
        Coding::Plain => {}
        Coding::Gzip => set(CONTENT_ENCODING, "gzip"),
        Coding::Brotli => set(CONTENT_ENCODING, "br"),
    }
    response
}

// === impl Coding ===

impl Coding {
    /// Returns the smallest form that the caller accepts (RFC 9110 section 12.5.3).
    fn of(headers: &HeaderMap) -> Self {
        let values =
            headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let mut accepted = [false; 2];
        for coding in values.flat_map(|value| value.split(',')) {
            let mut parts = coding.split(';');
            let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let is_accepted = parts.find_map(weight).unwrap_or(1.0) > 0.0;
            match name.as_str() {
                "br" => accepted[0] = is_accepted,
                "gzip" | "x-gzip" => accepted[1] = is_accepted,
                _ => {}
            }
        }
        match accepted {
            [true, _] => Self::Brotli,
            [_, true] => Self::Gzip,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coding(accepted: &str) -> Coding {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(accepted).expect("a field value"));
        Coding::of(&headers)
    }

    #[test]
    fn a_file_is_sent_in_the_smallest_form_that_is_accepted() {
        assert_eq!(coding("gzip, deflate, br, zstd"), Coding::Brotli);
        assert_eq!(coding("BR;q=0.1,gzip"), Coding::Brotli);
        assert_eq!(coding("gzip, br;q=0"), Coding::Gzip);
        for none in ["", "identity", "*", "gzip;q=0", "br;q=nonsense", "brotli", ",;q=1,"] {
            assert_eq!(coding(none), Coding::Plain, "{none:?}");
        }
        assert_eq!(Coding::of(&HeaderMap::new()), Coding::Plain);
    }
}

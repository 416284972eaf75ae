//! `POST /admin/previews`, `DELETE /admin/previews`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::preview::{Claims, NAME};
use axum::extract::State;
use axum::response::Response;
use contract::Code;
use contract::text;
use contract::unit::rfc3339;
use contract::wire::{Preview, PreviewsRevoked, ProblemDocument};
use control::{PreviewGrant, PreviewRequest, RevokePreviewsRequest};
use rules::{ServiceName, Time};

use crate::auth::Deployer;
use crate::form::Form;
use crate::problem::Problem;
use crate::query::{NoBody, Parameters, Query, RawParameters, invalid};
use crate::settings::{Api, PreviewListener, PreviewSettings};

/// The time that a token is valid for, unless the call says so.
const VALID: Duration = Duration::from_secs(3600);

/// The longest time that a token is valid for.
const VALID_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// The most hosts of a service for which addresses are shown.
const HOSTS: usize = 4;

/// The parameters of a preview.
#[derive(Debug)]
pub(crate) struct PreviewParameters {
    service: Option<ServiceName>,
    valid: Duration,
}

/// The parameters of a revocation.
#[derive(Debug)]
pub(crate) struct RevokeParameters {
    service: Option<ServiceName>,
}

/// Makes a preview: testers see the idle color, while everybody else stays on the active one.
///
/// The token is valid for this service until it expires, is revoked, or the service changes at its next switch or
/// rollback. It comes as `?teal-preview=TOKEN`, which becomes a cookie, or in the field `Teal-Preview`.
#[utoipa::path(
    post,
    path = "/admin/previews",
    tag = "change",
    params(
        ("service" = Option<String>, Query, description = "The service; optional if there is only one"),
        ("for" = Option<String>, Query, description = "The time that the token is valid for, such as `1h`, at most 168h; 1h if absent"),
    ),
    responses(
        (status = 200, description = "The preview, with addresses to open", body = Preview),
        (status = "4XX", description = "Refused", body = ProblemDocument),
        (status = 500, description = "The key of the tokens cannot be read or written", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn make(
    State(api): State<Arc<Api>>,
    Deployer(actor): Deployer,
    form: Form,
    Query(PreviewParameters { service, valid }): Query<PreviewParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let grant = api.prompt(api.handle.preview(PreviewRequest { service, actor })).await?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let expires = (now + valid).as_secs();
    Ok(form.answer(&preview(&api.previews, &grant, expires)?, text::preview))
}

/// Makes all preview tokens of a service void that were made until now. The listener for previews stays.
#[utoipa::path(
    delete,
    path = "/admin/previews",
    tag = "change",
    params(
        ("service" = Option<String>, Query, description = "The service; optional if there is only one"),
    ),
    responses(
        (status = 200, description = "Every worker refuses them", body = PreviewsRevoked),
        (status = "4XX", description = "Refused; nothing was changed", body = ProblemDocument),
        (status = 500, description = "The disk has not confirmed the decision yet, or not every worker has applied it", body = ProblemDocument),
        (status = 503, description = "The decision could not be written to the journal; nothing was changed", body = ProblemDocument),
    ),
    security(("token" = [])),
)]
pub(crate) async fn revoke(
    State(api): State<Arc<Api>>,
    Deployer(actor): Deployer,
    form: Form,
    Query(RevokeParameters { service }): Query<RevokeParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let revoked = api.handle.revoke_previews(RevokePreviewsRequest { service, actor }).await?;
    let answer = PreviewsRevoked { service: revoked.service.to_string() };
    Ok(form.answer(&answer, text::previews_revoked))
}

/// Returns the preview that was granted; `expires`: in seconds since 1970.
fn preview(
    settings: &PreviewSettings,
    grant: &PreviewGrant,
    expires: u64,
) -> Result<Preview, Problem> {
    let token = grant.preview.token.then(|| token(settings, grant, expires)).transpose()?;
    let urls = token.as_ref().map(|token| with_token(settings, grant, token)).unwrap_or_default();
    Ok(Preview {
        service: grant.service.to_string(),
        color: grant.color.into(),
        generation: grant.generation.0,
        version: grant.version.as_ref().map(ToString::to_string),
        expires_at: token.is_some().then(|| rfc3339(Time(expires.saturating_mul(1000)))),
        token,
        urls,
        listener_urls: of_listener(settings, grant),
    })
}

fn token(
    settings: &PreviewSettings,
    grant: &PreviewGrant,
    expires: u64,
) -> Result<String, Problem> {
    let key = settings.key.get().ok_or_else(|| {
        Problem::new(Code::Internal, "Teal has no key for preview tokens")
            .because("Make the state directory writable for Teal, then: teal reload")
    })?;
    let PreviewGrant { color, generation, serial, .. } = *grant;
    Ok(key.sign(&grant.service, &Claims { generation, color, expires, serial }))
}

/// Returns the addresses with a token: of each host at the first listener with TLS, else at the first one.
fn with_token(settings: &PreviewSettings, grant: &PreviewGrant, token: &str) -> Vec<String> {
    let mut public = settings.listeners.iter().filter(|one| one.preview.is_none());
    let serving = public.clone().find(|one| one.tls).or_else(|| public.find(|one| !one.redirects));
    let Some(listener) = serving else { return Vec::new() };
    let query = format!("?{NAME}={token}");
    hosts(grant, listener).map(|host| url(grant, listener, &host) + &query).collect()
}

/// Returns the addresses of the listener for previews.
fn of_listener(settings: &PreviewSettings, grant: &PreviewGrant) -> Vec<String> {
    let is_its =
        |one: &&PreviewListener| one.preview.is_some() && one.preview == grant.preview.listen;
    let listener = settings.listeners.iter().find(is_its);
    listener
        .into_iter()
        .flat_map(|one| hosts(grant, one).map(|host| url(grant, one, &host)))
        .collect()
}

/// Returns the hosts of a service by which a browser can reach it: its plain names, or the address for any host.
fn hosts<'g>(
    grant: &'g PreviewGrant,
    listener: &PreviewListener,
) -> impl Iterator<Item = String> + use<'g> {
    let any = grant.hosts.is_empty().then(|| reachable(listener.bound));
    let plain = grant.hosts.iter().filter(|host| !host.starts_with('*'));
    plain.take(HOSTS).cloned().chain(any)
}

/// Returns an address as the host of a URL: that of this machine for an unspecified one.
fn reachable(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    }
}

fn url(grant: &PreviewGrant, listener: &PreviewListener, host: &str) -> String {
    let (scheme, usual) = if listener.tls { ("https", 443) } else { ("http", 80) };
    let port = listener.bound.port();
    let port = if port == usual { String::new() } else { format!(":{port}") };
    format!("{scheme}://{host}{port}{}", grant.path_prefix)
}

// === impl PreviewParameters, RevokeParameters ===

impl Parameters for PreviewParameters {
    const ALLOWED: &'static [&'static str] = &["service", "for"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        let valid = given.duration("for")?.unwrap_or(VALID);
        let seconds = Duration::from_secs(1);
        if !(seconds..=VALID_MAX).contains(&valid) {
            return Err(invalid("for", "must be from 1s to 168h"));
        }
        Ok(Self { service: given.service()?, valid })
    }
}

impl Parameters for RevokeParameters {
    const ALLOWED: &'static [&'static str] = &["service"];

    fn read(given: &RawParameters) -> Result<Self, Problem> {
        Ok(Self { service: given.service()? })
    }
}

#[cfg(test)]
mod tests {
    use ::preview::PreviewKey;
    use rules::{Color, Generation};

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn listener(bound: &str, tls: bool) -> PreviewListener {
        PreviewListener { bound: address(bound), tls, redirects: false, preview: None }
    }

    fn grant(hosts: &[&str], listen: Option<&str>) -> PreviewGrant {
        PreviewGrant {
            service: ServiceName::new("web").expect("a name"),
            color: Color::Green,
            generation: Generation(7),
            serial: 1,
            version: None,
            preview: rules::Preview { listen: listen.map(address), token: true },
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path_prefix: "/".to_owned(),
        }
    }

    fn settings(listeners: Vec<PreviewListener>) -> PreviewSettings {
        let settings = PreviewSettings { listeners, ..PreviewSettings::default() };
        settings.key.put(PreviewKey::new(&[1; 32]));
        settings
    }

    #[test]
    fn addresses_are_those_of_the_hosts_at_the_listener_with_tls() {
        let redirecting = PreviewListener { redirects: true, ..listener("0.0.0.0:80", false) };
        let all = vec![redirecting, listener("0.0.0.0:443", true)];
        let made = preview(&settings(all), &grant(&["*.a.test", "a.test"], None), 60);
        let made = made.unwrap_or_else(|problem| panic!("{problem:?}"));
        let token = made.token.expect("a token");
        assert_eq!(made.urls, [format!("https://a.test/?teal-preview={token}")]);
        assert_eq!(made.expires_at.as_deref(), Some("1970-01-01T00:01:00.000Z"));
        assert!(made.listener_urls.is_empty());
    }

    #[test]
    fn a_service_for_any_host_has_the_address_of_this_machine_and_its_own_listener() {
        let own = address("127.0.0.1:8090");
        let own = PreviewListener { preview: Some(own), ..listener("127.0.0.1:8090", false) };
        let all = vec![listener("[::]:8080", false), own];
        let grant = grant(&[], Some("127.0.0.1:8090"));
        let made = preview(&settings(all), &grant, 60);
        let made = made.unwrap_or_else(|problem| panic!("{problem:?}"));
        assert!(made.urls[0].starts_with("http://[::1]:8080/?teal-preview=v1.7.green.60.1."));
        assert_eq!(made.listener_urls, ["http://127.0.0.1:8090/"]);
    }
}

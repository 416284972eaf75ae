//! Checks of the ACME CA, and of the listeners and services that it needs.

use rules::{ServiceSpec, TargetUrl};

use super::Context;
use super::listener::file;
use crate::acme::{Acme, Challenge, ExternalAccount, certifiable, obstacle};
use crate::config::Listener;
use crate::key::{At, Key};
use crate::problem::ProblemList;
use crate::raw::{self, Document};

/// The default directory.
const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

pub(super) fn acme(
    key: &Key<raw::Acme>,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Option<Acme> {
    let raw = key.get()?;
    if let Some(At { value, offset }) = raw.email.at().filter(|at| !is_address(&at.value)) {
        let message = format!(
            "acme.email is {value:?}, not an email address; write it as \"ops@example.com\""
        );
        found.at(*offset, message);
    }
    if let Some(At { value, offset }) = raw.directory.at()
        && let Err(why) = directory(value)
    {
        let message = format!(
            "acme.directory is {value:?}, {why}; write it as \"https://HOST/PATH\", such as \
             {DIRECTORY:?}"
        );
        found.at(*offset, message);
    }
    let challenge = match raw.challenge.get() {
        Some(raw::Challenge::Http01) => Challenge::Http01,
        Some(raw::Challenge::TlsAlpn01) | None => Challenge::TlsAlpn01,
    };
    Some(Acme {
        email: raw.email.get().cloned(),
        directory: raw.directory.get().map_or(DIRECTORY, String::as_str).to_owned(),
        ca: file(&raw.ca, "acme.ca", context, found),
        challenge,
        eab: external_account(&raw.eab, context, found),
    })
}

fn external_account(
    key: &Key<raw::ExternalAccount>,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Option<ExternalAccount> {
    let At { value: raw, offset } = key.at()?;
    let hmac_key_file = file(&raw.hmac_key_file, "acme.eab.hmac_key_file", context, found);
    let key_id = raw.key_id.get().map(|id| id.trim()).filter(|id| !id.is_empty());
    if key_id.is_none() || raw.hmac_key_file.get().is_none() {
        found.at(
            *offset,
            "acme.eab needs both parts that the CA gives; write eab = { key_id = \"…\", \
             hmac_key_file = \"/etc/teal/eab.key\" }",
        );
    }
    Some(ExternalAccount { key_id: key_id?.to_owned(), hmac_key_file: hmac_key_file? })
}

/// Checks the listeners and services that the CA needs.
pub(super) fn check(
    document: &Document,
    acme: Option<&Acme>,
    listeners: &[At<Listener>],
    services: &[At<ServiceSpec>],
    found: &mut ProblemList,
) {
    let Some((acme, offset)) = acme.zip(document.acme.at().map(|at| at.offset)) else { return };
    let doors = || listeners.iter().map(|at| at.value.tls.as_ref());
    if doors().all(|tls| tls.is_none()) {
        found.at(offset, "acme needs a listener with TLS; write tls = true in a [[listener]]");
        return;
    }
    let is_open = |tls: &crate::config::Tls| !tls.client_auth.as_ref().is_some_and(|a| a.required);
    if acme.challenge == Challenge::TlsAlpn01 && !doors().flatten().any(is_open) {
        found.at(
            offset,
            "acme.challenge \"tls-alpn-01\" needs a listener with TLS that does not require \
             client certificates, since the CA has none; write challenge = \"http-01\"",
        );
    }
    if acme.challenge == Challenge::Http01 && doors().all(|tls| tls.is_some()) {
        found.at(
            offset,
            "acme.challenge \"http-01\" needs a listener without TLS; write another [[listener]] \
             for port 80, or challenge = \"tls-alpn-01\"",
        );
    }
    let mut hosts = certifiable(services.iter().map(|service| &service.value)).peekable();
    let first = hosts.peek().copied();
    if let (Some(first), true) = (first, hosts.all(|host| obstacle(host, acme).is_some())) {
        let why = obstacle(first, acme).unwrap_or_default();
        found.at(
            offset,
            format!(
                "acme has no name to order a certificate for: {why} (such as {first:?}); set directory \
                 in [acme] to that of a CA of your own, or write a [[certificate]] instead"
            ),
        );
    } else if first.is_none() {
        found.at(
            offset,
            "acme has no name to order a certificate for: no service has a plain host name; write hosts = \
             [\"example.com\"] in a [[service]] (CAs issue no wildcard certificates by these challenges)",
        );
    }
}

fn is_address(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|c| c.is_ascii_graphic() && !b"@,:<>".contains(&c))
    };
    text.split_once('@').is_some_and(|(local, domain)| plain(local) && plain(domain))
}

fn directory(url: &str) -> Result<(), &'static str> {
    let rest = url.strip_prefix("https://").ok_or("which is not https")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if TargetUrl::parse(&format!("https://{authority}")).is_err() {
        return Err("which has no valid host");
    }
    let plain = path.bytes().all(|c| c.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&c));
    plain.then_some(()).ok_or("whose path is not valid in a URL")
}

//! Checks of listeners and certificates, and of what TLS needs.

use std::path::PathBuf;

use rules::Network;

use super::{Context, LISTEN, address, path};
use crate::config::{Certificate, ClientAuth, Listener, Redirect, Tls};
use crate::key::{At, Key};
use crate::problem::ProblemList;
use crate::raw::{self, Document};

const CERTIFICATE: &str =
    "write [[certificate]] with cert and key, or [acme] to get them from a CA";

pub(super) fn listeners(
    key: &Key<Vec<At<raw::Listener>>>,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Vec<At<Listener>> {
    let Some(written) = key.get() else {
        return vec![At { value: Listener::plain(LISTEN), offset: 0 }];
    };
    let mut listeners = Vec::new();
    for At { value: listener, .. } in written {
        let tls = tls(listener, context, found);
        let http2 = listener.http2.get().copied().unwrap_or(tls.is_some());
        let redirect_https = redirect(listener);
        let proxy_protocol = ranges(&listener.proxy_protocol, "proxy_protocol", found);
        let trusted = ranges(&listener.trusted, "trusted", found);
        let hsts = listener
            .hsts
            .at()
            .filter(|_| tls.is_some() || !proxy_protocol.is_empty() || !trusted.is_empty());
        if let (None, Some(At { offset, .. })) = (hsts, listener.hsts.at()) {
            let message = "listener.hsts is for a listener with TLS, or behind a proxy that terminates it; write \
                           tls = true, or trusted with the addresses of the proxy";
            found.at(*offset, message);
        }
        let hsts = hsts.map(|at| at.value);
        let health = health(listener, found);
        let Some(At { value, offset }) = listener.address.at() else { continue };
        match address(value, "0.0.0.0:8080") {
            Ok(address) => {
                let value = Listener {
                    address,
                    tls,
                    http2,
                    redirect_https,
                    hsts,
                    health,
                    proxy_protocol,
                    trusted,
                    preview: false,
                };
                listeners.push(At { value, offset: *offset });
            }
            Err(message) => found.at(*offset, format!("listener.address: {message}")),
        }
    }
    listeners
}

pub(super) fn certificates(
    key: &Key<Vec<At<raw::Certificate>>>,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Vec<Certificate> {
    let both = key.elements().iter().filter_map(|At { value: written, .. }| {
        let cert = file(&written.cert, "certificate.cert", context, found);
        let key = file(&written.key, "certificate.key", context, found);
        Some(Certificate { cert: cert?, key: key? })
    });
    both.collect()
}

/// Checks what listeners and certificates need of each other.
pub(super) fn check(document: &Document, listeners: &[At<Listener>], found: &mut ProblemList) {
    let first = |is: &dyn Fn(&Listener) -> bool| listeners.iter().find(|at| is(&at.value));
    let tls = first(&|listener| listener.tls.is_some());
    match (tls, document.certificate.at()) {
        (Some(_), None) if document.acme.get().is_some() => {}
        (Some(listener), None) => {
            found.at(listener.offset, format!("listener.tls needs a certificate; {CERTIFICATE}"));
        }
        (None, Some(certificates)) => found.at(
            certificates.offset,
            "there is a certificate but no listener has TLS; write tls = true in a [[listener]]",
        ),
        (Some(listener), Some(list)) if list.value.is_empty() && document.acme.get().is_none() => {
            found.at(listener.offset, format!("listener.tls needs a certificate; {CERTIFICATE}"));
        }
        _ => {}
    }
    let to_listener = |listener: &Listener| listener.redirect_https == Some(Redirect::Listener);
    if let (Some(redirect), None) = (first(&to_listener), tls) {
        found.at(
            redirect.offset,
            "listener.redirect_https needs a listener with TLS to redirect to; write tls = true in another \
             [[listener]], or redirect_https = 443 if a proxy in front terminates TLS",
        );
    }
}

fn tls(listener: &raw::Listener, context: &Context<'_>, found: &mut ProblemList) -> Option<Tls> {
    let client_auth = listener.client_auth.get().map(|auth| {
        let ca = file(&auth.ca, "listener.client_auth.ca", context, found);
        let required = !matches!(auth.mode.get(), Some(raw::AuthMode::Request));
        let chain = auth.chain.get().is_some_and(|chain| *chain);
        ca.map(|ca| ClientAuth { ca, required, chain })
    });
    if listener.tls.get().is_some_and(|tls| *tls) {
        let redirecting = listener.redirect_https.at().filter(|_| redirect(listener).is_some());
        if let Some(At { offset, .. }) = redirecting {
            let message =
                "listener.redirect_https is for a listener without TLS; leave it out here";
            found.at(*offset, message);
        }
        return Some(Tls {
            only_tls13: matches!(listener.min_tls.get(), Some(raw::MinTls::Tls13)),
            client_auth: client_auth.flatten(),
        });
    }
    let offsets = [
        ("min_tls", listener.min_tls.at().map(|at| at.offset)),
        ("client_auth", listener.client_auth.at().map(|at| at.offset)),
    ];
    for (key, offset) in offsets {
        if let Some(offset) = offset {
            found
                .at(offset, format!("listener.{key} is for a listener with TLS; write tls = true"));
        }
    }
    None
}

/// Checks a path as it comes in a request, in the one spelling that it can have.
fn health(listener: &raw::Listener, found: &mut ProblemList) -> Option<Box<str>> {
    let At { value, offset } = listener.health.at()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let dots = |segment: &str| segment == "." || segment == "..";
    let rest = value.strip_prefix('/').unwrap_or_default();
    if !rest.is_empty()
        && value.len() <= 255
        && value.bytes().all(plain)
        && !value.split('/').any(dots)
    {
        return Some(value.as_str().into());
    }
    found.at(
        *offset,
        format!(
            "listener.health: {value:?} is not a plain path; write one that begins with '/' and has only letters, \
             digits, '/', '-', '.', '_' and '~', such as \"/teal/health\""
        ),
    );
    None
}

fn redirect(listener: &raw::Listener) -> Option<Redirect> {
    match *listener.redirect_https.get()? {
        raw::Redirect::On(on) => on.then_some(Redirect::Listener),
        raw::Redirect::Port(port) => Some(Redirect::Port(port)),
    }
}

fn ranges(key: &Key<Vec<At<String>>>, name: &str, found: &mut ProblemList) -> Vec<Network> {
    let mut ranges = Vec::new();
    for At { value, offset } in key.elements() {
        match Network::parse(value) {
            Ok(range) => ranges.push(range),
            Err(message) => found.at(*offset, format!("listener.{name}: {message}")),
        }
    }
    ranges
}

pub(super) fn file(
    key: &Key<String>,
    name: &str,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Option<PathBuf> {
    let At { value, offset } = key.at()?;
    path(value, name, "/etc/teal/example.com.pem", context)
        .map_err(|message| found.at(*offset, message))
        .ok()
}

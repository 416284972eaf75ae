//! The TLS files: read at the start, at every reload, and when they change. If one cannot be used, the old
//! contents stay in use.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use admin::AdminTls;
use certificate::{
    CertificateFacts, CertificateFiles, CertificateStore, Certificates, ClientAuth, ClientCas,
    Unused, words,
};
use config::{Config, Redirect};
use connect::{LoadedTlsConfigs, TlsConfigCache, TlsFiles};
use proxy::{ListenerOptions, TlsAcceptor};
use rules::{ColorSpec, Time};

/// The remaining lifetime below which a certificate is reported to end soon.
pub(super) const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// Reads the certificates of a configuration and those issued by its ACME CA.
///
/// # Errors
/// The first file that can't be used, and why.
pub(crate) fn load(config: &Config) -> Result<Certificates, String> {
    let configured = load_configured(config)?;
    let given = acme::files(config, &configured);
    if given.is_empty() {
        return Ok(configured);
    }
    let all: Vec<_> = files(config).into_iter().chain(given).collect();
    Certificates::load(&all).map_err(|errors| words(&errors))
}

/// Reads the CAs that the listeners' `client_auth` names.
///
/// # Errors
/// The first file that can't be used, and why.
pub(super) fn load_clients(config: &Config) -> Result<ClientCas, String> {
    ClientCas::load(client_cas(config)).map_err(|error| error.to_string())
}

/// The files that the listeners' `client_auth` names.
pub(super) fn client_cas(config: &Config) -> impl Iterator<Item = &Path> {
    let tls = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    tls.filter_map(|tls| Some(tls.client_auth.as_ref()?.ca.as_path()))
}

/// Reads the certificates that a configuration names, without those issued by the ACME CA.
///
/// # Errors
/// The first file that can't be used, and why.
pub(super) fn load_configured(config: &Config) -> Result<Certificates, String> {
    Certificates::load(&files(config)).map_err(|errors| words(&errors))
}

/// Reads the TLS files for the targets of a configuration.
///
/// # Errors
/// The first file that can't be used, and why.
pub(crate) fn load_for_targets(
    config: &Config,
    tls_configs: &TlsConfigCache,
) -> Result<LoadedTlsConfigs, String> {
    let colors = config.services.iter().flat_map(|service| &service.colors);
    for target in colors.clone().flat_map(|color| &color.targets) {
        let name = target.tls_name().map(connect::server_name).transpose();
        name.map_err(|error| format!("TLS to {target}: {error}; set tls.server_name"))?;
    }
    let files = colors
        .filter_map(ColorSpec::tls)
        .map(|tls| TlsFiles { ca: tls.ca.clone(), identity: tls.identity.clone() });
    tls_configs.read(files).map_err(|error| format!("TLS to targets: {error}"))
}

/// Reads the TLS files of the admin API, if it has TLS.
///
/// # Errors
/// The first file that can't be used, and why.
pub(super) fn load_for_admin(config: &Config) -> Result<Option<AdminTls>, String> {
    let Some(config::Certificate { cert, key }) = &config.admin.tls else { return Ok(None) };
    AdminTls::load(cert, key).map(Some).map_err(|error| error.to_string())
}

/// The settings of each listener's connections; `ports` are those that were bound, in the same order.
///
/// # Errors
/// The file of a `client_auth` that can't be used, and why.
pub(super) fn listeners(
    config: &Config,
    ports: &[u16],
    store: &Arc<CertificateStore>,
) -> Result<Vec<ListenerOptions>, String> {
    let listeners = || config.listeners.iter().zip(ports);
    let secure = listeners().find(|(listener, _)| listener.tls.is_some()).map(|(_, port)| *port);
    let options = |(listener, _): (&config::Listener, &u16)| {
        let redirect_https = match listener.redirect_https {
            Some(Redirect::Port(port)) => Some(port),
            Some(Redirect::Listener) => secure,
            None => None,
        };
        let plain = ListenerOptions {
            http2: listener.http2,
            redirect_https,
            hsts: listener.hsts,
            health: listener.health.clone(),
            preview: listener.preview.then_some(listener.address),
            proxy_protocol: listener.proxy_protocol.clone(),
            trusted: listener.trusted.clone(),
            ..ListenerOptions::default()
        };
        let Some(tls) = &listener.tls else { return Ok(plain) };
        let auth = tls.client_auth.as_ref().map(client_auth);
        let acceptor =
            TlsAcceptor::new(store.clone(), tls.only_tls13, listener.http2, auth.as_ref());
        let acceptor = acceptor.map_err(|error| error.to_string())?;
        Ok(ListenerOptions { tls: Some(acceptor), ..plain })
    };
    listeners().map(options).collect()
}

/// The certificates as the API shows them.
pub(super) fn shown(certificates: &Certificates) -> Vec<admin::Certificate> {
    let shown = |facts: &CertificateFacts| admin::Certificate {
        file: facts.cert.clone(),
        names: facts.names.clone(),
        not_after: Time::of(facts.not_after),
    };
    certificates.facts().map(shown).collect()
}

/// Logs each certificate that has expired or soon will.
pub(super) fn warn(certificates: &Certificates) {
    let now = SystemTime::now();
    for facts in certificates.facts().filter(|facts| facts.is_expired(now + SOON)) {
        let (file, names) = (facts.cert.display(), facts.names.join(" "));
        let left = facts.not_after.duration_since(now).map(|left| left.as_secs() / 86_400);
        if let Ok(days) = left {
            tracing::warn!(%file, names, "this certificate ends in {days} days");
        } else {
            tracing::error!(%file, names, "this certificate has expired; renew it");
        }
    }
    for Unused { facts, instead, .. } in certificates.unused() {
        let (file, names) = (facts.cert.display(), facts.names.join(" "));
        let (kind, instead) = (facts.kind, instead.cert.display());
        tracing::warn!(
            %file, names,
            "this certificate is not used: {instead} has the same names and kind of key ({kind})"
        );
    }
}

/// Returns the reason why new certificates may not replace the old: one has expired, and no old one has.
pub(super) fn worse(new: &Certificates, old: &Certificates) -> Option<String> {
    let now = SystemTime::now();
    let expired = new.expired(now).filter(|_| old.expired(now).is_none())?;
    Some(format!("{}: this certificate has expired; renew it", expired.cert.display()))
}

fn files(config: &Config) -> Vec<CertificateFiles> {
    let files = |certificate: &config::Certificate| CertificateFiles {
        cert: certificate.cert.clone(),
        key: certificate.key.clone(),
    };
    config.certificates.iter().map(files).collect()
}

pub(super) fn client_auth(auth: &config::ClientAuth) -> ClientAuth {
    ClientAuth { ca: auth.ca.clone(), required: auth.required, chain: auth.chain }
}

//! Checks of certificates, keys and CAs: those of listeners, of the admin API, of targets and of ACME.
//!
//! Private keys are read, and never shown.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::SystemTime;

use certificate::{CertificateFiles, Certificates};
use config::Config;
use connect::{Authorities, TlsConfigCache, TlsError, TlsFiles};
use rules::Color;

use super::super::tls;
use super::{ProblemList, as_whom};

impl ProblemList {
    pub(super) fn certificates(&mut self, config: &Config) {
        let mut good = Vec::new();
        for (at, certificate) in config.certificates.iter().enumerate() {
            let files =
                CertificateFiles { cert: certificate.cert.clone(), key: certificate.key.clone() };
            match Certificates::load(std::slice::from_ref(&files)) {
                Ok(_) => good.push((at, files)),
                Err(errors) => {
                    let keys = [
                        (&*files.cert, format!("certificate[{at}].cert")),
                        (&*files.key, format!("certificate[{at}].key")),
                    ];
                    for error in &errors {
                        self.tls(error, &keys);
                    }
                }
            }
        }
        let (places, files): (Vec<usize>, Vec<_>) = good.into_iter().unzip();
        // A file that changes in between is reported when it is loaded.
        let Ok(all) = Certificates::load(&files) else { return };
        for (facts, at) in all.facts().zip(&places) {
            self.validity(
                &facts.cert,
                (facts.not_before, facts.not_after),
                &format!("certificate[{at}].cert"),
            );
            if let Some(defect) = facts.defect {
                let name = facts.names.first().map_or("NAME", String::as_str);
                let kind = if name.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
                self.warn(
                    &format!("certificate[{at}].cert"),
                    format!(
                        "{}: the certificate {defect}, so browsers and most other clients refuse it; \
                         have it issued for its names, or create one with: openssl req -x509 -newkey ec -pkeyopt \
                         ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN={name} -addext \
                         subjectAltName={kind}:{name} -keyout KEY.pem -out CERT.pem",
                        facts.cert.display()
                    ),
                );
            }
        }
        for unused in all.unused() {
            let at = places.get(unused.place).copied().unwrap_or_default();
            let (facts, instead) = (unused.facts, unused.instead.cert.display());
            let (path, kind) = (facts.cert.display(), facts.kind);
            self.warn(
                &format!("certificate[{at}].cert"),
                format!(
                    "{path} is never used: {instead} has its names and the same kind of key \
                     ({kind}); leave one out"
                ),
            );
        }
    }

    /// Warns of hosts that no certificate will be ordered for, and that have no other.
    pub(super) fn acme_names(&mut self, config: &Config) {
        // An invalid file is reported elsewhere.
        let Ok(configured) = tls::load_configured(config) else { return };
        for (service, place, host, why) in config.acme_obstacles() {
            let example = host.replacen('*', "any", 1);
            if configured.has(example.trim_matches(['[', ']'])) {
                continue;
            }
            self.warn(
                &format!("service[{service}].hosts[{place}]"),
                format!(
                    "no certificate will be ordered for {host}: {why}; write a [[certificate]] for \
                     it, or leave it out"
                ),
            );
        }
    }

    fn validity(&mut self, path: &Path, (from, to): (SystemTime, SystemTime), key: &str) {
        let (now, path) = (SystemTime::now(), path.display());
        let days = |left: std::time::Duration| left.as_secs() / 86_400;
        if let Ok(since) = now.duration_since(to) {
            let days = days(since);
            self.warn(key, format!("{path}: the certificate expired {days} days ago; renew it"));
        } else if let Ok(left) = to.duration_since(now)
            && left < tls::SOON
        {
            let days = days(left);
            self.warn(key, format!("{path}: the certificate expires in {days} days; renew it"));
        }
        if let Ok(left) = from.duration_since(now) {
            let hours = left.as_secs() / 3600;
            let message = format!("the certificate is not valid yet, for {hours} more hours");
            self.warn(key, format!("{path}: {message}; is the clock right?"));
        }
    }

    pub(super) fn cas(&mut self, config: &Config) {
        for (at, listener) in config.listeners.iter().enumerate() {
            let auth = listener.tls.as_ref().and_then(|tls| tls.client_auth.as_ref());
            if let Some(Err(error)) = auth.map(|auth| tls::client_auth(auth).check()) {
                self.wrong(&format!("listener[{at}].client_auth.ca"), error.to_string());
            }
        }
        let ca = config.acme.as_ref().and_then(|acme| acme.ca.as_deref());
        if let Some(Err(error)) = ca.map(Authorities::read) {
            self.wrong("acme.ca", error.to_string());
        }
        let eab = config.acme.as_ref().and_then(|acme| acme.eab.as_ref());
        if let Some(Err(problem)) = eab.map(|eab| acme::read_key(&eab.hmac_key_file)) {
            self.wrong("acme.eab.hmac_key_file", problem);
        }
        if let Some(config::Certificate { cert, key }) = &config.admin.tls {
            let files =
                [(&**cert, "admin.tls.cert".to_owned()), (&**key, "admin.tls.key".to_owned())];
            if self.pair(&files) {
                if let Err(error) = tls::load_for_admin(config) {
                    self.wrong("admin.tls", error);
                }
                if let Ok(validity) = certificate::validity(cert) {
                    self.validity(cert, validity, "admin.tls.cert");
                }
            }
        }
    }

    /// Returns true if certificate and key can both be read; the problems of both are reported.
    fn pair(&mut self, files: &[(&Path, String); 2]) -> bool {
        let [(cert, _), (key, _)] = files;
        let wrong = [connect::read_certificates(cert).err(), connect::read_key(key).err()];
        wrong.iter().flatten().for_each(|error| self.tls(error, files));
        wrong.iter().all(Option::is_none)
    }

    fn tls(&mut self, error: &TlsError, files: &[(&Path, String)]) {
        let key = files.iter().find(|(path, _)| *path == error.path);
        let key = key.or(files.first()).map_or("", |(_, key)| key.as_str());
        let outside = std::env::var_os("CREDENTIALS_DIRECTORY").is_none();
        if outside && error.path.starts_with("/run/credentials") {
            let why = "credentials exist only while the unit runs, and only for its user";
            return self.warn(key, format!("{error}; {why}{}", as_whom()));
        }
        self.wrong(key, error.to_string());
    }

    pub(super) fn targets(&mut self, config: &Config) {
        let mut seen = HashSet::new();
        for (at, service) in config.services.iter().enumerate() {
            for (color, spec) in [Color::Blue, Color::Green].iter().zip(&service.colors) {
                let table = format!("service[{at}].{color}");
                for (place, target) in spec.targets.iter().enumerate() {
                    if let Some(Err(error)) = target.tls_name().map(connect::server_name) {
                        self.wrong(
                            &format!("{table}.targets[{place}]"),
                            format!("TLS to {target}: {error}; set tls.server_name"),
                        );
                    }
                }
                let files = spec
                    .tls()
                    .map(|tls| TlsFiles { ca: tls.ca.clone(), identity: tls.identity.clone() });
                if let Some(files) = files.filter(|files| seen.insert(files.clone())) {
                    self.target(files, &format!("{table}.tls"));
                }
            }
        }
    }

    fn target(&mut self, files: TlsFiles, table: &str) {
        let mut good = true;
        if let Some(Err(error)) = files.ca.as_deref().map(Authorities::read) {
            self.wrong(&format!("{table}.ca"), error.to_string());
            good = false;
        }
        if let Some((cert, key)) = &files.identity {
            let both = [(&**cert, format!("{table}.cert")), (&**key, format!("{table}.key"))];
            good &= self.pair(&both);
            if let Ok(validity) = certificate::validity(cert) {
                self.validity(cert, validity, &format!("{table}.cert"));
            }
        }
        if good && let Err(error) = TlsConfigCache::default().read([files]) {
            self.wrong(table, error.to_string());
        }
    }
}

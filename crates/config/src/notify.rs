//! The endpoints that are notified of events, and the secrets that messages to them are signed with.
//!
//! Guaranteed: no secret and no path of a URL is in a message or in what `Debug` prints.

use std::fmt;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rules::{NotifiedEvent, TargetUrl};

/// An endpoint that is notified of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Its name in status, metrics and logs.
    pub name: String,
    /// The URL that messages are sent to.
    pub url: NotifyUrl,
    /// The secret that messages are signed with; `None`: they are not signed.
    pub secret: Option<SecretSource>,
    /// The events that it is notified of; never empty, each once.
    pub events: Vec<NotifiedEvent>,
    /// The format of messages.
    pub format: NotifyFormat,
}

/// The format of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyFormat {
    /// The type, the time and the data of an event.
    Json,
    /// One sentence, as chat programs accept it.
    Slack,
}

/// An `http` or `https` URL, of which only scheme, host and port may be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct NotifyUrl {
    /// Scheme, host and port, with the host that is sent.
    pub origin: TargetUrl,
    https: bool,
    /// Path and query, which may be a secret; begins with `/`.
    path: String,
}

/// The place of a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The configuration itself; never empty.
    Written(Vec<SigningSecret>),
    /// This variable of the environment of Teal.
    Variable(String),
    /// This file, absolute.
    File(PathBuf),
}

/// A key that messages are signed with, of 24 to 64 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

/// The beginning of a secret (Standard Webhooks, "Signature scheme").
pub const SECRET_PREFIX: &str = "whsec_";

/// The longest URL, in bytes.
const URL_MAX: usize = 2048;

/// The most secrets that a message is signed with.
const SECRETS_MAX: usize = 4;

/// Parses secrets, with spaces or line breaks between them.
///
/// # Errors
/// In words that follow `the secret`, without a part of it.
pub fn signing_secrets(text: &str) -> Result<Vec<SigningSecret>, String> {
    let secrets: Vec<_> =
        text.split_ascii_whitespace().map(SigningSecret::parse).collect::<Result<_, _>>()?;
    match secrets.len() {
        0 => Err(format!("is empty; write {EXPECTED}")),
        1..=SECRETS_MAX => Ok(secrets),
        count => Err(format!("is {count} secrets; write at most {SECRETS_MAX}")),
    }
}

/// A secret, as messages describe it.
const EXPECTED: &str = "\"whsec_\" and 24 to 64 random bytes in base64, such as from: echo whsec_$(openssl rand -base64 32)";

// === impl NotifyUrl ===

impl NotifyUrl {
    /// Parses an absolute URL.
    ///
    /// # Errors
    /// In words that follow the name of its key, without a part of it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const AS: &str = "is not an http or https URL; write it as \"https://HOST/PATH\"";
        let (scheme, rest) = text.split_once("://").ok_or(AS)?;
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(&*scheme, "http" | "https") {
            return Err(AS);
        }
        if text.len() > URL_MAX {
            return Err("is longer than 2048 bytes; write a shorter URL");
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err("has a user name or password, which would be sent to nobody; leave it out");
        }
        let origin = TargetUrl::parse(&format!("{scheme}://{authority}"));
        let origin = origin.map_err(|_| {
            "has no valid host and port; write it as \"https://HOST/PATH\" or \"https://HOST:PORT/PATH\""
        })?;
        if path.contains('#') {
            return Err("has a fragment, which is never sent; leave out what begins with '#'");
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)) {
            return Err(
                "has a path that is not valid in a URL; write anything but visible ASCII characters as %XX",
            );
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let (origin, https) = (origin.with_own_host(), scheme == "https");
        Ok(Self { origin, https, path: format!("{slash}{path}") })
    }

    /// Scheme, host, and the port unless it is the usual one: all that may be shown.
    pub fn shown(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// The value of `Host`.
    pub fn authority(&self) -> &str {
        self.origin.own_host().unwrap_or_default()
    }

    /// The path and the query, to be sent and never shown.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        self.origin.host_and_port().map_or("", |(host, _)| host)
    }
}

impl fmt::Debug for NotifyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.shown())
    }
}

// === impl SigningSecret ===

impl SigningSecret {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{why}; write {EXPECTED}");
        let encoded = text
            .strip_prefix(SECRET_PREFIX)
            .ok_or_else(|| wrong("does not begin with \"whsec_\""))?;
        let key = STANDARD.decode(encoded);
        let key = key.map_err(|_| wrong("is not base64 after \"whsec_\""))?;
        if !(24..=64).contains(&key.len()) {
            return Err(wrong(&format!("has {} bytes", key.len())));
        }
        Ok(Self(key))
    }

    /// The bytes of the key.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

// === impl SecretSource ===

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(secrets) => write!(f, "Written({})", secrets.len()),
            Self::Variable(name) => write!(f, "Variable({name})"),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

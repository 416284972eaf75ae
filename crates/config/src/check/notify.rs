//! Checks of the endpoints that are notified.
//!
//! No message repeats a URL or a secret.

use rules::NotifiedEvent;

use super::listener::file;
use super::{Context, text};
use crate::key::{At, Key};
use crate::notify::{
    Notify, NotifyFormat, NotifyUrl, SECRET_PREFIX, SecretSource, signing_secrets,
};
use crate::problem::ProblemList;
use crate::raw::{self, EventName};

/// The most endpoints.
const ENDPOINTS_MAX: usize = 32;

pub(super) fn endpoints(
    key: &Key<Vec<At<raw::Notify>>>,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Vec<Notify> {
    let mut endpoints: Vec<Notify> = Vec::new();
    if let Some(At { offset, .. }) = key.elements().get(ENDPOINTS_MAX) {
        found.at(*offset, format!("notify: there are more than {ENDPOINTS_MAX} endpoints"));
    }
    for At { value: raw, offset } in key.elements() {
        let url = raw.url.at().and_then(|At { value, offset }| {
            NotifyUrl::parse(value)
                .map_err(|message| found.at(*offset, format!("notify.url {message}")))
                .ok()
        });
        let format = match raw.format.get() {
            Some(raw::NotifyFormat::Slack) => NotifyFormat::Slack,
            Some(raw::NotifyFormat::Json) | None => NotifyFormat::Json,
        };
        let secret = secret(raw, (format, *offset), context, found);
        let events = events(&raw.events, found);
        let Some(url) = url else { continue };
        let Some(name) = name(raw, &url, *offset, &endpoints, found) else { continue };
        endpoints.push(Notify { name, url, secret, events, format });
    }
    endpoints
}

/// The name of an endpoint, which no other one has.
fn name(
    raw: &raw::Notify,
    url: &NotifyUrl,
    offset: usize,
    others: &[Notify],
    found: &mut ProblemList,
) -> Option<String> {
    let (name, offset) = if let Some(At { value, offset }) = raw.name.at() {
        let Ok(name) = text::token_name(value) else {
            let message =
                format!("notify.name: {value:?} is not a name; use 1 to 63 of A-Z a-z 0-9 . _ -");
            found.at(*offset, message);
            return None;
        };
        (name, *offset)
    } else {
        (url.host().replace(':', "_"), offset) // the colons of IPv6
    };
    if others.iter().any(|other| other.name == name) {
        let message = format!("notify.name: there are two endpoints named {name:?}");
        found.at(offset, format!("{message}; write a name = \"…\" of its own"));
        return None;
    }
    Some(name)
}

fn secret(
    raw: &raw::Notify,
    (format, offset): (NotifyFormat, usize),
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Option<SecretSource> {
    match (raw.secret.at(), raw.secret_file.at()) {
        (None, None) if format == NotifyFormat::Slack => None,
        (None, None) => {
            found.at(
                offset,
                "notify needs a secret to sign messages with; write secret_file = \"/etc/teal/webhook.secret\", or \
                 secret = \"env:NAME\"",
            );
            None
        }
        (Some(_), Some(At { offset, .. })) => {
            found.at(*offset, "notify.secret_file: there is also notify.secret; leave one out");
            None
        }
        (None, Some(_)) => {
            file(&raw.secret_file, "notify.secret_file", context, found).map(SecretSource::File)
        }
        (Some(At { value, offset }), None) => {
            written(value).map_err(|message| found.at(*offset, message)).ok()
        }
    }
}

fn written(text: &str) -> Result<SecretSource, String> {
    if let Some(name) = text.strip_prefix("env:") {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_name = !name.is_empty() && name.bytes().all(inside);
        let message = "notify.secret does not name a variable; write secret = \"env:NAME\"";
        return is_name.then(|| SecretSource::Variable(name.to_owned())).ok_or(message.to_owned());
    }
    if !text.trim_start().starts_with(SECRET_PREFIX) {
        return Err("notify.secret is neither \"whsec_…\" nor \"env:NAME\"; to read it from a file or a credential write \
                    secret_file"
            .to_owned());
    }
    let secrets = signing_secrets(text).map_err(|why| format!("notify.secret {why}"))?;
    Ok(SecretSource::Written(secrets))
}

fn events(key: &Key<Vec<At<EventName>>>, found: &mut ProblemList) -> Vec<NotifiedEvent> {
    let Some(At { value: names, offset }) = key.at() else {
        return NotifiedEvent::DEFAULT.to_vec();
    };
    // Unknown names are reported and no longer there.
    if names.is_empty() && found.is_empty() {
        found.at(*offset, "notify.events is empty; name at least one event, or leave it out");
    }
    let mut events: Vec<_> = names.iter().map(|name| name.value.0).collect();
    events.sort_unstable();
    events.dedup();
    events
}

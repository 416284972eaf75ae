//! Names of header fields that only trusted peers may send.

use crate::key::{At, Key};
use crate::problem::ProblemList;

/// Fields that Teal always sets itself, so that nothing from a client is left to drop.
const OWN: [&str; 17] = [
    "client-cert",
    "client-cert-chain",
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-request-id",
    "keep-alive",
];

/// In lower case, with hyphens for underscores, since targets may take one for the other.
pub(super) fn dropped(key: &Key<Vec<At<String>>>, found: &mut ProblemList) -> Vec<String> {
    let mut names = Vec::new();
    for At { value, offset } in key.elements() {
        match name(value) {
            Ok(name) => names.push(name),
            Err(problem) => found.at(*offset, format!("service.drop_headers: {problem}")),
        }
    }
    names
}

fn name(text: &str) -> Result<String, String> {
    let bare = text.strip_suffix('*').unwrap_or(text);
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte);
    if bare.is_empty() || !bare.bytes().all(is_token) {
        return Err(format!(
            "{text:?} is not a field name; write a name such as \"Remote-User\", or a prefix such \
             as \"X-Auth-*\""
        ));
    }
    let name = text.to_ascii_lowercase().replace('_', "-");
    if OWN.contains(&name.as_str()) {
        return Err(format!("{text:?} is always set by Teal itself; leave it out"));
    }
    Ok(name)
}

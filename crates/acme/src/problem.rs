//! Errors of a CA, explained with what to do about them.

use config::Acme;
use instant_acme::{Error, Problem};

/// The prefix of ACME problem types (RFC 8555 section 6.7).
const PREFIX: &str = "urn:ietf:params:acme:error:";

/// The step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Opening or creating the account.
    Account,
    /// Ordering a certificate.
    Order,
}

/// The error in words, with what to do about it if that is known.
pub(crate) fn words(error: &Error, phase: Phase, acme: &Acme) -> String {
    let Error::Api(problem) = error else { return error.to_string() };
    let mut said = problem.detail.clone().unwrap_or_else(|| "the CA refused".to_owned());
    if !kind(problem).is_empty() {
        said = format!("{said} ({})", kind(problem));
    }
    for part in &problem.subproblems {
        said = format!("{said}; {part}");
    }
    match hint(kind(problem), phase, acme) {
        Some(hint) => format!("{said}; {hint}"),
        None => said,
    }
}

fn hint(kind: &str, phase: Phase, acme: &Acme) -> Option<String> {
    Some(match (kind, phase, &acme.eab) {
        ("externalAccountRequired", _, _) => {
            "this CA requires external account binding: write eab = { key_id = \"…\", \
             hmac_key_file = \"…\" } into [acme], with the key that it gives you"
                .to_owned()
        }
        (
            "unauthorized" | "malformed" | "badSignatureAlgorithm" | "badPublicKey",
            Phase::Account,
            Some(eab),
        ) => {
            let file = eab.hmac_key_file.display();
            format!("does acme.eab.key_id belong to the key in {file}, and is it still valid?")
        }
        ("caa", _, _) => "a CAA record in DNS allows only other CAs: add this one to it, or \
                          choose another acme.directory"
            .to_owned(),
        ("rejectedIdentifier", _, _) => {
            "this CA issues no certificate for this name: add a [[certificate]] for it, or leave \
             it out of hosts"
                .to_owned()
        }
        _ => return None,
    })
}

/// Returns true if the CA does not know the account that has signed a request.
pub(crate) fn is_unknown(error: &Error) -> bool {
    is_of(error, &["accountDoesNotExist"])
}

/// Returns true if the account may be deactivated, or may not make this order: only the account itself
/// shows which.
pub(crate) fn is_unauthorized(error: &Error) -> bool {
    is_of(error, &["unauthorized"])
}

/// Returns true if nothing else in the order would help now.
pub(crate) fn is_final(error: &Error) -> bool {
    is_of(error, &["accountDoesNotExist", "rateLimited"])
}

/// Returns true if the response to a request about the account shows that it is unusable for good.
pub(crate) fn is_lost(error: &Error) -> bool {
    match error {
        // A deactivated account is refused as unauthorized (RFC 8555 section 7.3.6).
        Error::Api(_) => is_unknown(error) || is_unauthorized(error),
        // Or its status is deactivated or revoked; this is the library's wording for that.
        Error::Str(why) => why.contains("account status"),
        _ => false,
    }
}

fn is_of(error: &Error, kinds: &[&str]) -> bool {
    matches!(error, Error::Api(problem) if kinds.contains(&kind(problem)))
}

fn kind(problem: &Problem) -> &str {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    kind.strip_prefix(PREFIX).unwrap_or(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{Challenge, ExternalAccount};

    fn said(kind: &str, phase: Phase, bound: bool) -> String {
        let eab = ExternalAccount { key_id: "kid-1".to_owned(), hmac_key_file: "/eab.key".into() };
        let acme = Acme {
            email: None,
            directory: "https://ca.test/dir".to_owned(),
            ca: None,
            challenge: Challenge::TlsAlpn01,
            eab: bound.then_some(eab),
        };
        let problem = serde_json::json!({
            "type": format!("{PREFIX}{kind}"), "detail": "no", "status": 403,
        });
        let problem: Problem = serde_json::from_value(problem).expect("a problem");
        words(&Error::Api(problem), phase, &acme)
    }

    #[test]
    fn r56_a_refusal_says_what_to_do() {
        let required = said("externalAccountRequired", Phase::Account, false);
        assert!(required.starts_with("no (externalAccountRequired); "), "{required}");
        assert!(required.contains("eab = { key_id"), "{required}");
        let wrong = said("unauthorized", Phase::Account, true);
        assert!(wrong.contains("acme.eab.key_id") && wrong.contains("/eab.key"), "{wrong}");
        assert_eq!(said("unauthorized", Phase::Order, true), "no (unauthorized)");
        assert_eq!(said("unauthorized", Phase::Account, false), "no (unauthorized)");
        assert!(said("caa", Phase::Order, false).contains("CAA record"));
        assert!(said("rejectedIdentifier", Phase::Order, false).contains("[[certificate]]"));
        assert_eq!(said("rateLimited", Phase::Order, false), "no (rateLimited)");
    }
}

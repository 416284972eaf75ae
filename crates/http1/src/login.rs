//! Logins that hold for a connection and not for one request: NTLM and Negotiate (RFC 4559, Kerberos
//! or NTLM inside). A server that has spoken one takes all that comes on the connection for its user,
//! so nobody else's request may follow there.

use crate::token;

/// Schemes by which servers authenticate a connection. Digest, Basic and Bearer go with each request.
const SCHEMES: [&[u8]; 4] = [b"NTLM", b"Negotiate", b"Kerberos", b"Nego2"];

/// Whether `Authorization` is part of such a login.
pub(crate) fn binds(credentials: &[u8]) -> bool {
    token::elements(credentials).any(|element| token_of(element).is_some())
}

/// Whether `WWW-Authenticate`, a list of challenges, goes on with such a login or ends it: an offer
/// alone has nothing behind its scheme.
pub(crate) fn goes_on(challenges: &[u8]) -> bool {
    token::elements(challenges).filter_map(token_of).any(|token| !token.is_empty())
}

/// What stands behind a scheme that binds.
fn token_of(element: &[u8]) -> Option<&[u8]> {
    let end = element.iter().position(|byte| matches!(byte, b' ' | b'\t'));
    let (scheme, token) = element.split_at(end.unwrap_or(element.len()));
    SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)).then(|| token::trim(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_binds_is_known_in_any_case_and_place_of_a_list() {
        for (value, binding, going_on) in [
            ("NTLM TlRMTVNTUAAB", true, true),
            ("ntlm TlRMTVNTUAAB", true, true),
            ("NEGOTIATE\tYII=", true, true),
            ("Kerberos YII=", true, true),
            ("Negotiate, NTLM", true, false),
            ("Basic realm=\"a\", Negotiate oYG=", true, true),
            ("Digest realm=\"a\", nonce=\"b\",NTLM", true, false),
            ("NTLM", true, false),
            ("Basic TlRMTQ==", false, false),
            ("Bearer NTLM", false, false),
            ("Digest username=\"NTLM\", realm=\"Negotiate\"", false, false),
            ("NTLMv9 abc", false, false),
            ("", false, false),
        ] {
            assert_eq!(binds(value.as_bytes()), binding, "{value:?}");
            assert_eq!(goes_on(value.as_bytes()), going_on, "{value:?}");
        }
    }
}

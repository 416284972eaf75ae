//! Logins that apply to a connection and not to one request: NTLM and Negotiate (RFC 4559, Kerberos or NTLM
//! inside). After such a login a server treats everything that arrives on the connection as its user's, so no
//! other client's request may be sent on it.

use crate::token;

/// Schemes that authenticate a connection. Digest, Basic and Bearer authenticate each request.
const SCHEMES: [&[u8]; 4] = [b"NTLM", b"Negotiate", b"Kerberos", b"Nego2"];

/// Returns true if this `Authorization` is part of such a login.
pub(crate) fn binds(credentials: &[u8]) -> bool {
    token::elements(credentials).any(|element| token_of(element).is_some())
}

/// Returns true if this `WWW-Authenticate`, a list of challenges, continues or completes such a login: a mere
/// offer has nothing after its scheme.
pub(crate) fn goes_on(challenges: &[u8]) -> bool {
    token::elements(challenges).filter_map(token_of).any(|token| !token.is_empty())
}

/// Returns what follows a scheme that binds the connection.
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

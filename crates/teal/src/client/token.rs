//! `teal token new`.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Outcome;
use crate::cli::{RoleArg, TokenNewArgs};
use crate::exit::{Exit, Failure};
use crate::show;

/// A new token. Shown once; only its hash is ever stored.
#[derive(Debug)]
pub(crate) struct NewToken {
    /// The token: a prefix by which secret scanners know it, and 256 random bits.
    pub(crate) token: String,
    /// The hash that is stored.
    pub(crate) sha256: [u8; 32],
}

#[derive(Serialize)]
struct NewTokenReport<'a> {
    token: &'a str,
    name: &'a str,
    role: &'a str,
    sha256: &'a str,
}

/// Creates a token and prints it with its line for the configuration.
pub(crate) fn new(args: &TokenNewArgs) -> Outcome {
    let name = &*args.name;
    let inside = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    if !(1..=63).contains(&name.len()) || !name.bytes().all(inside) {
        return Err(Failure::usage(format!(
            "--name {name:?} is not a token name; use 1 to 63 of A-Z a-z 0-9 . _ -"
        )));
    }
    let fresh = fresh()?;
    let sha256 = hex(&fresh.sha256);
    let role = match args.role {
        RoleArg::Viewer => "viewer",
        RoleArg::Deployer => "deployer",
        RoleArg::Operator => "operator",
    };
    if args.json {
        show::value(&NewTokenReport { token: &fresh.token, name, role, sha256: &sha256 })?;
    } else {
        show::text(&format!(
            "Token, shown only this once:\n{}\n\n\
             For the configuration, in [admin] tokens = [ ... ], then teal reload:\n\
             {{ name = \"{name}\", role = \"{role}\", sha256 = \"{sha256}\" }}",
            fresh.token
        ));
    }
    Ok(Exit::Done)
}

/// Creates a token.
pub(crate) fn fresh() -> Result<NewToken, Failure> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| {
        Failure::failed(format!("cannot get random numbers from the system: {error}"))
    })?;
    let token = format!("teal_{}", hex(&random));
    let sha256 = Sha256::digest(&token).into();
    Ok(NewToken { token, sha256 })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _never_fails = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // A5
    #[test]
    fn tokens_have_256_bits_and_are_never_the_same() {
        let (one, two) = (fresh().expect("random"), fresh().expect("random"));
        assert_ne!(one.token, two.token);
        assert_eq!(one.token.len(), "teal_".len() + 64);
        assert_eq!(one.sha256, <[u8; 32]>::from(Sha256::digest(one.token.as_bytes())));
    }
}

//! The tokens that the admin API accepts. If none is configured, Teal creates one at its
//! first start, so that there is always one.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use config::Config;
use rules::{Role, Token};
use sha2::{Digest, Sha256};

use super::state::private;
use crate::exit::Failure;

/// The configured tokens, or the one that Teal created.
pub(super) fn tokens(config: &Config) -> Result<Vec<Token>, Failure> {
    for (_, exposed) in private::exposed_keys(config) {
        tracing::warn!("{exposed}");
    }
    if !config.admin.tokens.is_empty() {
        return Ok(config.admin.tokens.clone());
    }
    let path = config.state_dir.join("admin.token");
    let cannot = |what: &str, error: &dyn std::fmt::Display| {
        Failure::failed(format!(
            "cannot {what} the admin token {}: {error}; make the file readable for the user that \
             Teal runs as, or remove it to get a new token",
            path.display()
        ))
    };
    let token = match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= SHORTEST => {
            private::keep(&path);
            text.trim().to_owned()
        }
        Ok(_) => return Err(cannot("use", &"it is empty or too short")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let token = random_hex(32);
            match make(&path, &token) {
                Ok(()) => tracing::info!("created an admin token in {}", path.display()),
                Err(error) if super::state::is_unwritable(&error) => {
                    tracing::error!(
                        "cannot write the admin token {}: {error}; nothing can be changed over \
                         TCP with it until the state directory is writable (retried every minute \
                         or sooner)",
                        path.display()
                    );
                    return Ok(Vec::new());
                }
                Err(error) => return Err(cannot("write", &error)),
            }
            token
        }
        Err(error) => return Err(cannot("read", &error)),
    };
    let sha256 = Sha256::digest(token.as_bytes()).into();
    Ok(vec![Token { name: "admin".to_owned(), role: Role::Operator, sha256 }])
}

/// The shortest token accepted, so that one written by hand is not easy to guess.
const SHORTEST: usize = 32;

/// Returns this many random bytes as hexadecimal digits.
pub(super) fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("the system has a source of randomness");
    random.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // ignored: writing to a string can't fail
        hex
    })
}

/// Writes the token beside its path and renames it, so that a crash leaves a whole token or none.
fn make(path: &Path, token: &str) -> std::io::Result<()> {
    let beside = path.with_extension("token.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&beside)?;
    file.write_all(format!("{token}\n").as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn config(state_dir: &Path) -> Config {
        let state_dir = Some(state_dir.to_owned());
        let flags = config::Flags { state_dir, ..config::Flags::default() };
        config::from_flags(&flags, &config::Environment::default()).expect("the defaults are good")
    }

    // A5
    #[test]
    fn the_token_of_the_first_start_has_256_bits_is_kept_and_is_private() {
        let (one, other) = (tempfile::tempdir(), tempfile::tempdir());
        let made = [one, other].map(|dir| {
            let dir = dir.expect("a directory");
            let config = config(dir.path());
            let first = tokens(&config).unwrap_or_else(|failure| panic!("{failure:?}")).remove(0);
            let again = tokens(&config).unwrap_or_else(|failure| panic!("{failure:?}")).remove(0);
            assert_eq!(first.sha256, again.sha256, "the next start finds it");
            assert_eq!(first.role, Role::Operator);
            let path = dir.path().join("admin.token");
            let mode = std::fs::metadata(&path).expect("it is stored").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let text = std::fs::read_to_string(&path).expect("text");
            let token = text.strip_suffix('\n').expect("one line").to_owned();
            assert_eq!(first.sha256, <[u8; 32]>::from(Sha256::digest(&token)));
            assert!(token.len() == 64 && token.bytes().all(|c| c.is_ascii_hexdigit()), "{token}");
            token
        });
        assert_ne!(made[0], made[1]);
    }

    // A5
    #[test]
    fn a_token_file_that_is_too_short_is_refused_and_not_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("admin.token");
        for short in ["", "\n", "secret", &"x".repeat(31)] {
            std::fs::write(&path, short).expect("written");
            let failure = tokens(&config(dir.path())).expect_err("too short");
            assert!(format!("{failure:?}").contains("too short"), "{failure:?}");
            assert_eq!(std::fs::read_to_string(&path).expect("still there"), short);
        }
    }
}

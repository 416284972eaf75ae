//! The tokens that the admin API accepts. Where none is configured, Teal makes one at its
//! first start, so that nobody runs without.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use config::Config;
use control::api::{Role, Token};
use sha2::{Digest, Sha256};

use crate::exit::Failure;

/// The configured tokens, or the one that Teal has made.
pub(super) fn tokens(config: &Config) -> Result<Vec<Token>, Failure> {
    if !config.admin.tokens.is_empty() {
        return Ok(config.admin.tokens.iter().map(configured).collect());
    }
    let path = config.state_dir.join("admin.token");
    let cannot = |what: &str, error: &dyn std::fmt::Display| {
        Failure::failed(format!(
            "cannot {what} the admin token {}: {error}; make the file readable for the user that \
             Teal runs as, or remove it to have a new token made",
            path.display()
        ))
    };
    let token = match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= SHORTEST => text.trim().to_owned(),
        Ok(_) => return Err(cannot("use", &"it is empty or too short")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let token = random_hex(32);
            make(&path, &token).map_err(|error| cannot("write", &error))?;
            tracing::info!("made an admin token in {}", path.display());
            token
        }
        Err(error) => return Err(cannot("read", &error)),
    };
    let sha256 = Sha256::digest(token.as_bytes()).into();
    Ok(vec![Token { name: "admin".to_owned(), role: Role::Operator, sha256 }])
}

/// A token that somebody wrote by hand must not be easier to guess than this.
const SHORTEST: usize = 32;

/// A token as the API takes it.
pub(super) fn configured(token: &config::Token) -> Token {
    let role = match token.role {
        config::Role::Viewer => Role::Viewer,
        config::Role::Operator => Role::Operator,
    };
    Token { name: token.name.clone(), role, sha256: token.sha256 }
}

/// So many bytes from the system's source of randomness, as hexadecimal digits.
pub(super) fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("the system has a source of randomness");
    random.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // ignored: writing to a string can't fail
        hex
    })
}

/// Written beside and renamed, so that a crash leaves a whole token or none.
fn make(path: &Path, token: &str) -> std::io::Result<()> {
    let beside = path.with_extension("token.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&beside)?;
    file.write_all(format!("{token}\n").as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

//! The secrets of an endpoint, read from where the configuration says.
//!
//! No error repeats a part of one.

use std::path::Path;
use std::{fs, io};

use config::{SecretSource, SigningSecret, signing_secrets};

/// The largest file, in bytes; a larger one holds something else.
const FILE_MAX: u64 = 4096;

/// Reads the secrets.
///
/// # Errors
/// In words: where they should be, and why they cannot be used.
pub(crate) fn read(source: &SecretSource) -> Result<Vec<SigningSecret>, String> {
    match source {
        SecretSource::Written(secrets) => Ok(secrets.clone()),
        SecretSource::Variable(name) => {
            let text = std::env::var(name).map_err(|_| {
                format!("the environment variable {name} is not set; set it where Teal is started")
            })?;
            signing_secrets(&text)
                .map_err(|why| format!("the secret in the environment variable {name} {why}"))
        }
        SecretSource::File(path) => {
            let shown = path.display();
            let text = text(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
            signing_secrets(&text).map_err(|why| format!("the secret in {shown} {why}"))
        }
    }
}

/// Checks that the secrets can be read.
///
/// # Errors
/// In words, without a part of a secret.
pub fn check(source: &SecretSource) -> Result<(), String> {
    read(source).map(drop)
}

fn text(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    // Anything else, such as a pipe, may block.
    if !found.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if found.len() > FILE_MAX {
        return Err(io::Error::other("it is too large for a secret"));
    }
    fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_hold_several_secrets_and_errors_repeat_none() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("hook.secret");
        let source = SecretSource::File(path.clone());
        let absent = read(&source).expect_err("there is none");
        assert!(absent.starts_with("cannot read ") && absent.contains("hook.secret"), "{absent}");
        let (one, two) = ("A".repeat(32), "B".repeat(44));
        fs::write(&path, format!("whsec_{one}\nwhsec_{two}\n")).expect("written");
        assert_eq!(read(&source).expect("two").len(), 2);
        for (text, why) in [
            ("", "is empty"),
            ("hunter2", "does not begin with \"whsec_\""),
            ("whsec_hunter2", "is not base64"),
        ] {
            fs::write(&path, text).expect("written");
            let said = check(&source).expect_err(text);
            assert!(said.contains(why) && !said.contains("hunter2"), "{text}: {said}");
        }
        fs::write(&path, "x".repeat(5000)).expect("written");
        assert!(check(&source).expect_err("large").contains("too large"));
        assert!(
            check(&SecretSource::File(directory.path().into()))
                .expect_err("no file")
                .contains("not a file")
        );
        let unset = check(&SecretSource::Variable("TEAL_TEST_UNSET".to_owned()));
        assert!(unset.expect_err("unset").contains("TEAL_TEST_UNSET is not set"));
    }
}

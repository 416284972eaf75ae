//! The label of what runs in a color.

use std::fmt;

use crate::invalid::Invalid;

/// A label of what runs in a color: `v42`, a commit, an image digest. From 1 to 128 of `[A-Za-z0-9._:/@+~-]`, and it
/// does not begin with `-`, so it is safe in a variable, a file and a command line as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(Box<str>);

const VERSION_MAX: usize = 128;

impl Version {
    /// Checks and takes a version.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@+~-".contains(&byte);
        let valid = (1..=VERSION_MAX).contains(&text.len())
            && text.bytes().all(plain)
            && !text.starts_with('-');
        if valid {
            return Ok(Self(text.into()));
        }
        Err(Invalid(format!(
            "{text:?} is not a version: use 1 to {VERSION_MAX} letters, digits and ._:/@+~-, such as v42"
        )))
    }

    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_can_stand_in_a_shell_a_file_and_a_command_line() {
        for good in ["v42", "1.0.0-rc.1+5", "registry/app@sha256:ab12", "a", &"x".repeat(128)] {
            assert_eq!(Version::new(good).map(|version| version.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "-rf", "a b", "a\nB=c", "$(x)", "\"", "é", "a\0", &"x".repeat(129)] {
            let error = Version::new(bad).expect_err(bad).to_string();
            assert!(error.contains("is not a version: use"), "{error}");
        }
    }
}

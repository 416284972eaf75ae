//! The protocol between the load client and the demo target: the header fields that
//! carry a request's number, and the texts of answers.
//!
//! Both sides build these texts here, so an answer is compared byte for byte.
//! A target that does not know this can still be drilled, only less strictly.

use std::fmt;

/// Header field with the id of the request; the target echoes it.
pub(crate) const ID_FIELD: &str = "x-drill-id";

/// Header field with a target's version.
pub(crate) const VERSION_FIELD: &str = "x-drill-version";

/// Header field of an error that a target gives because it was asked to: a complete answer, and no loss.
pub(crate) const BROKEN_FIELD: &str = "x-drill-broken";

/// The longest id that a target writes into its ledger.
const ID_LENGTH_MAX: usize = 64;

/// The name of a run, so that one target's ledger can serve several runs.
///
/// Eight hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunName(String);

impl RunName {
    /// A new random name.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        Ok(Self(format!("{:08x}", getrandom::u32()?)))
    }

    /// The value of [`ID_FIELD`] for the request with this number.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.0)
    }

    /// The number in an id, if the id belongs to this run.
    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        id.strip_prefix(self.0.as_str())?.strip_prefix('-')?.parse().ok()
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns true if a text may be written into a ledger as an id.
///
/// Ids come from the network and end up in a file with one request per line.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= ID_LENGTH_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A target's summary of a request that it has read to the end.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    pub(crate) version: &'a str,
    pub(crate) id: &'a str,
    pub(crate) method: &'a str,
    pub(crate) bytes: u64,
    pub(crate) checksum: u32,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "version {}", self.version)?;
        writeln!(f, "id {}", self.id)?;
        writeln!(f, "method {}", self.method)?;
        writeln!(f, "bytes {}", self.bytes)?;
        writeln!(f, "checksum {:08x}", self.checksum)
    }
}

/// One server-sent event, numbered from 1.
pub(crate) fn event(version: &str, number: u64) -> String {
    format!("id: {number}\nevent: tick\ndata: {version} {number}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_another_run_has_no_number_here() {
        let ours = RunName("0a1b2c3d".to_owned());
        assert_eq!(ours.number(&ours.id(42)), Some(42));
        assert_eq!(ours.number("ffffffff-42"), None);
        assert_eq!(ours.number("0a1b2c3d-"), None);
        assert_eq!(ours.number("0a1b2c3d-1x"), None);
    }

    #[test]
    fn an_id_that_would_break_the_ledger_is_not_an_id() {
        assert!(is_id("0a1b2c3d-7"));
        assert!(!is_id(""));
        assert!(!is_id("7 POST\n8"));
        assert!(!is_id(&"x".repeat(65)));
    }
}

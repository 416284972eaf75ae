//! The JSON that a hook reads, and the one that `start` may write.

use rules::TargetUrl;
use serde::{Deserialize, Serialize};

/// The document on the standard input of a hook.
#[derive(Debug, Serialize)]
pub(super) struct Document<'d> {
    pub(super) action: &'static str,
    pub(super) service: &'d str,
    pub(super) color: &'static str,
    pub(super) version: Option<&'d str>,
    pub(super) port: Option<u16>,
    /// The time that is left for this call.
    pub(super) deadline_ms: u64,
    /// The number of lines that `logs` is asked for.
    pub(super) lines: Option<usize>,
}

/// The last line of `start`'s output. Fields that are not known are left alone.
#[derive(Debug, Deserialize)]
struct Told {
    target: Option<String>,
}

impl Document<'_> {
    /// The document as one line.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("strings and numbers are always JSON");
        bytes.push(b'\n');
        bytes
    }
}

/// The target in the last line of an output, if that is a JSON object. Other output is for people.
pub(super) fn told_target(output: &[u8]) -> Result<Option<TargetUrl>, String> {
    let output = String::from_utf8_lossy(output);
    let line = output.trim_end().lines().next_back().unwrap_or_default().trim();
    if !line.starts_with('{') {
        return Ok(None);
    }
    let told: Told = serde_json::from_str(line).map_err(|error| {
        format!("{line:?} is not JSON such as {{\"target\": \"http://127.0.0.1:8082\"}}: {error}")
    })?;
    let target = told.target.map(|target| TargetUrl::parse(&target));
    target.transpose().map_err(|invalid| invalid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_from_the_last_line_and_nowhere_else() {
        for (output, target) in [
            ("", None),
            ("started app\n", None),
            ("{\"target\":\"http://127.0.0.1:1\"}\ndone\n", None),
            ("{\"pid\":1}\n", None),
            ("{\"target\":null}", None),
            (
                "done\n {\"target\":\"http://127.0.0.1:8082\",\"pid\":1}\n\n",
                Some("http://127.0.0.1:8082"),
            ),
            ("{\"target\":\"unix:/run/web/green.sock\"}", Some("unix:/run/web/green.sock")),
        ] {
            let told = told_target(output.as_bytes()).expect(output);
            assert_eq!(told.map(|target| target.to_string()).as_deref(), target, "{output}");
        }
    }

    #[test]
    fn what_is_not_a_target_is_refused_with_what_would_be_one() {
        for (output, word) in [
            ("{target: 1}", "is not JSON such as"),
            ("{\"target\": 8082}", "is not JSON such as"),
            ("{\"target\": \"127.0.0.1:8082\"}", "write it as http://HOST:PORT"),
            ("{\"target\": \"http://127.0.0.1:8082/path\"}", "has no path"),
        ] {
            let why = told_target(output.as_bytes()).expect_err(output);
            assert!(why.contains(word), "{why}");
        }
    }
}

//! h2load: many streams of HTTP/2 at once, and HTTP/1.1 with many connections; nothing may fail.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::{Stand, Verdict};
use crate::place::Place;
use crate::process::{run as run_command, words};
use crate::versions::version;

const ENDS_WITHIN: Duration = Duration::from_secs(120);

/// Kinds of load: their names, whether over TLS, and their arguments.
const MODES: [(&str, bool, &str); 4] = [
    ("HTTP/2 over TLS, 8 × 100 streams", true, "-n 20000 -c 8 -m 100"),
    ("HTTP/2 over TLS, small windows", true, "-n 4000 -c 4 -m 32 -w 16 -W 18"),
    ("HTTP/2 without TLS, 8 × 32 streams", false, "-n 10000 -c 8 -m 32"),
    ("HTTP/1.1, 64 connections", false, "-n 10000 -c 64 --h1"),
];

pub(super) fn run(place: &Place, work: &Path) -> Result<Vec<Verdict>> {
    let stand = Stand::start(place, work, "")?;
    let mut verdicts = Vec::new();
    for (what, tls, more) in MODES {
        let url = if tls {
            format!("https://localhost:{}/small", stand.secure)
        } else {
            format!("http://{}/small", stand.teal.listener())
        };
        let (code, said) =
            run_command(&words(&format!("h2load {more} {url}")), &Vec::new(), ENDS_WITHIN)?;
        let requests =
            said.lines().find(|line| line.starts_with("requests:")).unwrap_or("no result");
        let codes = said.lines().find(|line| line.starts_with("status codes:")).unwrap_or_default();
        let speed = said.lines().find(|line| line.starts_with("finished in")).unwrap_or_default();
        let fine = ["0 failed", "0 errored", "0 timeout"]
            .iter()
            .all(|word| requests.contains(&format!(" {word}")));
        verdicts.push(Verdict {
            suite: "h2load",
            version: version(place, "h2load --version"),
            tried: what.to_owned(),
            said: format!("{requests}; {codes}; {speed}"),
            passed: code == Some(0) && fine && codes.contains(" 0 5xx") && codes.contains(" 0 4xx"),
        });
    }
    Ok(verdicts)
}

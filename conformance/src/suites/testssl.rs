//! testssl.sh on a listener with TLS: protocols, ciphers, certificate, known weaknesses.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use testkit::Behavior;

use super::{Stand, Verdict};
use crate::place::Place;
use crate::process::run as run_command;
use crate::versions::version;

const ENDS_WITHIN: Duration = Duration::from_secs(420);

/// Findings about this run and not about Teal: the exact id, the exact words, and the reason.
const EXPECTED: [(&str, &str, &str); 2] = [
    (
        "engine_problem",
        "No engine or GOST support via engine with your /usr/bin/openssl",
        "the openssl that testssl.sh uses offers no GOST, and neither does Teal",
    ),
    (
        "sessionresumption_ticket",
        "check failed because of connect problem",
        "its client may leave before a ticket of TLS 1.3 has come, and then has nothing to resume",
    ),
];

/// An application that sets security headers, which Teal must pass on.
const PROTECTED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n\
     X-Frame-Options: DENY\r\nX-Content-Type-Options: nosniff\r\n\
     Content-Security-Policy: default-src 'none'\r\nReferrer-Policy: no-referrer\r\n\
     Cross-Origin-Opener-Policy: same-origin\r\n\r\nhello\n";

pub(super) fn run(place: &Place, work: &Path) -> Result<Vec<Verdict>> {
    let stand = Stand::start(place, work, "")?;
    for target in &stand.targets {
        target.behave_at("/", Behavior::raw(PROTECTED));
    }
    let file = work.join("testssl.json");
    let address = format!("localhost:{}", stand.secure);
    let arguments = [
        "testssl",
        "--quiet",
        "--color=0",
        "--warnings=batch",
        "--ip=127.0.0.1",
        "--nodns=min",
        "--protocols",
        "--std",
        "--server-preference",
        "--fs",
        "--server-defaults",
        "--header",
        "--vulnerable",
        "--jsonfile",
    ];
    let mut command: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    command.push(file.display().to_string());
    command.push("--add-ca".to_owned());
    command.push(stand.pki.ca().display().to_string());
    command.push(address);
    let (_, said) = run_command(&command, &Vec::new(), ENDS_WITHIN)?;
    let text = fs::read_to_string(&file).with_context(|| said.clone())?;
    let findings: Vec<Value> = serde_json::from_str(&text).with_context(|| said)?;
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let harmless = ["OK", "INFO", "DEBUG"];
    let (mut faults, mut explained) = (Vec::new(), Vec::new());
    for finding in findings.iter().filter(|one| !harmless.contains(&&*word(one, "severity"))) {
        let (id, told) = (word(finding, "id"), word(finding, "finding"));
        match EXPECTED.iter().find(|(expected, words, _)| *expected == id && *words == told) {
            Some((id, _, reason)) => explained.push(format!("; {id} ({told}): {reason}")),
            None => faults.push(format!("; **{id}: {told}**")),
        }
    }
    let (all, faults, explained) = (findings.len(), faults.concat(), explained.concat());
    let passed = faults.is_empty() && all > 50;
    let said = format!("{all} findings, all OK or INFO but what follows{faults}{explained}");
    let said = if faults.len() + explained.len() > 0 {
        said
    } else {
        format!("{all} findings, all OK or INFO, nothing excused")
    };
    Ok(vec![Verdict {
        suite: "testssl.sh",
        version: version(place, "deb:testssl.sh"),
        tried: "protocols, ciphers, preference, certificate, headers, weaknesses".to_owned(),
        said,
        passed,
    }])
}

//! testssl.sh on a listener with TLS: protocols, ciphers, certificate, known weaknesses.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Stand, Verdict};
use crate::place::Place;
use crate::process::run as run_command;
use crate::versions::version;

const ENDS_WITHIN: Duration = Duration::from_secs(420);

/// Findings that are not Teal's, and why.
const EXPECTED: [(&str, &str); 8] = [
    ("cert_chain_of_trust", "the CA was made for this run"),
    ("cert_notAfter", MADE),
    ("cert_validityPeriod", MADE),
    ("cert_extlifeSpan", MADE),
    ("cert_crlDistributionPoints", "the CA was made for this run and revokes nothing"),
    ("cert_revocation", "the CA was made for this run and revokes nothing"),
    ("HSTS", "the key `hsts` is off unless it is set"),
    ("security_headers", "these fields are the application's"),
];

const MADE: &str = "the certificate was made for this run, valid until 2100";

pub(super) fn run(place: &Place, work: &Path) -> Result<Vec<Verdict>> {
    let stand = Stand::start(place, work, "")?;
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
    let harmless = ["OK", "INFO", "WARN", "DEBUG"];
    let (mut faults, mut explained) = (Vec::new(), Vec::new());
    for finding in findings.iter().filter(|one| !harmless.contains(&&*word(one, "severity"))) {
        let id = word(finding, "id");
        match EXPECTED.iter().find(|(expected, _)| id.starts_with(expected)) {
            Some((id, reason)) => explained.push(format!("{id}: {reason}")),
            None => faults.push(format!("{id}: {}", word(finding, "finding"))),
        }
    }
    let explained = format!("not Teal's: {}", explained.join("; "));
    let said = if faults.is_empty() {
        format!("{} findings, none of LOW or above ({explained})", findings.len())
    } else {
        format!("{} ({explained})", faults.join("; "))
    };
    Ok(vec![Verdict {
        suite: "testssl.sh",
        version: version(place, "deb:testssl.sh"),
        tried: "protocols, ciphers, preference, certificate, headers, weaknesses".to_owned(),
        said,
        passed: faults.is_empty() && findings.len() > 50,
    }])
}

//! http_desync_guardian over what targets received, while our table of attacks is played: no
//! request that reaches a target may be one that servers read differently.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use http_desync_guardian::RequestSafetyTier;
use http_desync_guardian::request_analyzer::HttpRequestData;
use testkit::Client;
use toml::Table;

use super::{Stand, Verdict};
use crate::place::Place;
use crate::versions::version;

const PATIENCE: Duration = Duration::from_millis(300);

/// The table of attacks, and the bytes that fuzzing has kept.
const TABLE: &str = "../crates/teal/tests/attacks/requests.toml";
const CORPUS: &str = "../fuzz/tests/__fuzz__";

/// What the crate calls ambiguous although its framing is not, and why it is passed on.
const EXPECTED: [(&str, &str); 2] =
    [("UndefinedContentLengthSemantics", BODY), ("UndefinedTransferEncodingSemantics", BODY)];

const BODY: &str =
    "a body on GET, whose end is clear: RFC 9110 §9.3.1 leaves its meaning to the application";

pub(super) fn run(place: &Place, work: &Path) -> Result<Vec<Verdict>> {
    let stand = Stand::start(place, work, r#"request_head = "2s", body_progress = "2s""#)?;
    let mut payloads = attacks(&fs::read_to_string(place.sources.join(TABLE))?)?;
    let attacks = payloads.len();
    corpus(&place.sources.join(CORPUS), &mut payloads)?;
    for payload in &payloads {
        let Ok(client) = Client::try_connect(stand.teal.listener()) else { continue };
        let mut client = client.patience(PATIENCE);
        // Refused before it was all sent, or never answered: both are fine here.
        let _ = client.try_send(payload);
        let _ = client.read_answer(false);
    }
    let mut tiers: BTreeMap<String, usize> = BTreeMap::new();
    let (mut seen, mut worst, mut explained) = (0, Vec::new(), Vec::new());
    for target in &stand.targets {
        for request in target.seen().requests() {
            let result = HttpRequestData::analyze_raw_request(&request.raw);
            *tiers.entry(format!("{:?}", result.tier)).or_default() += 1;
            seen += 1;
            if result.tier > RequestSafetyTier::Acceptable {
                let reason = format!("{:?}", result.reason);
                match EXPECTED.iter().find(|(expected, _)| *expected == reason) {
                    Some((reason, why)) => explained.push(format!("{reason}: {why}")),
                    None => worst.push(format!(
                        "{:?} {reason} {}",
                        result.tier,
                        first_line(&request.raw)
                    )),
                }
            }
        }
    }
    worst.sort();
    worst.dedup();
    explained.sort();
    explained.dedup();
    let tiers: Vec<_> = tiers.iter().map(|(tier, count)| format!("{count} {tier}")).collect();
    let more = [&worst[..], &explained[..]].concat().join("; ");
    Ok(vec![Verdict {
        suite: "http_desync_guardian",
        version: version(place, "crate:http_desync_guardian"),
        tried: format!("{attacks} attacks and {} inputs kept by fuzzing", payloads.len() - attacks),
        said: format!("{seen} requests reached targets: {} ({more})", tiers.join(", ")),
        passed: worst.is_empty() && seen > 0,
    }])
}

fn first_line(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let line = text.lines().next().unwrap_or_default().replace('|', "\\|");
    format!("`{}`", line.chars().take(80).collect::<String>())
}

/// The bytes of the table; what its keys and marks mean is written in it.
fn attacks(text: &str) -> Result<Vec<Vec<u8>>> {
    let table: Table = text.parse()?;
    let cases = table.get("case").and_then(|cases| cases.as_array()).context("cases")?;
    let sends = cases.iter().filter_map(|case| case.get("send")?.as_str());
    Ok(sends.map(|send| bytes(send.strip_suffix("{FIN}").unwrap_or(send))).collect())
}

/// One byte for each character; `{x*3}` becomes `xxx`.
fn bytes(text: &str) -> Vec<u8> {
    let byte = |c: char| u8::try_from(u32::from(c)).unwrap_or(b'?');
    let Some((before, rest)) = text.split_once('{') else {
        return text.chars().map(byte).collect();
    };
    let mut all: Vec<u8> = before.chars().map(byte).collect();
    let repeated = rest.split_once('}').and_then(|(inside, behind)| {
        let (what, times) = inside.rsplit_once('*')?;
        Some((what.repeat(times.parse().ok()?), behind))
    });
    let behind = if let Some((repeated, behind)) = repeated {
        all.extend(repeated.chars().map(byte));
        behind
    } else {
        all.push(b'{');
        rest
    };
    all.extend(bytes(behind));
    all
}

/// Every file below a directory; without one, none.
fn corpus(directory: &Path, payloads: &mut Vec<Vec<u8>>) -> Result<()> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            corpus(&path, payloads)?;
        } else {
            payloads.push(fs::read(path)?);
        }
    }
    Ok(())
}

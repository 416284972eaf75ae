//! http_desync_guardian on the requests that targets received while our table of attacks is played: no
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

/// The table of attacks, and the corpus of fuzzing.
const TABLE: &str = "../crates/teal/tests/attacks/requests.toml";
const CORPUS: &str = "../fuzz/tests/__fuzz__";

/// Methods for which a body has no meaning but is allowed (RFC 9110 §9.3.1): the crate calls them
/// ambiguous for their body alone. Excused only if the same bytes with POST are compliant, so that only
/// the method matters, and if the head is normal.
const BODY_ON_GET: [&str; 2] =
    ["UndefinedContentLengthSemantics", "UndefinedTransferEncodingSemantics"];

pub(super) fn run(place: &Place, work: &Path) -> Result<Vec<Verdict>> {
    let stand = Stand::start(place, work, r#"request_head = "2s", body_progress = "2s""#)?;
    let mut payloads = attacks(&fs::read_to_string(place.sources.join(TABLE))?)?;
    let attacks = payloads.len();
    corpus(&place.sources.join(CORPUS), &mut payloads)?;
    for payload in &payloads {
        let Ok(client) = Client::try_connect(stand.teal.listener()) else { continue };
        let mut client = client.patience(PATIENCE);
        // Refused before all was sent, or never answered: both are fine here.
        let _ = client.try_send(payload);
        let _ = client.read_answer(false);
    }
    let mut tiers: BTreeMap<String, usize> = BTreeMap::new();
    let (mut seen, mut faults, mut excused) = (0, Vec::new(), Vec::new());
    for request in stand.targets.iter().flat_map(|target| target.seen().requests()) {
        seen += 1;
        let result = HttpRequestData::analyze_raw_request(&request.raw);
        *tiers.entry(format!("{:?}", result.tier)).or_default() += 1;
        let line = first_line(&request.raw);
        if let Err(problem) = normal(&request.raw) {
            faults.push(format!("{line}: {problem}"));
        }
        if result.tier > RequestSafetyTier::Acceptable {
            let reason = format!("{:?}", result.reason);
            if BODY_ON_GET.contains(&&*reason) && compliant_as_post(&request.raw) {
                excused.push(line);
            } else {
                faults.push(format!("{line}: {:?}, {reason}", result.tier));
            }
        }
    }
    let tiers: Vec<_> = tiers.iter().map(|(tier, count)| format!("{count} {tier}")).collect();
    let mut said = format!(
        "{seen} requests reached targets, each with one Host and at most one length: {}",
        tiers.join(", ")
    );
    if !excused.is_empty() {
        excused.sort();
        excused.dedup();
        said.push_str(". Ambiguous only because a GET has a body, and compliant as POST: ");
        said.push_str(&excused.join(", "));
    }
    faults.sort();
    faults.dedup();
    if !faults.is_empty() {
        said.push_str(". Faults: ");
        said.push_str(&faults.join("; "));
    }
    Ok(vec![Verdict {
        suite: "http_desync_guardian",
        version: version(place, "crate:http_desync_guardian"),
        tried: format!("{attacks} attacks and {} inputs kept by fuzzing", payloads.len() - attacks),
        said,
        passed: faults.is_empty() && seen > 0,
    }])
}

/// The same request with a method that naturally has a body.
fn compliant_as_post(raw: &[u8]) -> bool {
    let Some(space) = raw.iter().position(|byte| *byte == b' ') else { return false };
    let post = [&b"POST"[..], &raw[space..]].concat();
    HttpRequestData::analyze_raw_request(&post).tier == RequestSafetyTier::Compliant
}

/// A head that no two servers read differently: one Host, and one length at most, either a plain
/// number or `chunked`.
fn normal(raw: &[u8]) -> Result<(), &'static str> {
    let text = String::from_utf8_lossy(raw);
    let (head, _) = text.split_once("\r\n\r\n").ok_or("its head has no end")?;
    let fields: Vec<_> = head.split("\r\n").skip(1).filter_map(|l| l.split_once(':')).collect();
    let values = |name: &str| -> Vec<&str> {
        let named = fields.iter().filter(|field| field.0.trim().eq_ignore_ascii_case(name));
        named.map(|field| field.1.trim()).collect()
    };
    if fields.len() + 1 != head.split("\r\n").count() {
        return Err("a line of its head is not a field");
    }
    if values("host").len() != 1 {
        return Err("it has not one Host");
    }
    match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], [] | ["chunked"]) => Ok(()),
        ([length], []) if length.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        _ => Err("it has more than one length, or one that is not plain"),
    }
}

fn first_line(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let line = text.lines().next().unwrap_or_default().replace('|', "\\|");
    format!("`{}`", line.chars().take(80).collect::<String>())
}

/// The bytes of the table, which explains its keys and marks.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_method_without_use_for_a_body_is_excused() {
        let get = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
        assert!(compliant_as_post(get) && normal(get).is_ok());
        let two = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx";
        assert!(!compliant_as_post(two) && normal(two).is_err());
        let both = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\
              Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
        assert!(!compliant_as_post(both) && normal(both).is_err());
        assert!(normal(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").is_err());
    }
}

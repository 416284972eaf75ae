//! The checks of a deploy: smoke checks of the new environment, and checks from outside.

use std::time::Duration;

use rules::{StatusRange, TargetUrl};

use super::super::{Context, path, text, time};
use super::command;
use crate::deploy::{Expect, Outside, Smoke};
use crate::key::{At, Key};
use crate::problem::ProblemList;
use crate::raw;

/// The time for a response, for a program, and for a check from outside, if nothing is written.
const RESPONSE: Duration = Duration::from_secs(5);
const PROGRAM: Duration = Duration::from_secs(60);
const OUTSIDE: Duration = Duration::from_secs(10);

pub(super) fn smoke(raw: &raw::Deploy, found: &mut ProblemList) -> Vec<Smoke> {
    let checks = raw.smoke.elements().iter();
    checks.filter_map(|check| one(check, found)).collect()
}

fn one(check: &At<raw::Smoke>, found: &mut ProblemList) -> Option<Smoke> {
    let At { value: raw, offset } = check;
    let within = time(&raw.within, "service.deploy.smoke.within", found).map(|(time, _)| time);
    match (raw.path.at(), raw.exec.at()) {
        (Some(At { value, offset }), None) => {
            let path = text::probe_path(value)
                .map_err(|message| {
                    found.at(*offset, format!("service.deploy.smoke.path: {message}"));
                })
                .ok()?;
            let expect = expect(&raw.expect, &raw.contains, "service.deploy.smoke", found);
            Some(Smoke::Path { path, expect, within: within.unwrap_or(RESPONSE) })
        }
        (None, Some(At { value, offset })) => {
            let others = [
                ("expect", raw.expect.at().map(|at| at.offset)),
                ("contains", raw.contains.at().map(|at| at.offset)),
            ];
            for (key, offset) in others {
                if let Some(offset) = offset {
                    let message = format!("service.deploy.smoke.{key} is for path; leave it out");
                    found.at(offset, message);
                }
            }
            let at = At { value: value.clone(), offset: *offset };
            let command = command(&at, "service.deploy.smoke.exec", found);
            Some(Smoke::Exec { command, within: within.unwrap_or(PROGRAM) })
        }
        (both, _) => {
            let what = if both.is_some() { "has path and exec" } else { "checks nothing" };
            let message = format!(
                "service.deploy.smoke {what}; write {{ path = \"/login\" }} or \
                 {{ exec = [\"./smoke.sh\"] }}"
            );
            found.at(*offset, message);
            None
        }
    }
}

pub(super) fn outside(
    raw: &raw::Deploy,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Vec<Outside> {
    let checks = raw.outside.elements().iter();
    checks.filter_map(|check| seen(&check.value, context, found)).collect()
}

fn seen(raw: &raw::Outside, context: &Context<'_>, found: &mut ProblemList) -> Option<Outside> {
    let within = time(&raw.within, "service.deploy.outside.within", found);
    let expect = expect(&raw.expect, &raw.contains, "service.deploy.outside", found);
    let ca = raw.ca.at().and_then(|At { value, offset }| {
        path(value, "service.deploy.outside.ca", "ca.pem", context)
            .map_err(|message| found.at(*offset, message))
            .ok()
    });
    let At { value: url, offset } = raw.url.at()?;
    let (server, host, path) = split(url)
        .map_err(|message| found.at(*offset, format!("service.deploy.outside.url: {message}")))
        .ok()?;
    Some(Outside {
        url: url.clone(),
        server,
        host,
        path,
        expect,
        within: within.map_or(OUTSIDE, |(time, _)| time),
        ca,
    })
}

/// The server, the `Host` and the path of a URL.
fn split(url: &str) -> Result<(TargetUrl, String, String), String> {
    let wrong =
        |why: &str| format!("{url:?} {why}; write one such as \"https://example.com/health\"");
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("is not a URL"))?;
    if !matches!(scheme, "http" | "https") {
        return Err(wrong("is not http or https"));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let server = TargetUrl::parse(&format!("{scheme}://{host}"));
    let server = server.map_err(|message| message.to_string())?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let path = text::probe_path(&path)?;
    Ok((server, host.to_ascii_lowercase(), path))
}

fn expect(
    statuses: &Key<Vec<At<String>>>,
    contains: &Key<String>,
    name: &str,
    found: &mut ProblemList,
) -> Expect {
    let mut ranges = Vec::new();
    if let Some(list) = statuses.at() {
        if list.value.is_empty() {
            let message =
                format!("{name}.expect is empty, so no check could pass; write [\"2xx\"]");
            found.at(list.offset, message);
        }
        for At { value, offset } in &list.value {
            match StatusRange::parse(value) {
                Ok(range) if range.low < 200 => {
                    let message = "a check ends with a final status; write 200 to 599";
                    found.at(*offset, format!("{name}.expect: {value:?}: {message}"));
                }
                Ok(range) => ranges.push(range),
                Err(message) => found.at(*offset, format!("{name}.expect: {message}")),
            }
        }
    } else {
        ranges.push(StatusRange { low: 200, high: 299 });
    }
    if let Some(At { offset, .. }) = contains.at().filter(|text| text.value.is_empty()) {
        found.at(*offset, format!("{name}.contains is empty; write text, or leave it out"));
    }
    Expect { statuses: ranges, contains: contains.get().cloned() }
}

//! The warm-up of a service.

use rules::{WARM_UP_MAX, WarmUp};

use super::{text, time};
use crate::key::At;
use crate::problem::ProblemList;
use crate::raw;

/// The maximum number of paths.
const PATHS: usize = 100;

pub(super) fn warm_up(raw: &raw::WarmUp, found: &mut ProblemList) -> WarmUp {
    let default = WarmUp::default();
    let timeout =
        time(&raw.timeout, "service.warmup.timeout", found).filter(|(timeout, offset)| {
            let fits = *timeout <= WARM_UP_MAX;
            if !fits {
                found.at(*offset, "service.warmup.timeout is too long; write at most \"5m\"");
            }
            fits
        });
    WarmUp {
        paths: paths(raw, found).unwrap_or(default.paths),
        requests: raw.requests.get().copied().unwrap_or(default.requests),
        connections: raw.connections.get().copied().unwrap_or(default.connections),
        timeout: timeout.map_or(default.timeout, |(timeout, _)| timeout),
        required: raw.required.get().copied().unwrap_or(default.required),
    }
}

fn paths(raw: &raw::WarmUp, found: &mut ProblemList) -> Option<Vec<String>> {
    let list = raw.paths.at()?;
    if list.value.is_empty() {
        found.at(list.offset, "service.warmup.paths is empty; write at least one, such as [\"/\"]");
    } else if list.value.len() > PATHS {
        let message =
            format!("service.warmup.paths has {} paths; write at most {PATHS}", list.value.len());
        found.at(list.offset, message);
    }
    let mut paths = Vec::new();
    for At { value, offset } in &list.value {
        match text::probe_path(value) {
            Ok(path) => paths.push(path),
            Err(message) => found.at(*offset, format!("service.warmup.paths: {message}")),
        }
    }
    Some(paths)
}

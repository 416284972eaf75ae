//! Groups: services that are switched together.

use std::collections::HashSet;

use rules::{GroupName, GroupSpec, KEPT, ServiceName};

use crate::key::At;
use crate::problem::ProblemList;
use crate::raw::{self, Document};
use crate::walk::nearest;

/// The valid groups; every problem is reported at its own position.
pub(super) fn groups(document: &Document, found: &mut ProblemList) -> Vec<GroupSpec> {
    let services = document.service.elements().iter();
    // A service with a problem of its own still has its name.
    let known: Vec<&str> =
        services.filter_map(|service| service.value.name.get().map(String::as_str)).collect();
    let names: HashSet<&str> = known.iter().copied().collect();
    let mut seen = HashSet::new();
    let mut groups = Vec::new();
    for At { value: raw, .. } in document.group.elements() {
        let name = name(raw, &mut seen, found);
        let services = members(raw, (&known, &names), found);
        groups.extend(name.map(|name| GroupSpec { name, services }));
    }
    groups
}

fn name<'d>(
    raw: &'d raw::Group,
    seen: &mut HashSet<&'d str>,
    found: &mut ProblemList,
) -> Option<GroupName> {
    let At { value, offset } = raw.name.at()?;
    if !seen.insert(value) {
        let message = format!("group.name: there are two groups named {value:?}; rename one");
        found.at(*offset, message);
    }
    match GroupName::new(value) {
        Ok(name) => Some(name),
        Err(message) => {
            found.at(*offset, format!("group.name: {message}"));
            None
        }
    }
}

fn members(
    raw: &raw::Group,
    (known, names): (&[&str], &HashSet<&str>),
    found: &mut ProblemList,
) -> Vec<ServiceName> {
    let Some(list) = raw.services.at() else { return Vec::new() }; // reported already
    if list.value.is_empty() {
        found.at(list.offset, "group.services is empty; write at least one service");
    }
    if list.value.len() > KEPT {
        let message = format!(
            "group.services has more than {KEPT} services, and receipts are kept for only that many"
        );
        found.at(list.offset, format!("{message}; make two groups"));
    }
    let mut seen = HashSet::new();
    for At { value: name, offset } in &list.value {
        if !seen.insert(name) {
            found.at(*offset, format!("group.services has {name:?} twice; leave one out"));
        } else if !names.contains(name.as_str()) {
            found.at(*offset, format!("group.services: {}", unknown(name, known)));
        }
    }
    list.value.iter().filter_map(|name| ServiceName::new(&name.value).ok()).collect()
}

/// The most names that are searched for the one that was meant, and listed: the work and the output for
/// one mistake stay bounded however many services there are.
const LOOKED_AT: usize = 100;

fn unknown(name: &str, known: &[&str]) -> String {
    let more = known.len().saturating_sub(LOOKED_AT);
    let known = &known[..known.len() - more];
    let and_more = if more == 0 { String::new() } else { format!(" and {more} more") };
    match nearest(&name.to_ascii_lowercase(), known) {
        Some(near) => format!("there is no service named {name:?}; did you mean {near:?}?"),
        None if known.is_empty() => format!("there is no service named {name:?}"),
        None => {
            format!("there is no service named {name:?}; there are {}{and_more}", known.join(", "))
        }
    }
}

//! Building the table from the state, the roster and the drains in progress.
//!
//! Guaranteed: a table is the same whether it shares parts with the previous one or is built from scratch; it
//! shares the parts that neither the roster (see [`super::published`]) nor the state has changed.

use std::sync::Arc;

use rules::{Color, Limits, Notice, ServiceSpec, Serving, State, TargetUrl};
use traffic::{ColorEntry, Draining, Held, PreviewTerms, Routes, Service, Table, TargetEntry};

use super::roster::{ColorSeat, Member, Roster};
use super::seat::TargetSeat;

/// The routes of a table, and the members that they lead to.
#[derive(Debug, Default)]
pub(super) struct IndexedRoutes {
    members: Vec<usize>,
    routes: Routes,
}

/// The decisions about a service that is served.
type ServiceDecisions<'s> = (&'s rules::Service, &'s Serving);

/// Builds the table. A service that is in the roster but not in the state (or the other way
/// round) is not in it. Parts that have not changed are shared with the previous table.
pub(crate) fn build(
    state: &State,
    roster: &Roster,
    limits: Limits,
    draining: Vec<Draining>,
) -> Table {
    let decided = decided(state, roster);
    let served = decided.iter().enumerate().filter_map(|(place, known)| Some((place, (*known)?)));
    let services = served.clone().map(|(place, known)| {
        let member = &roster.members[place];
        let make = |member: &Member| service(member, known);
        member.service(|published| is_decided(published, member, known), make)
    });
    Table {
        generation: state.generation(),
        limits,
        services: services.collect(),
        draining,
        routes: routes(roster, served.map(|(place, _)| place).collect()),
    }
}

/// Returns the decisions about each member. Both are walked in the order of names, since a search for each
/// of thousands would take longer than the rest.
fn decided<'s>(state: &'s State, roster: &Roster) -> Vec<Option<ServiceDecisions<'s>>> {
    let mut all = vec![None; roster.members.len()];
    let mut known = state.all_serving().peekable();
    for place in &roster.by_name {
        let name = &roster.members[*place].spec.name;
        while known.next_if(|(of, ..)| *of < name).is_some() {}
        let found = known.next_if(|(of, ..)| *of == name);
        all[*place] = found.map(|(_, service, serving)| (service, serving));
    }
    all
}

/// Returns true if workers have the decisions about a service.
// lossless: L2
fn is_decided(
    published: &Service,
    member: &Member,
    (service, serving): ServiceDecisions<'_>,
) -> bool {
    (published.generation, published.split) == (service.generation, service.split)
        && published.held == held(serving)
        && published.maintenance == notice(serving)
        && published.previews.as_deref() == previews(member, service).as_ref()
}

/// Builds the routes of the members that are served.
fn routes(roster: &Roster, members: Vec<usize>) -> Routes {
    let mut known = roster.routes.borrow_mut();
    if known.members != members {
        let specs = members.iter().map(|place| &roster.members[*place].spec);
        let routes = Routes::new(specs);
        *known = IndexedRoutes { members, routes };
    }
    known.routes.clone()
}

fn service(member: &Member, (decided, serving): ServiceDecisions<'_>) -> Service {
    let spec = &member.spec;
    Service {
        name: spec.name.clone(),
        generation: decided.generation,
        split: decided.split,
        colors: Color::BOTH.map(|color| entry(member.color(color))),
        path_prefix: spec.path_prefix.trim_end_matches('/').into(),
        only_h2c: is_only_h2c(spec),
        policy: spec.policy.clone(),
        held: held(serving),
        maintenance: notice(serving),
        previews: previews(member, decided).map(Arc::new),
        books: member.books.clone(),
    }
}

fn held(serving: &Serving) -> Option<Held> {
    serving.held.as_ref().map(|held| Held { max_wait: held.max_wait })
}

fn notice(serving: &Serving) -> Option<Arc<Notice>> {
    serving.maintenance.as_ref().map(|maintenance| maintenance.notice.clone())
}

fn previews(member: &Member, service: &rules::Service) -> Option<PreviewTerms> {
    member.spec.policy.preview.as_ref()?;
    let serial = service.preview_serial;
    let is_closed = |color: Color| service.retired[color.index()] || member.color(color).is_closed;
    let closed = Color::BOTH.map(is_closed);
    Some(PreviewTerms { serial, closed, versions: service.versions.clone() })
}

fn is_only_h2c(spec: &ServiceSpec) -> bool {
    spec.colors.iter().flat_map(|color| &color.targets).all(TargetUrl::is_http2)
}

fn entry(seat: &ColorSeat) -> ColorEntry {
    let some = seat.targets.iter().any(is_chosen);
    let targets = seat.targets.iter().filter(|target| !some || is_chosen(target)).map(|target| {
        Arc::new(TargetEntry {
            id: target.id,
            url: target.url.clone(),
            address: target.address,
            addresses: target.addresses.clone(),
            moves: target.moves,
            usable: target.is_usable(),
            books: target.books.clone(),
        })
    });
    ColorEntry { id: seat.id, targets: targets.collect(), books: seat.books.clone() }
}

/// Returns true if a target is published. One that is not is published only if its color has no other.
// lossless: L9 - those not proven yet.
fn is_chosen(target: &TargetSeat) -> bool {
    target.is_reachable() || !target.url.is_each_address()
}

/// Returns true if the published form of a service shows a target as it is now, provided that the rest of the
/// service is unchanged.
// lossless: L2
pub(super) fn shows(published: &Service, color: Color, seat: &TargetSeat) -> bool {
    let mut targets = published.colors[color.index()].targets.iter();
    let Some(entry) = targets.find(|entry| entry.id == seat.id) else {
        return !is_chosen(seat); // there are others, now as before
    };
    let TargetEntry { id: _, url, address, addresses, moves, usable, books } = &**entry;
    (*address, *moves, *usable) == (seat.address, seat.moves, seat.is_usable())
        && *addresses == seat.addresses
        && *url == seat.url
        && Arc::ptr_eq(books, &seat.books)
}

#[cfg(test)]
mod tests;

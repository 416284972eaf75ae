//! The table that follows from the state, the roster and the drains under way.

use std::sync::Arc;

use rules::{Color, Failover, Limits, ServiceSpec, State, Streams, TargetUrl, Underscores};
use traffic::{ColorEntry, Draining, Held, Routes, Service, Table, TargetEntry};

use super::roster::{ColorSeat, Member, Roster};
use super::seat::TargetSeat;

/// Builds the table. A service that is in the roster but not in the state (or the other way
/// round) has no place in it.
pub(crate) fn build(
    state: &State,
    roster: &Roster,
    limits: Limits,
    draining: Vec<Draining>,
) -> Table {
    let known = |member: &&Member| state.serving(&member.spec.name).is_some();
    let members: Vec<&Member> = roster.members.iter().filter(known).collect();
    let services = members.iter().filter_map(|member| service(state, member));
    Table {
        generation: state.generation(),
        limits,
        services: services.map(Arc::new).collect(),
        draining,
        routes: Routes::new(members.iter().map(|member| &member.spec)),
    }
}

fn service(state: &State, member: &Member) -> Option<Service> {
    let spec = &member.spec;
    let (decided, serving) = state.serving(&spec.name)?;
    Some(Service {
        name: spec.name.clone(),
        generation: decided.generation,
        active: decided.active,
        colors: Color::BOTH.map(|color| entry(member.color(color))),
        strip: if spec.strip_prefix { spec.path_prefix.trim_end_matches('/') } else { "" }.into(),
        timeouts: spec.timeouts,
        held: serving.held.as_ref().map(|held| Held { max_wait: held.max_wait }),
        hold: spec.hold,
        underscores: underscores(spec),
        drop_headers: spec.drop_headers.as_slice().into(),
        close_streams: spec.drain.streams == Streams::Close,
        failover: spec.failover == Failover::Auto,
        books: member.books.clone(),
    })
}

/// No target of HTTP/2 without TLS is behind CGI; which of the others are is not known.
fn underscores(spec: &ServiceSpec) -> Option<bool> {
    let mut targets = spec.colors.iter().flat_map(|color| &color.targets);
    match spec.underscores {
        Underscores::Keep => Some(true),
        Underscores::Drop => Some(false),
        Underscores::Auto => targets.all(TargetUrl::is_http2).then_some(true),
    }
}

fn entry(seat: &ColorSeat) -> ColorEntry {
    // lossless: L9 - what is not proven yet is in no table, unless there is nothing else.
    let is_chosen = |target: &&TargetSeat| target.is_reachable() || !target.url.is_each_address();
    let some = seat.targets.iter().any(|target| is_chosen(&target));
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

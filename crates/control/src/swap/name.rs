//! A host name of which each address is a target, and the update of its targets after lookups.
//!
//! A new address gets no traffic before it has passed probes. A removed one is no longer chosen and drains at
//! once, unless traffic has nothing better: those that are up stay as long as no other address has passed,
//! and then one for each new address that still has time to. A name always has at least one target;
//! without an address it is an unreachable one.

use std::net::SocketAddr;
use std::time::Duration;

use rules::{Color, TargetUrl};
use traffic::TargetId;

use super::roster::{ColorSeat, Member, Roster, Subject};
use super::seat::{NameId, NameSeat, TargetSeat};

/// The maximum number of addresses of a name that are used.
pub(crate) const ADDRESSES: usize = 64;

/// The time in which a new address must pass probes; after it, no old address is kept for it any more.
// lossless: L10
const SUCCESSION: Duration = Duration::from_secs(60);

/// The changes that a lookup makes.
#[derive(Debug, Default)]
pub(crate) struct LookupChanges {
    /// Targets that have left the color.
    pub(crate) left: Vec<Subject>,
    /// Targets to be probed from now on.
    pub(crate) came: Vec<TargetId>,
}

// === impl Roster ===

impl Roster {
    /// Returns a name with its service and color.
    pub(crate) fn name(&self, id: NameId) -> Option<(&Member, Color, &NameSeat)> {
        let &(place, color) = self.name_places.get(&id)?;
        let member = self.members.get(place)?;
        let name = member.color(color).names.iter().find(|name| name.id == id)?;
        Some((member, color, name))
    }

    /// Returns a name, to be changed.
    pub(crate) fn name_mut(&mut self, id: NameId) -> Option<&mut NameSeat> {
        let &(place, color) = self.name_places.get(&id)?;
        let names = self.members.get_mut(place)?.names_mut(color);
        names.iter_mut().find(|name| name.id == id)
    }

    /// Sets the addresses of a name.
    pub(crate) fn list(&mut self, id: NameId, mut found: Vec<SocketAddr>) {
        let Some((member, color, name)) = self.name(id) else { return };
        let count = found.len();
        if count > ADDRESSES {
            let seats = member.color(color).of(&name.url);
            let used: Vec<_> = seats.filter(|seat| seat.is_reachable()).collect();
            let is_new = |at: &SocketAddr| !used.iter().any(|seat| seat.address == Some(*at));
            found.sort_by_key(|at| (is_new(at), *at));
            found.truncate(ADDRESSES);
            found.sort_unstable();
        }
        let Some(name) = self.name_mut(id) else { return };
        (name.listed, name.found) = (found, count);
    }

    /// Lets traffic use the addresses of a name that satisfy `fits`.
    pub(crate) fn admit_where(&mut self, id: NameId, fits: impl Fn(SocketAddr) -> bool) {
        let Some(&(place, color)) = self.name_places.get(&id) else { return };
        let Some(member) = self.members.get_mut(place) else { return };
        let ColorSeat { targets, names, .. } = &mut member.colors[color.index()];
        let Some(name) = names.iter().find(|name| name.id == id) else { return };
        for target in targets.iter_mut().filter(|target| target.url == name.url) {
            if target.address.is_some_and(&fits) {
                target.admit();
            }
        }
    }

    /// Gives a name a target for each of its addresses. `keeps`: targets of removed addresses may stay as long
    /// as traffic has nothing better.
    pub(crate) fn settle(&mut self, id: NameId, keeps: bool) -> Option<LookupChanges> {
        let &(place, color) = self.name_places.get(&id)?;
        let (member, _, name) = self.name(id)?;
        let (url, listed) = (name.url.clone(), name.listed.clone());
        let is_listed = |seat: &TargetSeat| seat.address.is_some_and(|at| listed.contains(&at));
        let seats: Vec<_> = member.color(color).of(&url).collect();
        let kept = if keeps { kept(&seats, &listed) } else { Vec::new() };
        let stays = |seat: &TargetSeat| is_listed(seat) || kept.contains(&seat.id);
        let unchanged = {
            let mut known = member.color(color).of(&url).map(|seat| seat.address);
            let all_stay = member.color(color).of(&url).all(stays);
            let have =
                |at: &SocketAddr| member.color(color).of(&url).any(|s| s.address == Some(*at));
            let is_nowhere = listed.is_empty() && known.next() == Some(None);
            is_nowhere || all_stay && listed.iter().all(have)
        };
        if unchanged {
            return Some(LookupChanges::default());
        }
        let targets = &mut self.members[place].colors[color.index()].targets;
        let first = targets.iter().position(|seat| seat.url == url)?;
        let mut seats: Vec<_> = targets.extract_if(.., |seat| seat.url == url).collect();
        let mut gone: Vec<_> = seats.extract_if(.., |seat| !stays(seat)).collect();
        // A target without an address was never connected to: it becomes that of the first new address.
        let mut spare = gone.extract_if(.., |seat| seat.address.is_none()).next();
        let mut came = Vec::new();
        for address in &listed {
            if seats.iter().any(|seat| seat.address == Some(*address)) {
                continue;
            }
            let seat = spare.take().map(|spare| spare.becomes(*address));
            let seat = seat.unwrap_or_else(|| self.make_target(&url, Some(*address)));
            came.push(seat.id);
            seats.push(seat);
        }
        seats.sort_by_key(|seat| seat.address);
        if seats.is_empty() {
            seats.push(spare.take().unwrap_or_else(|| self.make_target(&url, None)));
        }
        gone.extend(spare);
        for seat in &seats {
            self.places.insert(seat.id, (place, color));
        }
        let Member { spec, colors, .. } = &mut *self.members[place];
        colors[color.index()].targets.splice(first..first, seats);
        let left: Vec<_> = gone
            .into_iter()
            .map(|seat| {
                self.places.remove(&seat.id);
                Subject { of_name: true, ..colors[color.index()].depart(seat, spec, color) }
            })
            .collect();
        Some(LookupChanges { left, came })
    }
}

/// Returns the targets whose addresses a name no longer has but that traffic keeps using. A target that refused a
/// connection is not among them, since another service may listen there next. One that failed otherwise is,
/// until it is down, if it would be the last.
// lossless: L9
fn kept(seats: &[&TargetSeat], listed: &[SocketAddr]) -> Vec<TargetId> {
    let is_listed = |seat: &TargetSeat| seat.address.is_some_and(|at| listed.contains(&at));
    let goes_on = |at: &SocketAddr| {
        let seat = seats.iter().find(|seat| seat.address == Some(*at));
        seat.is_none_or(|seat| !seat.is_good() && seat.since.elapsed() < SUCCESSION)
    };
    let proven = seats.iter().any(|seat| is_listed(seat) && seat.is_good());
    let most = if proven { listed.iter().filter(|at| goes_on(at)).count() } else { usize::MAX };
    let some_good = seats.iter().any(|seat| seat.is_good());
    let fits = |seat: &&&TargetSeat| {
        let is_last = !some_good && seat.is_usable() && !seat.refused;
        !is_listed(seat) && seat.address.is_some() && (seat.is_good() || is_last)
    };
    seats.iter().filter(fits).take(most).map(|seat| seat.id).collect()
}

// === impl ColorSeat ===

impl ColorSeat {
    /// Returns the targets of a configured one.
    pub(crate) fn of(&self, url: &TargetUrl) -> impl Iterator<Item = &TargetSeat> {
        self.targets.iter().filter(move |seat| seat.url == *url)
    }

    /// Returns the name of which a target is an address.
    pub(crate) fn name_of(&self, target: &TargetSeat) -> Option<&NameSeat> {
        self.names.iter().find(|name| name.url == target.url)
    }
}

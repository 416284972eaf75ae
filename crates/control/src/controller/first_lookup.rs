//! Lookup of the names of active colors at the start, so that the first table is as good as possible. Nothing
//! is probed yet: targets that received traffic before the start still do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rules::{Color, ServiceName, TargetUrl};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use traffic::TargetId;

use crate::core::{Core, Inner};
use crate::resolve::LookupOutcome;
use crate::swap::{ADDRESSES, Family, NameId};
use peer::OfferedColor;

/// The time limit for resolving names at the start.
// lossless: L10
const RESOLVE: Duration = Duration::from_secs(2);

/// The time limit for trying the addresses of a name that has both families.
// lossless: L10
const CONNECT: Duration = Duration::from_millis(300);

/// An item to resolve.
#[derive(Clone, Copy, Debug)]
enum LookupItem {
    /// A name of which each address is a target.
    Name(NameId),
    /// A target that stands for all addresses of its name.
    Target(TargetId),
}

/// Resolves the names of all active colors concurrently, without waiting for those of idle ones.
pub(super) async fn resolve_active(core: &Arc<Core>, used: &[OfferedColor]) {
    let deadline = Instant::now() + RESOLVE;
    let mut tasks = JoinSet::new();
    let wanted = core.lock().to_resolve();
    for (what, url) in wanted {
        let resolver = core.resolver.clone();
        tasks.spawn(async move {
            let began = Instant::now();
            let lookup = resolver.resolve(&url, deadline).await;
            let left_out = match (what, &lookup) {
                (LookupItem::Name(_), LookupOutcome::Found(found)) => {
                    silent_family(found, deadline).await
                }
                _ => None,
            };
            (what, lookup, left_out, began.elapsed())
        });
    }
    while let Some(resolved) = tasks.join_next().await {
        let Ok((what, lookup, left_out, took)) = resolved else { continue };
        let began = core.clock.moment().saturating_sub(took);
        let mut inner = core.lock();
        match what {
            LookupItem::Name(id) => inner.first_addresses(id, &lookup, (left_out, used), began),
            LookupItem::Target(id) => {
                let Some((_, _, mut target)) = inner.roster.target_mut(id) else { continue };
                target.addresses = lookup.found();
                target.listed = lookup.found();
            }
        }
    }
}

/// Returns the address family over which no connect succeeds, if one succeeds over the other: no request
/// should have to find that out.
async fn silent_family(addresses: &[SocketAddr], deadline: Instant) -> Option<Family> {
    if addresses.iter().all(SocketAddr::is_ipv4) || addresses.iter().all(SocketAddr::is_ipv6) {
        return None;
    }
    let deadline = deadline.min(Instant::now() + CONNECT);
    let mut tasks = JoinSet::new();
    for address in addresses.iter().take(ADDRESSES).copied() {
        tasks.spawn(async move {
            let connected = timeout_at(deadline, TcpStream::connect(address)).await;
            (Family::of(address), !matches!(connected, Ok(Ok(_))))
        });
    }
    let found = tasks.join_all().await;
    Family::left_out(found)
}

impl Inner {
    fn to_resolve(&self) -> Vec<(LookupItem, TargetUrl)> {
        let active = self.roster.members.iter().filter_map(|member| {
            Some(member.color(self.state.serving(&member.spec.name)?.0.split.stable()))
        });
        let both = active.map(|seat| {
            let names = seat.names.iter().map(|name| (LookupItem::Name(name.id), name.url.clone()));
            let targets = seat.targets.iter().filter(|seat| !seat.url.is_each_address());
            names.chain(targets.map(|seat| (LookupItem::Target(seat.id), seat.url.clone())))
        });
        both.flatten().collect()
    }

    fn first_addresses(
        &mut self,
        id: NameId,
        lookup: &LookupOutcome,
        (left_out, used): (Option<Family>, &[OfferedColor]),
        began: Duration,
    ) {
        let is_answered = !matches!(lookup, LookupOutcome::Unanswered(_));
        let Some((member, color, name)) = self.roster.name(id) else { return };
        match used_before(used, &member.spec.name, color, &name.url) {
            // lossless: L9 - in an upgrade, an address that the older one does not use is unproven here, too. One
            // that it uses stays until there is a better one, as it would there.
            Some(proven) => {
                self.roster.list(id, proven);
                let _nothing_was_there = self.roster.settle(id, false);
                self.roster.admit_where(id, |_| true);
                if is_answered {
                    self.roster.list(id, lookup.found());
                    let _nobody_was_sent_there = self.roster.settle(id, true);
                }
            }
            None if is_answered => {
                self.roster.list(id, lookup.found());
                let _nothing_was_there = self.roster.settle(id, false);
                self.roster.admit_where(id, |address| left_out != Some(Family::of(address)));
            }
            None => {}
        }
        if let Some(name) = self.roster.name_mut(id).filter(|_| is_answered) {
            name.looked_up = Some(began);
        }
    }
}

/// Returns the addresses of a name that an older Teal uses, perhaps none; `None`: it does not know the name.
fn used_before(
    used: &[OfferedColor],
    service: &ServiceName,
    color: Color,
    url: &TargetUrl,
) -> Option<Vec<SocketAddr>> {
    let (color, url) = (color.to_string(), url.to_string());
    let same = |one: &&OfferedColor| one.service == service.as_str() && one.color == color;
    let targets = used.iter().filter(same).flat_map(|one| &one.targets);
    let mut known = targets.filter(|target| target.url == url).peekable();
    known.peek()?;
    let mut addresses: Vec<_> = known.filter_map(|target| target.address).collect();
    addresses.sort_unstable();
    Some(addresses)
}

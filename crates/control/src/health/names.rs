//! Following names: each is looked up by its own task, immediately at the start, then at its
//! interval, and immediately after a refused connect and when the gate asks.
//!
//! The result of a lookup is applied like a small reload: new addresses must pass probes first, removed
//! ones drain. A resolver that does not answer changes nothing.

use std::sync::Arc;
use std::time::Duration;

use rules::{Color, ProbeOutcome, ServiceName, TargetUrl};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::probe::nowhere;
use super::schedule::{Jitter, watch};
use crate::clock::Clock;
use crate::core::{Core, Inner};
use crate::drain;
use crate::resolve::LookupOutcome;
use crate::swap::{ADDRESSES, LookupChanges, NameId, NameSeat, TargetSeat};

/// The minimum time from one lookup of a name to the next.
const APART: Duration = Duration::from_millis(50);

/// Follows a name until it is removed.
pub(crate) async fn follow_name(core: Arc<Core>, id: NameId) {
    let (mut jitter, mut pending) = (Jitter(u64::from(id.0) + 7), None);
    loop {
        core.until_in_control().await;
        let Some((url, timeout, hurry)) = core.lock().name_plan(id) else { return };
        let (began, now) = (core.clock.moment(), Instant::now());
        let lookup = core.resolver.resolve_on(&url, now + timeout, &mut pending).await;
        let Some(pause) = core.take_listing(id, &lookup, began) else { return };
        tokio::select! {
            () = sleep(jitter.shorten(pause)) => {}
            // However many connects fail, the resolver is asked only after a pause.
            () = hurry.notified() => sleep_until(now + APART).await,
        }
    }
}

impl Inner {
    fn name_plan(&self, id: NameId) -> Option<(TargetUrl, Duration, Arc<Notify>)> {
        let (member, _, name) = self.roster.name(id)?;
        Some((name.url.clone(), member.spec.health.timeout, name.hurry.clone()))
    }

    fn names_of(&self, service: &ServiceName, color: Color) -> &[NameSeat] {
        self.roster.member(service).map_or(&[][..], |member| &member.color(color).names)
    }

    /// Looks the names of a color up again.
    pub(super) fn hurry_names(&self, service: &ServiceName, color: Color) {
        self.names_of(service, color).iter().for_each(|name| name.hurry.notify_one());
    }
}

impl Core {
    /// Waits until the names of a color have been looked up since `asked`, or until the time limit of a
    /// lookup has passed.
    // lossless: L9 L10
    pub(super) async fn look_up(&self, service: &ServiceName, color: Color, asked: Duration) {
        let mut probed = self.probed.subscribe();
        let (timeout, since) = {
            let inner = self.lock();
            inner.hurry_names(service, color);
            let member = inner.roster.member(service);
            // A lookup in progress comes first.
            let timeout = member.map_or(Duration::ZERO, |m| m.spec.health.timeout * 2);
            (timeout + Duration::from_millis(500), asked)
        };
        let deadline = Instant::now() + timeout;
        loop {
            probed.borrow_and_update();
            let fresh = |name: &NameSeat| name.looked_up.is_some_and(|at| at >= since);
            if self.lock().names_of(service, color).iter().all(fresh) {
                return;
            }
            let Ok(changed) = timeout_at(deadline, probed.changed()).await else { return };
            changed.expect("the core keeps the sending side");
        }
    }

    /// Applies the result of a lookup, and returns the pause until the next one; `None` if the name has
    /// been removed.
    fn take_listing(
        self: &Arc<Self>,
        id: NameId,
        lookup: &LookupOutcome,
        began: Duration,
    ) -> Option<Duration> {
        let (nowhere, pause) = {
            let mut inner = self.lock();
            if !self.is_in_control() {
                return inner.roster.name(id).map(|_| Duration::ZERO);
            }
            inner.note_listing(id, lookup, began)?;
            self.settle(&mut inner, id, !matches!(lookup, LookupOutcome::Own(_)));
            let (member, color, name) = inner.roster.name(id)?;
            let suspects =
                member.color(color).of(&name.url).filter(|seat| seat.suspect && seat.is_usable());
            suspects.for_each(|seat| seat.hurry.notify_one());
            let nowhere = member.color(color).of(&name.url).find(|seat| seat.address.is_none());
            let nowhere = nowhere.map(|seat| (seat.id, reason_of(&name.url, lookup)));
            (nowhere, inner.pause_of(id)?)
        };
        if let Some((target, reason)) = nowhere {
            self.record(target, ProbeOutcome::Failed { status: None, reason }, Duration::ZERO);
        }
        self.probed.send_modify(|count| *count += 1);
        Some(pause)
    }

    /// Gives a name a target for each of its addresses, and updates traffic. `keeps`: those that traffic
    /// uses may stay as long as there is nothing better.
    // lossless: L3 L4 L9
    pub(super) fn settle(self: &Arc<Self>, inner: &mut Inner, id: NameId, keeps: bool) {
        if !self.is_in_control() {
            return;
        }
        let Some((member, color, _)) = inner.roster.name(id) else { return };
        let serving = inner.state.serving(&member.spec.name);
        let is_active = serving.is_some_and(|(service, _)| service.split.receives(color));
        // A switch that is decided but not yet published may go to it.
        let in_use = is_active || inner.changing.contains(&member.spec.name);
        let Some(LookupChanges { left, came }) = inner.roster.settle(id, keeps && in_use) else {
            return;
        };
        if left.is_empty() && came.is_empty() {
            return;
        }
        for subject in &left {
            tracing::info!(
                service = %subject.service, %color, target_url = subject.target_url(),
                address = subject.target_address(), "the name no longer has the address: it drains",
            );
        }
        for target in came {
            let Some((spec, _, mut seat)) = inner.roster.target_mut(target) else { continue };
            if seat.begins() {
                tracing::info!(
                    service = %spec.name, %color, target_url = %seat.url,
                    address = seat.address.map(tracing::field::display),
                    "the name has a new address: probing it before it gets traffic",
                );
                tokio::spawn(watch(self.clone(), target));
            }
        }
        if left.is_empty() {
            // None of them may be chosen before they have passed probes: there is no hurry, and at a start there
            // may be thousands.
            self.refresh.notify_one();
            return;
        }
        let left = drain::begin(inner, left);
        let version = self.publish(inner);
        if !left.is_empty() {
            tokio::spawn(drain::attend(self.clone(), version, left, is_active));
        }
    }
}

fn reason_of(url: &TargetUrl, lookup: &LookupOutcome) -> Box<str> {
    nowhere(url, lookup).into()
}

impl Inner {
    /// Notes the result of a lookup, and logs once what a person should know.
    fn note_listing(&mut self, id: NameId, lookup: &LookupOutcome, began: Duration) -> Option<()> {
        let (member, color, name) = self.roster.name(id)?;
        let (service, before, silent) = (member.spec.name.clone(), name.found, &name.unanswered);
        let url = name.url.clone();
        tracing::debug!(%service, %color, target_url = %url, ?lookup, "lookup");
        match lookup {
            LookupOutcome::Unanswered(why) if silent.is_none() => tracing::warn!(
                %service, %color, target_url = %url, why,
                "no answer to a lookup: the addresses stay unchanged",
            ),
            LookupOutcome::Unanswered(_) => {}
            _ if silent.is_some() => tracing::info!(
                %service, %color, target_url = %url, "lookups are answered again",
            ),
            _ => {}
        }
        if let LookupOutcome::Found(found) = lookup
            && found.len() > ADDRESSES
            && found.len() != before
        {
            let has = found.len();
            tracing::warn!(
                %service, %color, target_url = %url,
                "the name has {has} addresses; only {ADDRESSES} are used",
            );
        }
        let name = self.roster.name_mut(id)?;
        name.looked_up = Some(began);
        match lookup {
            LookupOutcome::Unanswered(why) => {
                name.unanswered.get_or_insert_with(|| (Clock::now(), why.clone()));
                return Some(());
            }
            _ => name.unanswered = None,
        }
        self.roster.list(id, lookup.found());
        Some(())
    }

    /// Returns the pause until the next lookup.
    fn pause_of(&self, id: NameId) -> Option<Duration> {
        let (member, color, name) = self.roster.name(id)?;
        let settings = &member.spec.health;
        let serving = self.state.serving(&member.spec.name);
        let is_active = serving.is_some_and(|(service, _)| service.split.receives(color));
        let is_missed =
            is_active && !member.color(color).of(&name.url).any(TargetSeat::is_reachable);
        Some(if is_missed {
            settings.fast_interval.min(settings.interval)
        } else {
            settings.interval
        })
    }
}

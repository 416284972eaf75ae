//! Reloading the configuration: all or nothing.
//!
//! New targets of an active color must pass the gate before anything changes. Everything else is
//! applied at once: new idle targets start unknown, removed ones drain.

use std::sync::Arc;

use connect::TlsConfigCache;
use rules::{
    Actor, Color, ColorSpec, Command, Event, Generation, GroupSpec, Limits, Refusal, ServiceName,
    ServiceSpec, TargetHealth, TargetUrl, Verb,
};
use tokio::task::spawn_blocking;
use traffic::{ReloadEnd, Version};

use super::reconcile::{configured, spawn_probes};
use super::switch::published;
use crate::clock::Clock;
use crate::core::{Call, CallDetails, Core, Inner, RankedGuard};
use crate::events::LiveEvent;
use crate::health::ProvenTarget;
use crate::inbox::Answer;
use crate::request::{NewConfig, ReloadRequest, Reloaded, Reloader, Scope};
use crate::swap::Subject;
use crate::view::ReloadStatus;
use crate::{drain, health};

/// Targets that would receive traffic at once, or in another way, and the results of their probes.
pub(super) type ProvenAdditions = Vec<(ServiceName, Color, Vec<ProvenTarget>)>;

/// A reload that is decided, durable and being published.
pub(super) struct DecidedReload {
    pub(super) generation: Option<Generation>,
    pub(super) version: Version,
    pub(super) drains: drain::Left,
}

/// Carries out an operator's reload, keeps the outcome for the status, and counts it.
pub(super) async fn run(
    core: Arc<Core>,
    request: ReloadRequest,
    reloader: Reloader,
    call: Call,
) -> Answer<Reloaded> {
    let actor = request.actor.clone();
    let result = carry_out(core.clone(), request, reloader, call).await;
    let (end, problem) = match &result {
        Ok(Reloaded { generation: None, changes }) if changes.is_empty() => {
            (ReloadEnd::Unchanged, None)
        }
        // Decided, and in force once the last worker has applied it.
        Ok(_) | Err(Refusal::PublishIncomplete { .. }) => (ReloadEnd::Done, None),
        // An abandoned reload says nothing about the file.
        Err(
            Refusal::Superseded { .. }
            | Refusal::Abandoned
            | Refusal::Stopping
            | Refusal::UpgradeInProgress,
        ) => return result,
        Err(refusal) => (ReloadEnd::Refused, Some(refusal.to_string())),
    };
    core.count_reload(end, ReloadStatus { at: Clock::now(), actor, problem });
    result
}

async fn carry_out(
    core: Arc<Core>,
    request: ReloadRequest,
    reloader: Reloader,
    call: Call,
) -> Answer<Reloaded> {
    let details = CallDetails {
        verb: Verb::Reload,
        scope: Scope::Only,
        services: Vec::new(),
        actor: request.actor.clone(),
        patience: None,
        dry_run: false,
    };
    let result = match core.begin(call, details, |_| Ok(())) {
        Ok(((), mut pending)) => {
            let id = pending.id();
            pending.until_ended(attempt(&core, id, &request.actor, reloader)).await
        }
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = &result {
        core.refused(Scope::Only, &request.actor, refusal);
    }
    result
}

/// The same for files that have changed, by Teal itself. An operator's command comes first.
pub(super) async fn renew(core: Arc<Core>, reader: Reloader, call: Call) -> Answer<Reloaded> {
    if core.lock().calls.is_under_way(Verb::Reload) {
        return Err(Refusal::Superseded { by: Verb::Reload, actor: Actor::Teal });
    }
    carry_out(core, ReloadRequest { actor: Actor::Teal }, reader, call).await
}

async fn attempt(
    core: &Arc<Core>,
    call: u64,
    actor: &Actor,
    reloader: Reloader,
) -> Answer<Reloaded> {
    let broken = |_| Refusal::ReloadProblems {
        problems: vec!["reading the configuration panicked".to_owned()],
    };
    let read = spawn_blocking(move || reloader.read()).await.map_err(broken)?;
    let mut new = read.map_err(|problems| Refusal::ReloadProblems { problems })?;
    new.services = core.lock().with_told(new.services);
    let changes = core.lock().differences(&new);
    if changes.is_empty() {
        tracing::info!(%actor, "reload: nothing has changed");
        return Ok(Reloaded { generation: None, changes });
    }
    let proven = core.while_in_control(prove_additions(core, &new)).await?;
    let turn = core.turn_of(call).await?;
    let decided = decide(core, call, new, proven, actor.clone()).await?;
    let generation = decided.generation;
    tracing::info!(%actor, ?changes, ?generation, "reload");
    core.emit(LiveEvent::Reloaded { generation, changes: changes.clone() });
    in_force(core, decided, turn).await?;
    Ok(Reloaded { generation, changes })
}

/// Starts the probes of new targets, waits until every worker has applied what was decided, and begins the drains.
pub(super) async fn in_force(
    core: &Arc<Core>,
    decided: DecidedReload,
    turn: RankedGuard<()>,
) -> Answer<()> {
    let generation = decided.generation;
    spawn_probes(core);
    if let Err(workers) = core.acknowledged(decided.version).await {
        tracing::error!(?workers, "not every worker has applied the reload");
        tokio::spawn(finish(core.clone(), decided));
        let generation = generation.unwrap_or(core.lock().state.generation());
        return Err(Refusal::PublishIncomplete { generation, workers });
    }
    if let Some(generation) = generation {
        published(core, generation).await;
    }
    drop(turn);
    tokio::spawn(finish(core.clone(), DecidedReload { generation: None, ..decided }));
    Ok(())
}

/// The gate: targets that would receive traffic at once must pass probes first.
// lossless: L9
async fn prove_additions(core: &Arc<Core>, new: &NewConfig) -> Answer<ProvenAdditions> {
    let renewed = new.tls_configs.is_some();
    let tls_configs = new.tls_configs.clone().unwrap_or_else(|| core.lock().tls_configs.clone());
    let mut proven = Vec::new();
    for spec in &new.services {
        let added = core.lock().additions(spec, renewed);
        proven.extend(prove(core, spec, added, &tls_configs, new.limits).await?);
    }
    Ok(proven)
}

/// Proves the targets of one service that would receive traffic at once, if there are any.
// lossless: L9
pub(super) async fn prove(
    core: &Arc<Core>,
    spec: &ServiceSpec,
    added: Option<(Color, Vec<TargetUrl>)>,
    tls_configs: &TlsConfigCache,
    limits: Limits,
) -> Answer<ProvenAdditions> {
    let Some((color, added)) = added else { return Ok(Vec::new()) };
    let found = health::prove_targets(core, &added, &spec.health, tls_configs, limits).await;
    let unhealthy = |reason| Refusal::Unhealthy { service: spec.name.clone(), color, reason };
    Ok(vec![(spec.name.clone(), color, found.map_err(unhealthy)?)])
}

async fn decide(
    core: &Arc<Core>,
    call: u64,
    new: NewConfig,
    proven: ProvenAdditions,
    actor: Actor,
) -> Answer<DecidedReload> {
    let NewConfig { services, groups, limits, accept, tls_configs, .. } = new;
    let renewed = tls_configs.is_some();
    let raw = services.clone();
    let command = |inner: &mut Inner| {
        inner.calls.decide(call)?;
        let specs = inner.with_told(raw); // others may have been told meanwhile
        if !specs.iter().all(|spec| inner.is_covered(spec, renewed, &proven)) {
            // A switch happened meanwhile: other targets would receive traffic at once.
            return Err(Refusal::SwitchInProgress { generation: None });
        }
        let configured = specs.iter().map(|spec| {
            let before = inner.roster.member(&spec.name).map(|member| &member.spec);
            let active = inner.state.serving(&spec.name).map(|(service, _)| service.split.stable());
            configured(spec, before, active.unwrap_or(spec.initial), inner.told_now(spec))
        });
        Ok(Command::Reload { configured: configured.collect(), actor })
    };
    let then = |inner: &mut Inner, events: &[Event]| {
        let services = inner.with_told(services);
        let mut left = inner.roster.adopt(services);
        inner.groups = groups;
        inner.limits = limits;
        accept();
        if renewed {
            inner.forget_secure_health();
        }
        left.extend(inner.seed(&proven));
        let generation = events.iter().find_map(|event| match event {
            Event::Reloaded { generation, .. } => Some(*generation),
            _ => None,
        });
        let drains = drain::begin(inner, left);
        DecidedReload { generation, version: core.publish(inner), drains }
    };
    core.commit(command, then).await
}

/// Waits for late workers, then for the drains of removed subjects.
async fn finish(core: Arc<Core>, decided: DecidedReload) {
    core.publisher.acknowledged(decided.version).await;
    if let Some(generation) = decided.generation {
        published(&core, generation).await;
    }
    drain::attend(core, decided.version, decided.drains, true).await;
}

impl Inner {
    /// Returns the targets of a service's active color that would receive traffic at once and are not
    /// there yet; `None` if there are none. For a new service these are all of them. If TLS is `renewed`,
    /// targets reached over TLS count as new.
    pub(super) fn additions(
        &self,
        spec: &ServiceSpec,
        renewed: bool,
    ) -> Option<(Color, Vec<TargetUrl>)> {
        let remembered = self.state.services().find(|(name, _)| **name == spec.name);
        let active = remembered.map_or(spec.initial, |(_, service)| service.split.stable());
        let serving = self.state.serving(&spec.name).and(self.roster.member(&spec.name));
        let known = serving.map_or(&[][..], |member| &member.spec.color(active).targets);
        let is_new = |url: &&TargetUrl| !known.contains(url) || renewed && url.tls().is_some();
        let added: Vec<_> = spec.color(active).targets.iter().filter(is_new).cloned().collect();
        (!added.is_empty()).then_some((active, added))
    }

    /// Returns true if all targets that would receive traffic at once have passed probes.
    pub(super) fn is_covered(
        &self,
        spec: &ServiceSpec,
        renewed: bool,
        proven: &ProvenAdditions,
    ) -> bool {
        let Some((color, added)) = self.additions(spec, renewed) else { return true };
        let found = proven.iter().find(|(name, of, _)| *name == spec.name && *of == color);
        let found = found.map(|(_, _, found)| found.as_slice()).unwrap_or_default();
        added.iter().all(|url| found.iter().any(|proven| proven.url == *url))
    }

    /// Forgets probe results obtained with TLS settings that are no longer in force: they prove nothing (L9).
    fn forget_secure_health(&mut self) {
        let colors = self.roster.members.iter_mut().flat_map(|member| &mut member.colors);
        let targets = colors.flat_map(|color| &mut color.targets);
        for target in targets.filter(|target| target.url.tls().is_some()) {
            target.forget_health();
            target.health = TargetHealth::default();
            if target.url.is_each_address() {
                target.withdraw();
            }
            // Nor does a connection made with them.
            target.moves = target.moves.wrapping_add(1);
            target.hurry.notify_one();
        }
    }

    /// Gives new targets the results of the probes before they were added: traffic reaches them from the
    /// first table on. Returns the targets whose addresses their names no longer have.
    pub(super) fn seed(&mut self, proven: &ProvenAdditions) -> Vec<Subject> {
        let mut left = Vec::new();
        for (service, color, found) in proven {
            for ProvenTarget { url, addresses, found } in found {
                let Some(member) = self.roster.member(service) else { continue };
                let name = member.color(*color).names.iter().find(|name| name.url == *url);
                if let Some(id) = name.map(|name| name.id) {
                    self.roster.list(id, addresses.clone());
                    left.extend(self.roster.settle(id, false).unwrap_or_default().left);
                }
                let Some(member) = self.roster.member_mut(service) else { continue };
                let targets = &mut member.colors[color.index()].targets;
                for target in targets.iter_mut().filter(|target| target.url == *url) {
                    let address = target.address.filter(|_| url.is_each_address());
                    let Some((_, health)) = found.iter().find(|(of, _)| *of == address) else {
                        continue;
                    };
                    target.health = health.clone();
                    if url.is_each_address() {
                        target.admit();
                    } else {
                        target.addresses.clone_from(addresses);
                        target.listed.clone_from(addresses);
                    }
                }
            }
        }
        left
    }

    /// Returns the changes that a configuration would make, one text each.
    fn differences(&self, new: &NewConfig) -> Vec<String> {
        let mut changes = new.others.clone();
        if self.limits != new.limits {
            changes.push("limits changed".to_owned());
        }
        for spec in &new.services {
            match self.roster.member(&spec.name) {
                None => changes.push(format!("service {} added", spec.name)),
                Some(member) => changes.extend(service_differences(&member.spec, spec)),
            }
        }
        for member in &self.roster.members {
            let name = &member.spec.name;
            if !new.services.iter().any(|spec| spec.name == *name) {
                changes.push(format!("service {name} removed"));
            }
        }
        changes.extend(group_differences(&self.groups, &new.groups));
        changes
    }
}

fn group_differences(old: &[GroupSpec], new: &[GroupSpec]) -> Vec<String> {
    let there = |groups: &[GroupSpec], group: &GroupSpec| {
        groups.iter().any(|other| other.name == group.name)
    };
    let came = new.iter().filter(|group| !old.contains(group)).map(|group| {
        let what = if there(old, group) { "changed" } else { "added" };
        format!("group {} {what}", group.name)
    });
    let gone = old.iter().filter(|group| !there(new, group));
    came.chain(gone.map(|group| format!("group {} removed", group.name))).collect()
}

/// Returns the targets that were added, removed or changed, and which of these it is. A target with other TLS
/// settings is another target for traffic, and a changed one for readers.
fn target_differences<'t>(
    before: &'t [TargetUrl],
    now: &'t [TargetUrl],
) -> impl Iterator<Item = (&'t TargetUrl, &'static str)> {
    let is_in = |all: &[TargetUrl], url: &TargetUrl| {
        let url = url.to_string();
        all.iter().any(|other| other.to_string() == url)
    };
    let came = now.iter().filter(|url| !before.contains(url));
    let came = came.map(move |url| (url, if is_in(before, url) { "changed" } else { "added" }));
    let gone = before.iter().filter(move |url| !is_in(now, url));
    came.chain(gone.map(|url| (url, "removed")))
}

/// Returns the difference in who names the targets of a color, or in the settings of targets that are told.
fn told_difference(before: &ColorSpec, now: &ColorSpec) -> Option<&'static str> {
    match (&before.told, &now.told) {
        (None, Some(_)) => Some("targets left to a runner"),
        (Some(_), None) => Some("targets named by the configuration"),
        (before, now) => (before != now).then_some("settings of targets changed"),
    }
}

fn service_differences(old: &ServiceSpec, new: &ServiceSpec) -> Vec<String> {
    let name = &new.name;
    let mut changes = Vec::new();
    for color in Color::BOTH {
        changes.extend(
            told_difference(old.color(color), new.color(color))
                .map(|what| format!("service {name}: {color} {what}")),
        );
        let (before, now) = (&old.color(color).targets, &new.color(color).targets);
        changes.extend(
            target_differences(before, now)
                .map(|(url, what)| format!("service {name}: {color} target {url} {what}")),
        );
    }
    let routes =
        [("hosts", old.hosts != new.hosts), ("path_prefix", old.path_prefix != new.path_prefix)];
    let differ = routes.into_iter().filter(|(_, differ)| *differ).map(|(key, _)| key);
    let others = [
        ("health", old.health != new.health),
        ("warmup", old.warm_up != new.warm_up),
        ("rollout", old.rollout != new.rollout),
    ];
    let others = others.into_iter().filter(|(_, differ)| *differ).map(|(key, _)| key);
    let keys = differ.chain(others).chain(new.policy.differences(&old.policy));
    changes.extend(keys.map(|key| format!("service {name}: {key} changed")));
    changes
}

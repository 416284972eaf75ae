//! Queries about a service that several verbs share.

use std::time::Duration;

use rules::gate::{self, ColorUnproven};
use rules::{Color, DrainEnd, Figures, Refusal, ServiceName};
use traffic::{ColorSum, SwitchEnd};

use super::{CONTROL, Core, Inner};
use crate::clock::Clock;
use crate::request::Scope;
use crate::swap::Subject;
use crate::tally::Sides;

impl Inner {
    /// Returns the services of a scope, each once.
    pub(crate) fn services_of(&self, scope: &Scope) -> Result<Vec<ServiceName>, Refusal> {
        let name = match scope {
            Scope::Only => None,
            Scope::Service(name) => Some(name),
            Scope::Group(name) => {
                let groups = || self.groups.iter().map(|group| group.name.clone()).collect();
                let unknown = || Refusal::UnknownGroup { name: name.clone(), groups: groups() };
                let group = self.groups.iter().find(|group| group.name == *name);
                return group.map(|group| group.services.clone()).ok_or_else(unknown);
            }
        };
        gate::name_service(&self.state, name).map(|name| vec![name])
    }

    /// Returns a color of a service as a subject to drain; `None` if the service is not
    /// configured.
    pub(crate) fn subject(
        &self,
        service: &ServiceName,
        color: Color,
        timeout: Option<Duration>,
    ) -> Option<Subject> {
        let member = self.roster.member(service)?;
        let seat = member.color(color);
        Some(Subject {
            of_name: false,
            service: service.clone(),
            color,
            target: None,
            id: seat.id.into(),
            books: seat.books.clone(),
            timeout: timeout.unwrap_or(member.spec.policy.drain.timeout),
        })
    }

    /// Refuses if a probe has failed since the evidence was gathered.
    // lossless: L9
    pub(crate) fn still_healthy(
        &self,
        service: &ServiceName,
        color: Color,
        now: Duration,
    ) -> Result<(), Refusal> {
        let Some(member) = self.roster.member(service) else { return Ok(()) };
        let unhealthy =
            |reason| Err(Refusal::Unhealthy { service: service.clone(), color, reason });
        if member.color(color).targets.is_empty() {
            return unhealthy("its targets were taken away meanwhile".to_owned());
        }
        // Evidence may get old in a queue, but a target added since then has none.
        if let Some(new) = member.color(color).counted().find(|target| !target.is_proven()) {
            return unhealthy(format!("{}: not probed since it became a target", new.name()));
        }
        let targets = member.color(color).counted();
        let targets = targets.map(|target| (target.name(), &target.health));
        match gate::evidence(targets, &member.spec.health, now) {
            Err(ColorUnproven::Failing(reason)) => unhealthy(reason),
            Ok(_) | Err(ColorUnproven::TooLittle) => Ok(()),
        }
    }

    /// Remembers the sums from before a switch in progress.
    pub(crate) fn remember_base(&mut self, core: &Core, service: &ServiceName) {
        let Some(member) = self.roster.member_mut(service) else { return };
        let now = member.tally(core.clock.moment());
        member.base = Some(member.tallies.oldest().cloned().unwrap_or(now));
    }

    /// Returns the traffic figures since before the switch whose receipt is open; `None` if there
    /// is none.
    pub(crate) fn figures(&self, core: &Core, service: &ServiceName) -> Option<Figures> {
        let generation = self.state.serving(service)?.1.open?;
        let from = self.state.history().receipt(generation, service)?.from;
        let member = self.roster.member(service)?;
        let base = member.base.as_ref()?;
        let sides = Sides {
            now: Clock::now(),
            books_now: core.publisher.now(),
            generation,
            old: ColorSum::of(&member.color(from).books),
            new: ColorSum::of(&member.color(from.other()).books),
        };
        Some(member.tally(core.clock.moment()).figures(base, &sides))
    }

    /// Counts the outcome of a switch.
    pub(crate) fn count_end(&self, service: &ServiceName, end: DrainEnd) {
        let end = match end {
            DrainEnd::Drained => SwitchEnd::Drained,
            DrainEnd::Cut(_) => SwitchEnd::Cut,
            DrainEnd::Superseded { .. } => SwitchEnd::Superseded,
            DrainEnd::Interrupted => return,
        };
        self.count_switch(service, end);
    }

    /// Counts a refused switch.
    pub(crate) fn count_refusal(&self, service: &ServiceName, refusal: &Refusal) {
        let end = match refusal {
            Refusal::PublishIncomplete { .. } => SwitchEnd::Incomplete,
            _ => SwitchEnd::Refused,
        };
        self.count_switch(service, end);
    }

    fn count_switch(&self, service: &ServiceName, end: SwitchEnd) {
        if let Some(member) = self.roster.member(service) {
            member.books.cell(CONTROL).switched(end);
        }
    }
}

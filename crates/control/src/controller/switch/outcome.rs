//! The answer to the caller: one for each service.

use std::time::Duration;

use rules::{Color, ServiceName};
use traffic::ColorSum;

use super::super::status;
use super::DecidedSwitch;
use crate::core::Inner;
use crate::health::{SwitchEvidence, reason};
use crate::inbox::Answer;
use crate::request::{Forecast, Shortened, SwitchRequest, Switched};
use crate::series::SeriesStep;
use crate::swap::Member;

impl Inner {
    /// Returns the outcome for each service; some were on the color already.
    pub(super) fn switched(
        &self,
        services: &[ServiceName],
        decided: &DecidedSwitch,
    ) -> Answer<Vec<Switched>> {
        let one = |service: &ServiceName| {
            let left = decided.left.iter().find(|(subject, _)| subject.service == *service);
            let Some((subject, drain)) = left else { return self.already_on(service) };
            Ok(Switched::Published {
                service: service.clone(),
                from: subject.color,
                to: subject.color.other(),
                cause: decided.cause,
                generation: decided.generation,
                drain: drain.clone(),
                warm_up: None,
            })
        };
        services.iter().map(one).collect()
    }

    /// Returns the outcome that a switch would have for each service.
    pub(super) fn would_switch(
        &self,
        request: &SwitchRequest,
        services: &[ServiceName],
        to: Color,
        mut proven: SwitchEvidence,
    ) -> Answer<Vec<Switched>> {
        let one = |service: &ServiceName| {
            let Some(found) = proven.iter().position(|(name, _)| name == service) else {
                return self.already_on(service);
            };
            let (service, evidence) = proven.swap_remove(found);
            let generation = status::find(&self.state, &service)?.0.generation;
            let (from, forecast) = (to.other(), self.forecast(request, &service, to));
            Ok(Switched::DryRun { service, from, to, generation, evidence, forecast })
        };
        services.iter().map(one).collect()
    }

    /// Returns the traffic that a switch of a service would move now.
    fn forecast(&self, request: &SwitchRequest, name: &ServiceName, to: Color) -> Forecast {
        let Some(member) = self.roster.member(name) else { return Forecast::default() };
        let from = to.other();
        let ColorSum { leases, streams, .. } = ColorSum::of(&member.color(from).books);
        let version = request.remarks.version.clone();
        Forecast {
            requests_per_second: self.rate(member, from),
            in_flight: leases.saturating_sub(streams),
            streams,
            drain: request.drain.unwrap_or(member.spec.policy.drain.timeout),
            to_version: version.or_else(|| self.state.version(name, to)),
            can_roll_back: reason(member, from).is_none(),
        }
    }

    /// Returns the mean rate of requests on a color in the last ten seconds, or since Teal started.
    pub(in crate::controller) fn rate(&self, member: &Member, color: Color) -> f64 {
        let span = self.series_clock.span(SeriesStep::Second, Some(10), None);
        let points = member.series.read(&span);
        let requests: u64 = points.iter().map(|point| point.color(color).requests()).sum();
        requests as f64 / points.len().max(1) as f64
    }

    /// Returns the outcome for services that are all on the color already.
    pub(super) fn left_alone(&self, services: &[ServiceName]) -> Answer<Vec<Switched>> {
        services.iter().map(|service| self.already_on(service)).collect()
    }

    fn already_on(&self, name: &ServiceName) -> Answer<Switched> {
        let (service, _) = status::find(&self.state, name)?;
        let (color, generation) = (service.split.stable(), service.generation);
        let member = self.roster.member(name);
        let other = member.map(|member| member.color(color.other()).id);
        let drain = other.and_then(|id| self.drains.watch(id));
        let unhealthy = member.and_then(|member| status::is_down(member, color));
        let service = name.clone();
        Ok(Switched::AlreadyOn { service, color, generation, drain, unhealthy, shortened: None })
    }

    /// Returns the same for a dry run, with what a closer deadline would do to the drains under way.
    pub(super) fn would_shorten(
        &self,
        services: &[ServiceName],
        within: Duration,
    ) -> Answer<Vec<Switched>> {
        let mut answers = self.left_alone(services)?;
        for answer in &mut answers {
            let Switched::AlreadyOn { service, color, shortened, .. } = answer else { continue };
            *shortened = self.shortened(service, color.other(), within);
        }
        Ok(answers)
    }

    fn shortened(&self, name: &ServiceName, color: Color, within: Duration) -> Option<Shortened> {
        let seat = self.roster.member(name)?.color(color);
        let left = self.drains.status(seat.id).filter(|drain| !drain.cutting)?.left;
        let ColorSum { leases, streams, .. } = ColorSum::of(&seat.books);
        Some(Shortened { in_flight: leases.saturating_sub(streams), streams, left, within })
    }
}

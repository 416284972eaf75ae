//! The answer to the caller: one for each service.

use rules::{Color, ServiceName};

use super::super::status;
use super::DecidedSwitch;
use crate::core::Inner;
use crate::health::SwitchEvidence;
use crate::inbox::Answer;
use crate::request::Switched;

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
            Ok(Switched::DryRun { service, from: to.other(), to, generation, evidence })
        };
        services.iter().map(one).collect()
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
        Ok(Switched::AlreadyOn { service: name.clone(), color, generation, drain, unhealthy })
    }
}

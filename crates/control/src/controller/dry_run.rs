//! Dry runs of the calls that need no gate.
//!
//! Guaranteed: the same rules refuse as for the call itself, and nothing changes: no record, no event, no count.

use rules::{Command, Refusal, ServiceName, decide, gate};
use traffic::{ColorSum, ServiceSum};

use super::hold::MAX_WAIT;
use super::{deploy, status};
use crate::clock::Clock;
use crate::core::{Core, Inner};
use crate::inbox::Answer;
use crate::request::{
    DryRunOutcome, DryRunRequest, HoldRequest, ReportDeployRequest, ResumeRequest, RetireRequest,
};

/// Tells what a call would do.
pub(super) fn run(core: &Core, request: DryRunRequest) -> Answer<DryRunOutcome> {
    let inner = core.lock();
    if !core.is_in_control() {
        return Err(Refusal::UpgradeInProgress);
    }
    match request {
        DryRunRequest::Hold(request) => inner.would_hold(request),
        DryRunRequest::Resume(request) => inner.would_resume(request),
        DryRunRequest::Retire(request) => inner.would_retire(request),
        DryRunRequest::Report(request) => inner.would_report(core, request),
    }
}

impl Inner {
    fn would_hold(&self, request: HoldRequest) -> Answer<DryRunOutcome> {
        let HoldRequest { service, actor, if_generation, max_wait, drain } = request;
        let service = self.changeable(service.as_ref())?;
        gate::expect_generation(&self.state, &service, if_generation)?;
        let max_wait = max_wait.unwrap_or(MAX_WAIT);
        self.may(Command::Hold { service: service.clone(), actor, max_wait })?;
        let (known, _) = status::find(&self.state, &service)?;
        let (generation, color) = (known.generation, known.split.stable());
        let member = self.roster.member(&service).ok_or(Refusal::Stopping)?;
        let ColorSum { leases, streams, .. } = ColorSum::of(&member.color(color).books);
        Ok(DryRunOutcome::Hold {
            requests_per_second: self.rate(member, color),
            drain: drain.unwrap_or(member.spec.policy.drain.timeout),
            in_flight: leases.saturating_sub(streams),
            service,
            generation,
            color,
            max_wait,
            streams,
        })
    }

    fn would_resume(&self, request: ResumeRequest) -> Answer<DryRunOutcome> {
        let ResumeRequest { service, actor, if_generation } = request;
        let service = self.changeable(service.as_ref())?;
        gate::expect_generation(&self.state, &service, if_generation)?;
        self.may(Command::Resume { service: service.clone(), actor })?;
        let (known, _) = status::find(&self.state, &service)?;
        let (generation, color) = (known.generation, known.split.stable());
        let member = self.roster.member(&service).ok_or(Refusal::Stopping)?;
        let ServiceSum { waiting, .. } = ServiceSum::of(&member.books);
        let unhealthy = status::is_down(member, color);
        Ok(DryRunOutcome::Resume { service, generation, color, waiting, unhealthy })
    }

    fn would_retire(&self, request: RetireRequest) -> Answer<DryRunOutcome> {
        let RetireRequest { service, color, actor, if_generation } = request;
        let service = self.changeable(service.as_ref())?;
        gate::expect_generation(&self.state, &service, if_generation)?;
        self.is_empty(&service, color)?;
        self.may(Command::Retire { service: service.clone(), color, actor })?;
        let (known, _) = status::find(&self.state, &service)?;
        let (generation, is_retired) = (known.generation, known.retired[color.index()]);
        Ok(DryRunOutcome::Retire { service, generation, color, is_retired })
    }

    fn would_report(&self, core: &Core, request: ReportDeployRequest) -> Answer<DryRunOutcome> {
        let deploy = self.state.deploys().get(request.id);
        let deploy = deploy.ok_or(deploy::unknown(request.id))?.clone();
        self.may(self.reported(core, request))?;
        let generation = |name| self.state.serving(name).map(|(service, _)| service.generation);
        let newest = deploy.services.iter().filter_map(generation).max();
        Ok(DryRunOutcome::Report {
            generation: newest.unwrap_or_default(),
            deploy: Box::new(self.deploy_status(core, &deploy)),
        })
    }

    /// Returns the service that is named, or the only one; refused while it is being changed.
    fn changeable(&self, service: Option<&ServiceName>) -> Answer<ServiceName> {
        let service = gate::name_service(&self.state, service)?;
        if self.is_any_changing(std::slice::from_ref(&service)) {
            return Err(Refusal::SwitchInProgress { generation: self.state.publishing() });
        }
        Ok(service)
    }

    /// Refuses what the rules would refuse.
    fn may(&self, command: Command) -> Answer<()> {
        decide(&self.state, command, Clock::now()).map(drop)
    }
}

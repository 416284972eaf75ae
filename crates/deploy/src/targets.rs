//! Telling Teal where environments are, for services whose targets are left to the runner.
//!
//! Guaranteed: an environment is told once its runner says that it is up, before its gate; one that was stopped is
//! forgotten, so that Teal sends nothing to a program that gets its address later.

use std::net::Ipv4Addr;

use contract::wire::{Color, TargetsRequest};
use rules::{ProbeKind, TargetUrl};
use runner::{Environment, Started};
use tokio::time::{Instant, sleep};

use crate::admin::{NoReply, TargetsOrder};
use crate::member::{Member, domain};
use crate::run::Run;
use crate::stop::Stop;

/// Tells Teal the target of an environment that was started. Returns it in words; empty if the configuration has it.
pub(crate) async fn told(
    run: &Run<'_>,
    member: &Member,
    environment: &Environment,
    started: Started,
) -> Result<String, Stop> {
    if !member.settings.told {
        return Ok(String::new());
    }
    let color = run.plan.color;
    let fixed = || {
        let port = environment.port.number()?;
        TargetUrl::parse(&format!("http://{}:{port}", Ipv4Addr::LOCALHOST)).ok()
    };
    let Some(target) = started.target.or_else(fixed) else {
        return Err(Stop::failed(format!(
            "{environment} is up, and its runner has not said where; let the hook start end with \
             {{\"target\": \"http://127.0.0.1:PORT\"}}, or write port = \"auto\""
        )));
    };
    let target = member.spoken(color, target);
    tell(run, member, color, vec![target.clone()]).await?;
    Ok(format!(" at {target}"))
}

/// Takes the targets of an environment away that was stopped. A failure is only noted: they are probed as down.
pub(crate) async fn forgotten(run: &Run<'_>, member: &Member, color: Color) {
    if member.targets(color).is_empty() || !member.settings.told {
        return;
    }
    if let Err(stop) = tell(run, member, color, Vec::new()).await {
        let why = stop.problem().message;
        let note = format!(
            "{color} of {} was stopped, and Teal still has its targets: {why}",
            member.name
        );
        run.context.reporter.note(&note);
    }
}

async fn tell(
    run: &Run<'_>,
    member: &Member,
    color: Color,
    targets: Vec<TargetUrl>,
) -> Result<(), Stop> {
    let order = TargetsOrder {
        service: member.name.clone(),
        color,
        request: TargetsRequest {
            targets: Some(targets.iter().map(ToString::to_string).collect()),
            deploy: Some(run.id),
            claim: Some(run.claim),
        },
    };
    let deadline = Instant::now() + run.context.pace.patience;
    loop {
        let Err(no_reply) = run.context.admin.targets(&order).await else { break };
        if let Some(stop) = run.replaced(&no_reply) {
            return Err(stop);
        }
        // Another change of the service is under way for a moment.
        let passes = no_reply.is_passing() || no_reply.code() == Some("switch_in_progress");
        if !passes || Instant::now() >= deadline {
            let what = format!("Teal was not told the targets of {color} of {}", member.name);
            return Err(match no_reply {
                NoReply::Unanswered(_) => Stop::doubt(no_reply.to_string()),
                NoReply::Refused(_) | NoReply::Unreachable(_) => Stop::failed(no_reply.to_string()),
            }
            .after(&what));
        }
        sleep(run.context.pace.glance).await;
    }
    member.told.borrow_mut()[domain(color).index()] = targets;
    Ok(())
}

impl Member {
    /// The targets of a color: those of the configuration, or those that Teal was told.
    pub(crate) fn targets(&self, color: Color) -> Vec<TargetUrl> {
        let color = domain(color);
        let mut service = self.service.clone();
        service.set_told(color, &self.told.borrow()[color.index()]);
        service.color(color).targets.clone()
    }

    /// The port of the only told target of a color, if that is on this machine.
    pub(crate) fn told_port(&self, color: Color) -> Option<u16> {
        let told = self.told.borrow();
        let [only] = &told[domain(color).index()][..] else { return None };
        only.literal().filter(|address| address.ip().is_loopback()).map(|address| address.port())
    }

    /// A target that a runner has found out, with the protocol that the configuration says.
    fn spoken(&self, color: Color, target: TargetUrl) -> TargetUrl {
        let color = self.service.color(domain(color));
        let is_plain = target.socket().is_none() && target.tls().is_none() && !target.is_http2();
        let scheme = match color.tls() {
            _ if !is_plain => return target,
            Some(_) => "https",
            None if self.service.health.kind == ProbeKind::Grpc => "h2c",
            None => return target,
        };
        TargetUrl::parse(&format!("{scheme}://{}", target.authority())).unwrap_or(target)
    }
}

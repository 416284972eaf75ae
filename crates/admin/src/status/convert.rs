//! Conversion of the controller's status to its wire form.

use contract::text;
use contract::unit::{millis, rfc3339, seconds};
use contract::wire::{
    Answered, Books, Certificate, CertificateOrder, Color, ColorStatus, Colors, Held, LastChange,
    Maintenance, Name, PendingCall, Probe, Reload, Role, Rollback, Service, ServiceProblem, Target,
    TargetName,
};
use control::{CallStatus, NameStatus, ReloadStatus, ServiceStatus, TargetStatus};

use crate::{rollout, settings};

/// A service.
pub(super) fn service(service: &ServiceStatus, at: rules::Time) -> Service {
    let [blue, green] = &service.colors;
    let blue = color(Color::Blue, blue, at);
    let green = color(Color::Green, green, at);
    let mut service = Service {
        name: service.name.to_string(),
        active: service.split.stable().into(),
        generation: service.generation.0,
        can_roll_back: service.can_roll_back,
        rollback: service.rollback.as_ref().map(|rollback| Rollback {
            to: rollback.to.into(),
            version: rollback.version.as_ref().map(ToString::to_string),
            until: rollback.until.map(rfc3339),
        }),
        changed: service.changed.as_ref().map(|change| LastChange {
            at: rfc3339(change.at),
            actor: (&change.actor).into(),
            verb: change.verb.to_owned(),
            reason: change.reason.clone(),
        }),
        books: Some(books(&service.books)),
        failover: match service.failover {
            rules::Failover::Off => "off".to_owned(),
            rules::Failover::Auto => "auto".to_owned(),
        },
        held: service.held.as_ref().map(|held| Held {
            waiting: held.waiting,
            since: rfc3339(held.since),
            actor: (&held.by).into(),
            max_wait_seconds: seconds(held.max_wait),
        }),
        maintenance: service.maintenance.as_ref().map(maintenance),
        rollout: service.rollout.as_ref().map(rollout::to_wire),
        colors: Colors { blue, green },
        problems: Vec::new(),
    };
    service.problems = ServiceProblem::of(&service);
    service
}

fn books(sum: &traffic::ServiceSum) -> Books {
    let [blue, green] = sum.colors;
    Books {
        accepted: sum.accepted,
        answered: Answered { blue, green, teal: sum.own.iter().sum() },
        aborted: sum.aborted.iter().sum(),
        in_flight: sum.in_flight,
        lost: sum.lost(),
    }
}

fn maintenance(maintenance: &rules::Maintenance) -> Maintenance {
    let rules::Maintenance { since, by, notice } = maintenance;
    Maintenance {
        since: rfc3339(*since),
        actor: by.into(),
        message: notice.message.clone(),
        page: notice.page.is_some(),
        allow: notice.allow.iter().map(ToString::to_string).collect(),
    }
}

/// The outcome of a reload.
pub(super) fn reload(reload: &ReloadStatus, at: rules::Time) -> Reload {
    Reload {
        at: rfc3339(reload.at),
        age_seconds: seconds(at.since(reload.at)),
        actor: (&reload.actor).into(),
        problem: reload.problem.clone(),
    }
}

/// A call in progress.
pub(super) fn wait(call: &CallStatus, at: rules::Time) -> PendingCall {
    PendingCall {
        verb: call.verb.as_str().to_owned(),
        to: call.to.map(Into::into),
        services: call.services.iter().map(ToString::to_string).collect(),
        group: call.group.as_ref().map(ToString::to_string),
        actor: (&call.actor).into(),
        since: rfc3339(call.since),
        age_seconds: seconds(at.since(call.since)),
        left_seconds: call.left.map(seconds),
        stage: call.stage.as_str().to_owned(),
        dry_run: call.dry_run,
        reason: call.reason.clone(),
    }
}

/// A certificate of the listeners.
pub(super) fn certificate(certificate: &settings::Certificate, at: rules::Time) -> Certificate {
    let file = Some(certificate.file.display().to_string());
    Certificate { file, ..until(certificate.not_after, &certificate.names, at) }
}

/// The certificates that the targets of a service have presented.
pub(super) fn certificates_of_targets(
    service: &ServiceStatus,
    at: rules::Time,
) -> impl Iterator<Item = Certificate> {
    let colors = rules::Color::BOTH.into_iter().zip(&service.colors);
    let targets =
        colors.flat_map(|(color, status)| status.targets.iter().map(move |target| (color, target)));
    targets.filter_map(move |(color, target)| {
        let presented = target.certificate.as_ref()?;
        let name = TargetName {
            service: service.name.to_string(),
            color: color.into(),
            url: target.url.to_string(),
            address: target.address.filter(|_| target.url.is_name()).map(|at| at.to_string()),
        };
        let end = rules::Time::of(presented.not_after);
        Some(Certificate { target: Some(name), ..until(end, &presented.names, at) })
    })
}

fn until(end: rules::Time, names: &[String], now: rules::Time) -> Certificate {
    Certificate {
        file: None,
        target: None,
        names: names.to_vec(),
        not_after: rfc3339(end),
        left_seconds: seconds(end.since(now)) - seconds(now.since(end)),
    }
}

/// A name for which certificates are ordered.
pub(super) fn ordered(ordered: &settings::CertificateOrder) -> CertificateOrder {
    let settings::CertificateOrder { name, problem, next } = ordered;
    CertificateOrder { name: name.clone(), problem: problem.clone(), next: next.map(rfc3339) }
}

fn color(name: Color, color: &control::ColorStatus, at: rules::Time) -> ColorStatus {
    let mut status = ColorStatus {
        role: match color.role {
            control::Role::Active => Role::Active,
            control::Role::Draining => Role::Draining,
            control::Role::Idle => Role::Idle,
        },
        retired: color.retired,
        told: color.told,
        version: color.version.as_ref().map(ToString::to_string),
        healthy: healthy(color),
        health: String::new(),
        words: String::new(),
        reason: color.unhealthy_reason.clone(),
        in_flight: color.in_flight,
        connections: color.connections,
        oldest_age_seconds: color.oldest_age.map(seconds),
        streams: color.streams,
        tunnels: color.tunnels,
        oldest_stream_age_seconds: color.oldest_stream_age.map(seconds),
        deadline_seconds: color.drain.map(|drain| seconds(drain.left)),
        cutting: color.drain.is_some_and(|drain| drain.cutting),
        drained: color.drained,
        targets: color.targets.iter().map(|target| self::target(target, at)).collect(),
        names: color.names.iter().map(|name| self::name(name, at)).collect(),
    };
    status.health = text::health(&status);
    status.words = text::standing(name, &status);
    status
}

fn name(name: &NameStatus, at: rules::Time) -> Name {
    Name {
        url: name.url.to_string(),
        addresses: name.addresses,
        used: name.used,
        unanswered_since: name.unanswered.as_ref().map(|(since, _)| rfc3339(*since)),
        problem: name.problem(at),
    }
}

/// The result of the gate; `None` while nothing fails but not every target has passed enough probes.
fn healthy(color: &control::ColorStatus) -> Option<bool> {
    if color.retired {
        return None; // it is not probed
    }
    let failed = |target: &TargetStatus| {
        target.standing == rules::Standing::Down
            || target.last_probe.as_ref().is_some_and(|probe| !probe.outcome.passed())
    };
    let unknown = |target: &TargetStatus| target.standing == rules::Standing::Unknown;
    let is_open = !color.targets.iter().any(failed) && color.targets.iter().any(unknown);
    (color.healthy || !is_open).then_some(color.healthy)
}

fn target(target: &TargetStatus, at: rules::Time) -> Target {
    let probe = |probe: &rules::Probe| Probe {
        at: rfc3339(probe.at),
        age_seconds: seconds(at.since(probe.at)),
        ok: probe.outcome.passed(),
        status: probe.outcome.status(),
        latency_ms: millis(probe.latency),
        reason: probe.outcome.reason().map(str::to_owned),
    };
    let mut wire = Target {
        url: target.url.to_string(),
        address: target.address.map(|address| address.to_string()),
        note: target.note(),
        health: target.standing.into(),
        addresses: target.addresses.iter().map(ToString::to_string).collect(),
        in_flight: target.in_flight,
        passes: target.in_a_row.0,
        fails: target.in_a_row.1,
        rise: target.needed.0,
        fall: target.needed.1,
        changed_at: target.turned.as_ref().map(|(at, _)| rfc3339(*at)),
        changed_reason: target.turned.as_ref().and_then(|(_, reason)| reason.clone()),
        last_probe: target.last_probe.as_ref().map(probe),
        words: String::new(),
    };
    wire.words = text::probed(&wire);
    wire
}

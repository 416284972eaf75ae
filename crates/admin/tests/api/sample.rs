//! A service, its state and its figures, as the controller would tell them.

use std::sync::Arc;
use std::time::Duration;

use control::{
    ColorMetrics, ColorStatus, MetricsSnapshot, PreviewGrant, SeriesPoint, SeriesStep, SeriesView,
    ServiceMetrics, ServiceSeries, ServiceStatus, Status, TargetFigures, TargetMetrics,
    TargetStatus,
};
use rules::{
    Actor, Color, Generation, Probe, ProbeOutcome, Receipt, ServiceName, Split, Standing,
    TargetUrl, Time,
};

pub(crate) fn web() -> ServiceName {
    ServiceName::new("web").expect("a name")
}

/// Two steps without requests.
pub(crate) fn series(step: SeriesStep) -> SeriesView {
    let service = ServiceSeries { service: web(), points: vec![SeriesPoint::default(); 2] };
    SeriesView { end: 1_795_446_245, step, services: vec![service] }
}

pub(crate) fn grant() -> PreviewGrant {
    PreviewGrant {
        service: web(),
        color: Color::Green,
        generation: Generation(7),
        serial: 0,
        version: rules::Version::new("v42").ok(),
        preview: rules::Preview { listen: None, token: true },
        hosts: vec!["a.test".to_owned()],
        path_prefix: "/app".to_owned(),
    }
}

pub(crate) fn target(port: u16) -> TargetUrl {
    TargetUrl::parse(&format!("http://127.0.0.1:{port}")).expect("a target")
}

pub(crate) fn status() -> Status {
    let color = |role, port, outcome: ProbeOutcome, standing| ColorStatus {
        role,
        version: None,
        retired: false,
        told: false,
        healthy: outcome.passed(),
        unhealthy_reason: outcome.reason().map(|reason| format!("{}: {reason}", target(port))),
        in_flight: if role == control::Role::Active { 3 } else { 0 },
        connections: 0,
        streams: 0,
        tunnels: 0,
        oldest_stream_age: None,
        oldest_age: (role == control::Role::Active).then_some(Duration::from_millis(1200)),
        drain: None,
        drained: role == control::Role::Idle,
        targets: vec![TargetStatus {
            url: target(port),
            address: None,
            usage: control::Usage::Used,
            standing,
            in_flight: 2,
            in_a_row: (1, 0),
            needed: (2, 3),
            turned: Some((Time(7_000), outcome.reason().map(str::to_owned))),
            last_probe: Some(Probe {
                at: Time(8_000),
                moment: Duration::ZERO,
                latency: Duration::from_micros(1500),
                outcome,
            }),
            addresses: Vec::new(),
            certificate: None,
        }],
        names: Vec::new(),
    };
    let passed = ProbeOutcome::Passed { status: 200 };
    let failed = ProbeOutcome::Failed { status: None, reason: "connection refused".into() };
    Status {
        generation: Generation(7),
        publishing: None,
        workers: (2, 2),
        journal: None,
        at: Time(10_000),
        total: 1,
        services: vec![ServiceStatus {
            name: web(),
            split: Split::only(Color::Blue),
            generation: Generation(7),
            can_roll_back: true,
            rollback: None,
            changed: None,
            books: books(),
            held: None,
            rollout: None,
            maintenance: None,
            failover: rules::Failover::Off,
            colors: [
                color(control::Role::Active, 8081, passed, Standing::Up),
                color(control::Role::Idle, 8082, failed, Standing::Down),
            ],
        }],
        groups: Vec::new(),
        calls: Vec::new(),
        deploys: Vec::new(),
        last_reload: None,
    }
}

fn books() -> traffic::ServiceSum {
    let mut sum = traffic::ServiceSum::of(&traffic::ServiceBooks::new(1));
    (sum.accepted, sum.in_flight, sum.colors) = (10, 3, [4, 1]);
    (sum.own[0], sum.aborted[1]) = (1, 1);
    sum
}

pub(crate) fn metrics() -> MetricsSnapshot {
    let color = |port, up| ColorMetrics {
        version: None,
        healthy: up,
        retired: false,
        sum: traffic::ColorSum::default(),
        oldest: Duration::ZERO,
        targets: vec![TargetMetrics {
            url: target(port).to_string().into(),
            address: format!("127.0.0.1:{port}").into(),
            standing: if up { Standing::Up } else { Standing::Down },
            expires: Some(Time(1_900_000_000_000)),
            probed: None,
            figures: TargetFigures::default(),
            books: Arc::new(traffic::TargetBooks::new(1)),
        }],
    };
    let empty = || traffic::ServiceSum::of(&traffic::ServiceBooks::new(1));
    MetricsSnapshot {
        generation: Generation(7),
        services: vec![ServiceMetrics {
            name: web(),
            split: Split::only(Color::Blue),
            generation: Generation(7),
            held: false,
            rollout: None,
            maintenance: false,
            deploys: [0; rules::DeployResult::ALL.len()],
            sum: empty(),
            colors: [color(8081, true), color(8082, false)],
        }],
        unrouted: empty(),
        connections: traffic::WorkerSum::default(),
        journal_available: true,
        journal_on_reserve: false,
        config_accepted: Time(1_800_000_000_500),
        config_refused: false,
        calls: 0,
        oldest_call: None,
    }
}

/// A receipt of a switch that has drained.
pub(crate) fn receipt() -> Receipt {
    Receipt {
        generation: Generation(7),
        service: web(),
        from: Color::Blue,
        to: Color::Green,
        version: None,
        from_version: None,
        cause: rules::Cause::Rollback,
        actor: Actor::Token("ci".into()),
        reason: None,
        decided: Time(1_000),
        evidence: vec![rules::Proof {
            target: target(8082).into(),
            at: Time(900),
            status: 200,
            latency: Duration::from_millis(2),
        }],
        progress: rules::Progress::Ended {
            published: Some(Time(1_100)),
            at: Time(2_000),
            end: rules::DrainEnd::Cut(rules::Cut { unanswered: 1, answering: 2, tunnels: 3 }),
        },
        figures: Some(rules::Figures::default()),
    }
}

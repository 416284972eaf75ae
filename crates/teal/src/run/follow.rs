//! Requests that are followed: from the steps of the data plane to those of the admin API.

use std::sync::Arc;
use std::time::Duration;

use admin::{TraceFilter, TraceStarter};
use contract::wire::TraceStep;
use proxy::{ConnectionSource, FollowFilter, FollowedStep, Followers, Step};
use tokio::sync::mpsc;

/// The capacity of the queue of steps to a reader. Further ones wait in the data plane, which drops any excess.
const ON_THE_WAY: usize = 16;

/// Connects the followers of the data plane to the admin API.
pub(super) fn of(followers: Followers) -> TraceStarter {
    TraceStarter(Arc::new(move |filter: TraceFilter| {
        let TraceFilter { header, client, path, requests } = filter;
        let mut follower = followers.follow(FollowFilter { header, client, path, requests })?;
        let (to, steps) = mpsc::channel(ON_THE_WAY);
        tokio::spawn(async move {
            loop {
                let followed = tokio::select! {
                    followed = follower.next() => followed,
                    () = to.closed() => None,
                };
                let Some(followed) = followed else { break };
                if to.send(step(followed)).await.is_err() {
                    break;
                }
            }
        });
        Some(steps)
    }))
}

fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

fn step(followed: FollowedStep) -> TraceStep {
    let FollowedStep { request, missed, .. } = followed;
    let step =
        TraceStep { request, after_ms: millis(followed.after), missed, ..TraceStep::default() };
    let named = |name: &str| TraceStep { step: name.to_owned(), ..step.clone() };
    match followed.step {
        Step::Accepted { client, port, listener, tls, head } => {
            let step = named("accepted");
            let client = match port {
                Some(port) => std::net::SocketAddr::new(client, port).to_string(),
                None => client.to_string(),
            };
            let (client, listener) = (Some(client), listener.map(|at| at.to_string()));
            let step = TraceStep { client, listener, tls: tls.map(str::to_owned), ..step };
            let Some(head) = head else { return step };
            TraceStep {
                method: Some(head.method),
                host: Some(head.host),
                path: Some(head.path),
                protocol: Some(head.version.to_owned()),
                request_id: Some(head.request_id),
                ..step
            }
        }
        Step::Routed(service) => TraceStep { service: Some(service), ..named("routed") },
        Step::Waits(reason) => TraceStep { reason: Some(reason.to_owned()), ..named("waits") },
        Step::Goes => named("goes"),
        Step::Leased { color, target, address } => TraceStep {
            color: Some(color.into()),
            target: Some(target),
            address: address.map(|address| address.to_string()),
            ..named("leased")
        },
        Step::Connected(way) => {
            let (connection, idle) = match way {
                ConnectionSource::New => ("new", None),
                ConnectionSource::Shared => ("shared", None),
                ConnectionSource::Pinned => ("login", None),
                ConnectionSource::Pooled(idle) => ("kept", Some(idle)),
            };
            TraceStep {
                connection: Some(connection.to_owned()),
                idle_ms: idle.map(millis),
                ..named("connected")
            }
        }
        Step::Sent(bytes) => TraceStep { bytes: Some(bytes), ..named("sent") },
        Step::Answers(status) => TraceStep { status: Some(status), ..named("answers") },
        Step::Failed { why, again } => {
            TraceStep { reason: Some(why), again: Some(again), ..named("failed") }
        }
        Step::Ended { status, bytes, whole, reason } => TraceStep {
            status,
            bytes: Some(bytes),
            whole: Some(whole),
            reason: Some(reason).filter(|reason| !reason.is_empty()).map(str::to_owned),
            ..named("ended")
        },
    }
}

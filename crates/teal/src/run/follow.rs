//! Requests that are followed: from the steps of the data plane to those of the admin API.

use std::sync::Arc;
use std::time::Duration;

use admin::{Follow, Followed};
use contract::wire::TraceStep;
use proxy::{Followers, Step, Told, Wanted, Way};
use tokio::sync::mpsc;

/// The capacity of the queue of steps to a reader. Further ones wait in the data plane, which drops any excess.
const ON_THE_WAY: usize = 16;

/// Connects the followers of the data plane to the admin API.
pub(super) fn of(followers: Followers) -> Follow {
    Follow(Arc::new(move |wanted: Followed| {
        let Followed { header, client, path, requests } = wanted;
        let mut follower = followers.follow(Wanted { header, client, path, requests })?;
        let (to, steps) = mpsc::channel(ON_THE_WAY);
        tokio::spawn(async move {
            loop {
                let told = tokio::select! {
                    told = follower.next() => told,
                    () = to.closed() => None,
                };
                let Some(told) = told else { break };
                if to.send(step(told)).await.is_err() {
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

fn step(told: Told) -> TraceStep {
    let Told { request, missed, .. } = told;
    let step = TraceStep { request, after_ms: millis(told.after), missed, ..TraceStep::default() };
    let named = |name: &str| TraceStep { step: name.to_owned(), ..step.clone() };
    match told.step {
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
                Way::New => ("new", None),
                Way::Shared => ("shared", None),
                Way::Login => ("login", None),
                Way::Kept(idle) => ("kept", Some(idle)),
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

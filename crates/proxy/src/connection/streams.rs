//! The streams of a connection that carries many, served concurrently.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use http1::Reject;

use super::serve_next;
use crate::carried::TaskSlot;
use crate::client::{Client, Job};
use crate::parts::{After, Flows};
use crate::response::page;
use crate::worker::Worker;

/// The longest wait for a stream's head, which has arrived: only whether a body follows may not be known yet.
// lossless: L10
const BEGUN: Duration = Duration::from_secs(1);

/// Serves a stream concurrently with the others.
pub(super) fn serve(worker: &Rc<Worker>, job: Job) {
    if let Some(job) = worker.tasks.give(job) {
        tokio::task::spawn_local(serve_streams(worker.clone(), job));
    }
}

async fn serve_streams(worker: Rc<Worker>, first: Job) {
    let serving = Box::pin(async {
        let slot = TaskSlot::new(Some(first));
        let mut flows = Flows::new();
        while let Some(mut job) = poll_fn(|cx| slot.poll_next(cx)).await {
            let Job { client, refused, .. } = &mut job;
            let refused = refused.take();
            let after = serve_stream(&worker, client, &mut flows, refused).await;
            drop(job);
            if after != After::Next {
                flows = Flows::new(); // any rest of an aborted one is dropped with it
            }
            if !worker.tasks.wait(&slot) {
                break;
            }
        }
    });
    worker.in_turns(serving).await;
}

/// Serves a stream: one request, or the answer to one that could not be parsed.
async fn serve_stream(
    worker: &Rc<Worker>,
    client: &mut Client,
    flows: &mut Flows,
    refused: Option<Reject>,
) -> After {
    let after = match refused {
        Some(reject) => page::refuse(worker, client, reject).await,
        None => serve_next(worker, client, flows, BEGUN).await.unwrap_or(After::Drop),
    };
    client.rx.clear();
    client.rx.strip(&worker.buffers);
    after
}

//! Periodic work of a worker: deadlines, idle connections, and state that is no longer needed.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::capacity::Capacity;
use crate::deadline::{REST_EVERY, SWEEP_EVERY};
use crate::tls::TlsAcceptor;
use crate::worker::Worker;

/// Handles everything that is due, 50 times a second while there is anything to wait for.
pub(super) async fn tick(worker: Rc<Worker>, capacity: Option<Capacity>, tls: Option<TlsAcceptor>) {
    let mut ticks = 0u32;
    let turn = || tls.as_ref().map(TlsAcceptor::turn);
    let mut known = turn();
    let mut resting = false;
    let mut pause = pin!(tokio::time::sleep(SWEEP_EVERY));
    poll_fn(|cx: &mut Context<'_>| {
        worker.read_clock();
        if resting && !worker.is_at_rest() {
            resting = false;
            worker.renew_date();
            pause.as_mut().reset(tokio::time::Instant::now() + SWEEP_EVERY);
        }
        while pause.as_mut().poll(cx).is_ready() {
            let now = worker.now();
            worker.deadlines.sweep(now);
            worker.renew_date();
            if let Some(capacity) = &capacity {
                let given_up = capacity.give_up(&worker.deadlines);
                worker.reader.connections().given_up.add(given_up as u64);
            }
            if known != turn() {
                known = turn();
                worker.deadlines.wake_all(); // closes idle clients that are no longer trusted
            }
            worker.hold_queues.pace(now);
            worker.carriers.sweep(now);
            ticks = ticks.wrapping_add(1);
            if resting || ticks.is_multiple_of(10) {
                worker.reader.survey();
                worker.count_lost_lines();
                worker.tasks.sweep();
                worker.forget_gone(now);
                for (target, name) in worker.names.sweep(now) {
                    worker.pool.give_up(target, name);
                    worker.carriers.give_up(target, name);
                }
            }
            resting = worker.is_at_rest();
            let next = if resting { REST_EVERY } else { SWEEP_EVERY };
            pause.as_mut().reset(tokio::time::Instant::now() + next);
        }
        if resting {
            worker.deadlines.wake_at_next(cx.waker());
        }
        // Not only on a tick: a target that closes an idle connection wakes this task.
        worker.pool.watch_idle(worker.now(), cx);
        worker.logins.watch(cx);
        Poll::<()>::Pending
    })
    .await;
}

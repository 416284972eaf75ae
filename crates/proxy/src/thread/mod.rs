//! SPINE: one thread of the data plane, from its first table to the end of its last connection.

mod tick;

use std::rc::Rc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use crate::listener::{Accepting, Listener};
use crate::stop::Phase;
use crate::worker::Worker;

/// The commands to the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkerCommand {
    Serve,
    /// Another Teal accepts on the same sockets.
    StepAside,
    /// Another Teal accepts from now on, and this one ends when nothing is open.
    Withdraw,
    Leave,
    Cut,
}

/// The channel that counts the workers which have responded; `None` before the first beat.
pub(crate) type Beat = Option<mpsc::UnboundedSender<()>>;

/// Serves until stopped and the last connection has ended.
pub(crate) async fn run(
    worker: Worker,
    listeners: Vec<Listener>,
    (mut commands, mut beats): (watch::Receiver<WorkerCommand>, watch::Receiver<Beat>),
) {
    let worker = Rc::new(worker);
    // No client is served from the empty table that every worker begins with: clients wait in the kernel's
    // queue until the first table is published.
    tokio::select! {
        table = worker.reader.adopt() => worker.adopted(&table),
        _ = commands.changed() => return,
    }
    let adopting = tokio::task::spawn_local(adopt(worker.clone()));
    let capacity = listeners.first().map(Listener::capacity);
    // All listeners with TLS share their CAs.
    let tls = listeners.iter().find_map(Listener::tls);
    let ticking = tokio::task::spawn_local(tick::tick(worker.clone(), capacity, tls));
    let accepting: Vec<Accepting> =
        listeners.into_iter().map(|listener| listener.serve(worker.clone())).collect();
    loop {
        let command = *commands.borrow_and_update();
        match command {
            WorkerCommand::Serve => step_back(&worker, &accepting),
            WorkerCommand::StepAside | WorkerCommand::Withdraw => step_aside(&worker, &accepting),
            WorkerCommand::Leave => leave(&worker, &accepting).await,
            WorkerCommand::Cut => worker.enter(Phase::Cut),
        }
        let ends =
            matches!(command, WorkerCommand::Withdraw | WorkerCommand::Leave | WorkerCommand::Cut);
        if ends && worker.is_empty() {
            break;
        }
        tokio::select! {
            changed = commands.changed() => if changed.is_err() {
                // The sender of commands is gone: the process is ending.
                worker.enter(Phase::Cut);
                break;
            },
            () = worker.ended_one() => {}
            Ok(()) = beats.changed() => {
                if let Some(tell) = &*beats.borrow_and_update() {
                    let _ = tell.send(()); // ignored: the caller has given up
                }
            }
        }
    }
    worker.pool.clear();
    worker.carriers.clear();
    worker.count_lost_lines();
    adopting.abort();
    ticking.abort();
}

/// Leaves accepting to another Teal that has the same sockets.
fn step_aside(worker: &Rc<Worker>, accepting: &[Accepting]) {
    if !worker.stop.is_leaving() {
        accepting.iter().for_each(Accepting::pause);
        worker.enter(Phase::Aside);
    }
}

/// Accepts again.
fn step_back(worker: &Rc<Worker>, accepting: &[Accepting]) {
    if worker.stop.is_leaving() {
        accepting.iter().for_each(Accepting::go_on);
        worker.enter(Phase::Running);
    }
}

/// Accepts the queued connections, then closes the listeners; requests go on.
async fn leave(worker: &Rc<Worker>, accepting: &[Accepting]) {
    if worker.stop.is_closing() {
        return;
    }
    for accepting in accepting {
        accepting.finish().await;
    }
    worker.enter(Phase::Leaving(Instant::now()));
}

async fn adopt(worker: Rc<Worker>) {
    loop {
        let table = worker.reader.adopt().await;
        // lossless: L4 - idle connections to draining targets are closed at once.
        if !table.draining.is_empty() {
            worker.pool.retire();
            worker.carriers.retire();
            worker.logins.retire();
        }
        worker.adopted(&table);
    }
}

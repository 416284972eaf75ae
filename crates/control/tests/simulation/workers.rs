//! Workers of a data plane without sockets: prompt, late or silent, with leases of their own.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use rules::Color;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{sleep, timeout};
use traffic::{ConnectionHold, CutKind, Lease, Reader, Report, ReportKind, Subscription};

use crate::witness::Witness;

/// The way a worker takes tables.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    Prompt,
    Late(Duration),
    Silent,
}

/// One worker.
pub(crate) struct Worker {
    reader: Reader,
    manner: Cell<Manner>,
    changed: Notify,
    held: RefCell<Vec<(Lease, Option<ConnectionHold>)>>,
    task: RefCell<Option<JoinHandle<()>>>,
}

// === impl Worker ===

impl Worker {
    /// Begins to take tables, on the current local set.
    pub(crate) fn start(subscription: Subscription, witness: Rc<Witness>) -> Rc<Self> {
        let (manner, held) = (Cell::new(Manner::Prompt), RefCell::default());
        let task = RefCell::default();
        let worker = Rc::new(Self {
            reader: subscription.into_reader(),
            manner,
            changed: Notify::new(),
            held,
            task,
        });
        let own = worker.clone();
        let task = spawn_local(async move {
            loop {
                let table = match own.manner.get() {
                    Manner::Prompt => tokio::select! {
                        biased;
                        () = own.changed.notified() => continue,
                        table = own.reader.adopt() => table,
                    },
                    Manner::Silent => {
                        own.changed.notified().await;
                        continue;
                    }
                    Manner::Late(time) => {
                        // On the virtual clock: this is how late it is.
                        sleep(time).await;
                        match timeout(Duration::ZERO, own.reader.adopt()).await {
                            Ok(table) => table,
                            Err(_) => continue,
                        }
                    }
                };
                witness.adopted(own.reader.worker(), &table);
                own.end_what_is_cut();
            }
        });
        worker.task.replace(Some(task));
        worker
    }

    /// Fails if this worker has seen what may never be seen.
    pub(crate) fn check(&self) {
        let task = self.task.borrow();
        assert!(task.as_ref().is_some_and(|task| !task.is_finished()), "a worker has failed");
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.manner.set(manner);
        self.changed.notify_one();
    }

    pub(crate) fn claim(&self, with_connection: bool) {
        if self.reader.table().services.first().is_none_or(|service| service.held.is_some()) {
            return; // a request would wait
        }
        let Some(lease) = self.reader.claim(0, &[], std::time::Instant::now()) else { return };
        let connection = with_connection.then(|| self.reader.hold_connection(&lease));
        self.held.borrow_mut().push((lease, connection));
    }

    /// Ends the oldest lease.
    pub(crate) fn release(&self) {
        let mut held = self.held.borrow_mut();
        if !held.is_empty() {
            let (lease, connection) = held.remove(0);
            drop(connection); // closed before the lease is released
            drop(lease);
        }
    }

    /// Leases and connections that are really there, whatever the books say.
    pub(crate) fn holds(&self, color: Color) -> usize {
        let held = self.held.borrow();
        let on = held.iter().filter(|(lease, _)| lease.color() == color);
        on.map(|(_, connection)| 1 + usize::from(connection.is_some())).sum()
    }

    /// Says that a connect to a target of the active color was refused.
    pub(crate) fn report_refused(&self) {
        let table = self.reader.table();
        let Some(service) = table.services.first() else { return };
        let target = service.color(service.split.stable()).targets[0].id;
        self.reader.report(Report { target, kind: ReportKind::Refused });
    }

    fn end_what_is_cut(&self) {
        self.held.borrow_mut().retain(|(lease, _)| {
            if lease.is_cut() {
                lease.count_cut(CutKind::Answering);
            }
            !lease.is_cut()
        });
    }
}

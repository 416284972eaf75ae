//! The data plane as the binary sees it: started on bound sockets, stopped gracefully.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use certificate::Challenges;
use connect::{AddressHistory, TlsConfigCache};
use preview::PreviewKeyCell;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot, watch};
use traffic::Subscription;

use crate::capacity::Capacity;
use crate::listener::{Listener, Sockets};
use crate::listener_options::ListenerOptions;
use crate::observe::Listening;
use crate::observe::access::AccessLog;
use crate::observe::follow::Followers;
use crate::observe::trace::Tracer;
use crate::queue::HoldQueues;
use crate::thread::{self, Beat, WorkerCommand};
use crate::worker::Worker;

/// The settings of the data plane besides the table.
#[derive(Clone, Debug)]
pub struct Options {
    /// Our name in `Via` and `Proxy-Status`, different from that of any other Teal.
    pub instance: String,
    /// The most client connections at once, over all workers.
    pub connections: usize,
    /// The options of the listeners, in the order of the addresses; those without are plain.
    pub listeners: Vec<ListenerOptions>,
    /// The access log; `None`: no access log.
    pub access_log: Option<AccessLog>,
    /// The tracer that exports spans; `None`: no spans.
    pub tracer: Option<Tracer>,
    /// The followers of single requests.
    pub followers: Followers,
    /// The TLS settings for targets.
    pub tls_configs: TlsConfigCache,
    /// The knowledge about the addresses of targets.
    pub history: AddressHistory,
    /// Responses to ACME challenges.
    pub challenges: Challenges,
    /// The key of preview tokens.
    pub preview_key: PreviewKeyCell,
}

/// A running data plane.
#[derive(Debug)]
pub struct Proxy {
    addresses: Vec<SocketAddr>,
    commands: watch::Sender<WorkerCommand>,
    pulse: Pulse,
    workers: Vec<(JoinHandle<()>, oneshot::Receiver<()>)>,
    report: StopReport, // of the workers that have ended
}

/// Checks that every worker still runs.
#[derive(Clone, Debug)]
pub struct Pulse {
    beats: Arc<watch::Sender<Beat>>,
    /// The number of workers that were started: one that has panicked is noticed as missing.
    workers: usize,
}

/// The outcome of stopping the workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StopReport {
    /// Workers that panicked outside of any connection.
    pub failed_workers: usize,
}

impl Proxy {
    /// Starts one thread per subscription, each with its own listening sockets.
    ///
    /// # Errors
    /// If a thread or its runtime can't be created; threads already started end again.
    pub fn start(
        sockets: Sockets,
        subscriptions: Vec<Subscription>,
        options: &Options,
    ) -> io::Result<Self> {
        let (commands, _) = watch::channel(WorkerCommand::Serve);
        let pulse =
            Pulse { beats: Arc::new(watch::Sender::new(None)), workers: subscriptions.len() };
        let capacity = Capacity::new(options.connections);
        let hold_queues = Arc::<HoldQueues>::default();
        let addresses = sockets.addresses().to_vec();
        let mut workers = Vec::new();
        for (subscription, sockets) in subscriptions.into_iter().zip(sockets.listen()?) {
            let (ended, end) = oneshot::channel();
            let beats = pulse.beats.subscribe();
            let (commands, via) = (commands.subscribe(), options.instance.clone().into_boxed_str());
            let (capacity, hold_queues) = (capacity.clone(), hold_queues.clone());
            let listening = Listening {
                access: options.access_log.clone(),
                tracer: options.tracer.clone(),
                followers: options.followers.clone(),
            };
            let listeners = options.listeners.clone();
            let own = (options.challenges.clone(), options.preview_key.clone());
            let shared = (options.tls_configs.clone(), options.history.clone());
            let name = format!("worker-{}", subscription.worker());
            let runtime =
                Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            // Check here, not on the thread, whether a runtime can be created. It must not be dropped here: the
            // caller may be inside a runtime.
            runtime?.shutdown_background();
            let thread = std::thread::Builder::new().name(name).spawn(move || {
                let _ended: oneshot::Sender<()> = ended; // dropped at the end, in whatever way
                let made =
                    Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
                let Ok(runtime) = made else { return };
                runtime.block_on(async move {
                    let listeners = sockets.into_iter().filter_map(|(place, socket)| {
                        let own = listeners.get(place).cloned().unwrap_or_default();
                        Listener::new(socket, own, capacity.clone()).ok()
                    });
                    let listeners = listeners.collect();
                    let worker = Worker::new(
                        subscription.into_reader(),
                        via,
                        hold_queues,
                        listening,
                        shared,
                        own,
                    );
                    thread::run(worker, listeners, (commands, beats)).await;
                });
            })?;
            workers.push((thread, end));
        }
        Ok(Self { addresses, commands, pulse, workers, report: StopReport::default() })
    }

    /// Returns the addresses that clients can reach.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Returns the pulse of its workers.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Leaves accepting to another Teal that has the same sockets. Open connections stay, and their answers
    /// carry `Connection: close` where possible.
    // lossless: L7 - the sockets stay open, and connections queued on them stay there.
    pub fn step_aside(&self) {
        self.commands.send_replace(WorkerCommand::StepAside);
    }

    /// Accepts again, after [`Proxy::step_aside`].
    pub fn step_back(&self) {
        self.commands.send_replace(WorkerCommand::Serve);
    }

    /// Ends when nothing is open any more, after [`Proxy::step_aside`].
    pub fn withdraw(&self) {
        self.commands.send_replace(WorkerCommand::Withdraw);
    }

    /// Accepts the queued connections, closes the listeners, and sends `Connection: close` from here on.
    pub fn leave(&self) {
        self.commands.send_replace(WorkerCommand::Leave);
    }

    /// Ends all remaining requests now. Each is in the books as aborted or answered 503.
    pub fn cut(&self) {
        self.commands.send_replace(WorkerCommand::Cut);
    }

    /// Waits until every worker has ended. Can be cancelled and called again.
    pub async fn ended(&mut self) -> StopReport {
        // A worker stays in the list while it is waited for: a cancelled wait loses none.
        while let Some((_, end)) = self.workers.last_mut() {
            let _ = end.await; // ignored: a dropped sender is the signal
            let failed = self.workers.pop().is_some_and(|(thread, _)| thread.join().is_err());
            self.report.failed_workers += usize::from(failed);
        }
        self.report
    }
}

impl Pulse {
    /// Returns true once every worker has taken a turn; false if another call has come since, or a worker is
    /// missing. Callers need a timeout.
    pub async fn felt(&self) -> bool {
        let (tell, mut felt) = mpsc::unbounded_channel();
        self.beats.send_replace(Some(tell));
        for _ in 0..self.workers {
            if felt.recv().await.is_none() {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn r73_a_worker_that_hangs_or_has_ended_is_not_felt() {
        // L10
        let pulse = Pulse { beats: Arc::new(watch::Sender::new(None)), workers: 2 };
        let (mut alive, hanging) = (pulse.beats.subscribe(), pulse.beats.subscribe());
        let answering = tokio::spawn(async move {
            while alive.changed().await.is_ok() {
                if let Some(tell) = &*alive.borrow_and_update() {
                    let _ = tell.send(()); // ignored: the caller is gone
                }
            }
        });
        let first = tokio::spawn({
            let pulse = pulse.clone();
            async move { pulse.felt().await }
        });
        tokio::task::yield_now().await;
        // The next beat ends the wait for the first one without a result.
        let second = tokio::time::timeout(Duration::from_millis(50), pulse.felt());
        assert!(second.await.is_err(), "one hangs");
        assert!(!first.await.expect("it was not cancelled"));
        drop(hanging);
        let missing = tokio::time::timeout(Duration::from_millis(50), pulse.felt()).await;
        assert_ne!(missing, Ok(true), "one is not there");
        answering.abort();
    }
}

//! The data plane as the binary sees it: started on bound sockets, stopped politely.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use certificate::Challenges;
use connect::{AddressHistory, Vault};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot, watch};
use traffic::Seat;

use crate::capacity::Capacity;
use crate::door::Door;
use crate::line::Lines;
use crate::listener::{Listener, Sockets};
use crate::observe::Listening;
use crate::observe::access::AccessLog;
use crate::observe::follow::Followers;
use crate::observe::trace::Tracer;
use crate::thread::{self, Beat, Order};
use crate::worker::Worker;

/// What the data plane has to be told besides the table.
#[derive(Clone, Debug)]
pub struct Options {
    /// Our name in `Via` and `Proxy-Status`, unlike that of any other Teal.
    pub instance: String,
    /// Client connections at once, over all workers.
    pub connections: usize,
    /// How clients come in, in the order of the addresses; what is missing is plain.
    pub doors: Vec<Door>,
    /// Where a line for each request goes; `None`: nowhere.
    pub access_log: Option<AccessLog>,
    /// Who hears of spans; `None`: nobody.
    pub tracer: Option<Tracer>,
    /// Who follows single requests.
    pub followers: Followers,
    /// What TLS to targets is made of.
    pub vault: Vault,
    /// What is known of the addresses of targets.
    pub history: AddressHistory,
    /// What authorities of certificates are answered.
    pub challenges: Challenges,
}

/// A running data plane.
#[derive(Debug)]
pub struct Proxy {
    addresses: Vec<SocketAddr>,
    orders: watch::Sender<Order>,
    pulse: Pulse,
    workers: Vec<(JoinHandle<()>, oneshot::Receiver<()>)>,
    report: StopReport, // of those that have ended
}

/// Feels whether every worker still takes its turns.
#[derive(Clone, Debug)]
pub struct Pulse {
    beats: Arc<watch::Sender<Beat>>,
    /// The number of workers that were started: one that has ended by a panic is missed.
    workers: usize,
}

/// What became of the workers when they were stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StopReport {
    /// Workers that ended by a panic outside of any connection.
    pub failed_workers: usize,
}

impl Proxy {
    /// Starts one thread per seat, each with its own listening sockets.
    ///
    /// # Errors
    /// If a thread or its runtime can't be made; those already started end again.
    pub fn start(sockets: Sockets, seats: Vec<Seat>, options: &Options) -> io::Result<Self> {
        let (orders, _) = watch::channel(Order::Serve);
        let pulse = Pulse { beats: Arc::new(watch::Sender::new(None)), workers: seats.len() };
        let capacity = Capacity::new(options.connections);
        let lines = Arc::<Lines>::default();
        let addresses = sockets.addresses().to_vec();
        let mut workers = Vec::new();
        for (seat, sockets) in seats.into_iter().zip(sockets.listen()?) {
            let (ended, end) = oneshot::channel();
            let beats = pulse.beats.subscribe();
            let (orders, via) = (orders.subscribe(), options.instance.clone().into_boxed_str());
            let (capacity, lines) = (capacity.clone(), lines.clone());
            let listening = Listening {
                access: options.access_log.clone(),
                tracer: options.tracer.clone(),
                followers: options.followers.clone(),
            };
            let (doors, challenges) = (options.doors.clone(), options.challenges.clone());
            let shared = (options.vault.clone(), options.history.clone());
            let name = format!("worker-{}", seat.worker());
            let runtime =
                Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            // Learn here, not on the thread, whether one can be made. It may not be dropped here:
            // the caller may be on a runtime of its own.
            runtime?.shutdown_background();
            let thread = std::thread::Builder::new().name(name).spawn(move || {
                let _ended: oneshot::Sender<()> = ended; // dropped at the end, whatever happens
                let made =
                    Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
                let Ok(runtime) = made else { return };
                runtime.block_on(async move {
                    let listeners = sockets.into_iter().filter_map(|(place, socket)| {
                        let door = doors.get(place).cloned().unwrap_or_default();
                        Listener::new(socket, door, capacity.clone()).ok()
                    });
                    let listeners = listeners.collect();
                    let worker = Worker::new(seat.sit(), via, lines, listening, shared, challenges);
                    thread::run(worker, listeners, (orders, beats)).await;
                });
            })?;
            workers.push((thread, end));
        }
        Ok(Self { addresses, orders, pulse, workers, report: StopReport::default() })
    }

    /// The addresses that clients can reach.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The pulse of its workers.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Leaves accepting to another Teal that has the same sockets. What is open goes on, and says
    /// `Connection: close` when it can.
    // lossless: L7 - the sockets stay open, and what is queued on them stays there.
    pub fn step_aside(&self) {
        self.orders.send_replace(Order::StepAside);
    }

    /// Accepts again, after [`Proxy::step_aside`].
    pub fn step_back(&self) {
        self.orders.send_replace(Order::Serve);
    }

    /// Ends when nothing is open any more, after [`Proxy::step_aside`].
    pub fn withdraw(&self) {
        self.orders.send_replace(Order::Withdraw);
    }

    /// Takes what is queued, closes the listeners, and says `Connection: close` from here on.
    pub fn leave(&self) {
        self.orders.send_replace(Order::Leave);
    }

    /// Ends what is left now. Each cut request is in the books as aborted or answered 503.
    pub fn cut(&self) {
        self.orders.send_replace(Order::Cut);
    }

    /// Waits until every worker has ended. Whoever gives up waiting may ask again.
    pub async fn ended(&mut self) -> StopReport {
        // A worker stays in the list while it is waited for: a wait that is given up loses none.
        while let Some((_, end)) = self.workers.last_mut() {
            let _ = end.await; // ignored: a dropped sender is the signal
            let failed = self.workers.pop().is_some_and(|(thread, _)| thread.join().is_err());
            self.report.failed_workers += usize::from(failed);
        }
        self.report
    }
}

impl Pulse {
    /// Returns true once every worker has taken a turn; false if another beat has come since or not all of
    /// them are there. Whoever waits for it has to give up at some time.
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
                    let _ = tell.send(()); // ignored: nobody asks any more
                }
            }
        });
        let first = tokio::spawn({
            let pulse = pulse.clone();
            async move { pulse.felt().await }
        });
        tokio::task::yield_now().await;
        // The next beat ends the wait for the first one: that is no sign of life.
        let second = tokio::time::timeout(Duration::from_millis(50), pulse.felt());
        assert!(second.await.is_err(), "one hangs");
        assert!(!first.await.expect("it was not cancelled"));
        drop(hanging);
        let missing = tokio::time::timeout(Duration::from_millis(50), pulse.felt()).await;
        assert_ne!(missing, Ok(true), "one is not there");
        answering.abort();
    }
}

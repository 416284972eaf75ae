//! A race between the addresses of one name (RFC 8305): the next one starts 250 ms after the one before,
//! or as soon as one fails; the first that connects wins, and the others are dropped.
//!
//! Guaranteed: when a race is over, none of its connects is still pending (promise L4).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::dial_error::DialError;
use crate::history::{AddressHistory, Candidate, Outcome};

/// The time after which the next address is tried as well (RFC 8305 section 5).
pub(crate) const STAGGER: Duration = Duration::from_millis(250);

/// The most connects at once; beyond it the oldest is given up.
const AT_ONCE: usize = 8;

/// The remaining addresses of a name, and the failure of those that were tried.
#[derive(Debug)]
pub(crate) struct Race<'h> {
    history: &'h AddressHistory,
    left: VecDeque<Candidate>,
    /// The most informative failure.
    failure: Option<DialError>,
    /// True if at least one address was not known to be silent at the start.
    hope: bool,
}

struct Attempt<F> {
    candidate: Candidate,
    began: Instant,
    connect: Pin<Box<F>>,
}

impl<'h> Race<'h> {
    pub(crate) fn new(history: &'h AddressHistory, addresses: &[SocketAddr]) -> Self {
        let left = VecDeque::from(history.order(addresses));
        let hope = left.iter().any(|candidate| candidate.outcome != Outcome::Silent);
        Self { history, left, failure: None, hope }
    }

    /// Returns true if no other address is left.
    pub(crate) fn is_last(&self) -> bool {
        self.left.is_empty()
    }

    /// Returns the first remaining address that connects. May be called again if its winner turns out useless.
    // lossless: L4 - the connects live in this future and are closed before it is done. L10.
    pub(crate) async fn next<S, F>(
        &mut self,
        connect: impl Fn(SocketAddr) -> F,
        deadline: Instant,
    ) -> Result<(S, SocketAddr), DialError>
    where
        F: Future<Output = io::Result<S>>,
    {
        let first = self.left.front().copied();
        let mut attempts: Vec<Attempt<F>> = Vec::new();
        let (mut limit, mut due) = (deadline, Instant::now());
        loop {
            let began = Instant::now();
            let hopeless = self.is_hopeless(&attempts);
            if hopeless && limit == deadline {
                // Addresses known to be silent get one last try, and no more.
                limit = deadline.min(began + STAGGER);
            }
            while hopeless || began >= due || attempts.is_empty() {
                let Some(candidate) = self.left.pop_front() else { break };
                if attempts.len() == AT_ONCE {
                    self.give_up(attempts.remove(0).candidate);
                }
                let connect = Box::pin(connect(candidate.address));
                attempts.push(Attempt { candidate, began, connect });
                due = began + STAGGER;
            }
            if attempts.is_empty() {
                return Err(self.failure.take().unwrap_or(DialError::NoAddress));
            }
            let wake = if self.left.is_empty() { limit } else { due.min(limit) };
            match timeout_at(wake, any(&mut attempts)).await {
                Ok((won, Ok(stream))) => {
                    let winner = attempts.remove(won).candidate;
                    self.won(winner, first, attempts);
                    return Ok((stream, winner.address));
                }
                Ok((lost, Err(error))) => {
                    let lost = attempts.remove(lost).candidate;
                    let error = DialError::from(error);
                    if error.is_exhaustion() {
                        return Err(error); // no other address would do better
                    }
                    due = Instant::now();
                    self.failed(lost.address, error);
                }
                Err(_) if Instant::now() >= limit => {
                    for attempt in &attempts {
                        self.outlasted(attempt);
                    }
                    let known = self.failure.take().filter(|_| limit < deadline);
                    return Err(known.unwrap_or(DialError::TimedOut));
                }
                Err(_) => {} // start the next one
            }
        }
    }

    /// Records that an address does not work now, and why.
    pub(crate) fn failed(&mut self, address: SocketAddr, error: DialError) {
        if !error.is_local() {
            let silent = matches!(error, DialError::TimedOut | DialError::HandshakeTimedOut);
            let outcome = if silent { Outcome::Silent } else { Outcome::Failed };
            self.history.note(address, outcome);
        }
        if self.failure.as_ref().is_none_or(|known| known.weight() <= error.weight()) {
            self.failure = Some(error);
        }
    }

    /// The most informative failure, once no address is left.
    pub(crate) fn into_failure(self) -> DialError {
        self.failure.unwrap_or(DialError::NoAddress)
    }

    /// Returns true if all that could have answered have failed, and only silent ones are left.
    fn is_hopeless<F>(&self, attempts: &[Attempt<F>]) -> bool {
        let under_way = attempts.iter().map(|attempt| &attempt.candidate);
        self.hope
            && self.failure.is_some()
            && self.left.iter().chain(under_way).all(|other| other.outcome == Outcome::Silent)
    }

    /// Puts the others back, in case the winner turns out useless.
    fn won<F>(&mut self, winner: Candidate, first: Option<Candidate>, attempts: Vec<Attempt<F>>) {
        // A first choice without known failures that worked is not worth recording.
        if first != Some(winner) || winner.outcome > Outcome::Unknown {
            self.history.note(winner.address, Outcome::Worked);
        }
        for attempt in attempts {
            self.outlasted(&attempt);
            let Candidate { address, outcome } = attempt.candidate;
            let late = attempt.began.elapsed() >= STAGGER;
            let outcome = if late { Outcome::Silent } else { outcome };
            self.left.push_back(Candidate { address, outcome });
        }
    }

    /// An attempt that has had its time counts as silent.
    fn outlasted<F>(&self, attempt: &Attempt<F>) {
        if attempt.began.elapsed() >= STAGGER {
            self.give_up(attempt.candidate);
        }
    }

    fn give_up(&self, candidate: Candidate) {
        self.history.note(candidate.address, Outcome::Silent);
    }
}

/// The index and result of the first of these to finish.
async fn any<S, F: Future<Output = io::Result<S>>>(
    attempts: &mut [Attempt<F>],
) -> (usize, io::Result<S>) {
    poll_fn(|cx| {
        for (place, attempt) in attempts.iter_mut().enumerate() {
            if let Poll::Ready(done) = attempt.connect.as_mut().poll(cx) {
                return Poll::Ready((place, done));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use tokio::time::sleep;

    const MS: Duration = Duration::from_millis(1);

    /// The scripted behavior of an address: a connection or a failure, after so long.
    #[derive(Clone, Copy)]
    enum Does {
        Take(u32),
        Fail(u32, i32),
        Nothing,
    }

    use Does::{Fail, Nothing, Take};

    const REFUSED: i32 = 111;
    const TOO_MANY_FILES: i32 = 24;
    const NO_LOCAL_PORT: i32 = 99;

    struct Open(Rc<Cell<u32>>);

    impl Drop for Open {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    /// A network in which address `n` behaves as entry `n` says; records when each was tried, and how many
    /// connects are pending.
    #[derive(Default)]
    struct Net {
        does: Vec<Does>,
        tried: RefCell<Vec<(usize, u128)>>,
        open: Rc<Cell<u32>>,
        most: Cell<u32>,
    }

    fn at(number: usize) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, number as u8], 80))
    }

    impl Net {
        fn of(does: &[Does]) -> Self {
            Self { does: does.to_vec(), ..Self::default() }
        }

        /// Dials, and returns the result, the time in milliseconds, and the addresses it tried with their times.
        async fn dial(
            &self,
            history: &AddressHistory,
        ) -> (Result<usize, String>, u128, Vec<(usize, u128)>) {
            let addresses: Vec<_> = (0..self.does.len()).map(at).collect();
            let mut race = Race::new(history, &addresses);
            let began = Instant::now();
            self.tried.borrow_mut().clear();
            let connect = |address: SocketAddr| {
                let number = addresses.iter().position(|other| *other == address).expect("known");
                self.tried.borrow_mut().push((number, began.elapsed().as_millis()));
                self.open.set(self.open.get() + 1);
                self.most.set(self.most.get().max(self.open.get()));
                let (open, does) = (Open(self.open.clone()), self.does[number]);
                async move {
                    let _open = open;
                    match does {
                        Take(after) => sleep(MS * after).await, // by the paused clock: it scripts the net
                        Fail(after, code) => {
                            sleep(MS * after).await; // the same
                            return Err(io::Error::from_raw_os_error(code));
                        }
                        Nothing => std::future::pending().await,
                    }
                    Ok(number)
                }
            };
            let won = race.next(connect, began + MS * 2000).await;
            assert_eq!(self.open.get(), 0, "no connect outlives its race (L4)");
            let won = won.map(|(number, _)| number).map_err(|error| error.to_string());
            (won, began.elapsed().as_millis(), self.tried.borrow().clone())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn r53_a_silent_address_costs_250_ms_once() {
        // L4
        let (history, net) = (AddressHistory::default(), Net::of(&[Nothing, Take(1)]));
        assert_eq!(net.dial(&history).await, (Ok(1), 251, vec![(0, 0), (1, 250)]));
        for _ in 0..3 {
            assert_eq!(net.dial(&history).await, (Ok(1), 1, vec![(1, 0)]), "the one that worked");
        }
        // The other order costs nothing at all.
        let net = Net::of(&[Take(1), Nothing]);
        assert_eq!(net.dial(&AddressHistory::default()).await, (Ok(0), 1, vec![(0, 0)]));
    }

    #[tokio::test(start_paused = true)]
    async fn r53_the_next_starts_at_once_when_one_fails() {
        let history = AddressHistory::default();
        let net = Net::of(&[Fail(2, REFUSED), Fail(3, REFUSED), Take(1)]);
        assert_eq!(net.dial(&history).await, (Ok(2), 6, vec![(0, 0), (1, 2), (2, 5)]));
        assert_eq!(net.dial(&history).await, (Ok(2), 1, vec![(2, 0)]));
        let none = Net::of(&[Fail(1, REFUSED), Fail(1, REFUSED)]);
        let refused = Err("connection refused".to_owned());
        assert_eq!(none.dial(&AddressHistory::default()).await.0, refused);
    }

    #[tokio::test(start_paused = true)]
    async fn r53_a_slow_address_that_answers_first_wins_and_the_others_are_dropped() {
        let net = Net::of(&[Take(400), Take(200), Nothing]);
        let tried = vec![(0, 0), (1, 250)];
        assert_eq!(net.dial(&AddressHistory::default()).await, (Ok(0), 400, tried));
    }

    #[tokio::test(start_paused = true)]
    async fn r53_nothing_waits_for_an_address_that_is_known_to_be_silent() {
        let history = AddressHistory::default();
        let net = Net::of(&[Nothing, Take(1)]);
        assert_eq!(net.dial(&history).await.0, Ok(1));
        // The good one refuses now: that is reported after one last try of the other, not at the deadline.
        let net = Net::of(&[Nothing, Fail(0, REFUSED)]);
        let (said, after, tried) = net.dial(&history).await;
        assert_eq!((said, after), (Err("connection refused".to_owned()), 250));
        assert_eq!(tried, [(1, 0), (0, 0)]);
        // And it is used at once if it has come back meanwhile.
        let net = Net::of(&[Take(5), Fail(0, REFUSED)]);
        assert_eq!(net.dial(&history).await.0, Ok(0));
    }

    #[tokio::test(start_paused = true)]
    async fn r53_all_silent_is_a_timeout_and_the_deadline_holds() {
        // L10
        let (history, net) = (AddressHistory::default(), Net::of(&[Nothing; 3]));
        for _ in 0..2 {
            let (said, after, tried) = net.dial(&history).await;
            assert_eq!((said, after), (Err("timed out while connecting".to_owned()), 2000));
            assert_eq!(tried.len(), 3, "each is tried");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn r53_many_silent_addresses_are_not_all_under_way_at_once() {
        let mut does = vec![Nothing; 20];
        does.push(Take(0));
        let net = Net::of(&does);
        let history = AddressHistory::default();
        let mut dials = 0;
        while net.dial(&history).await.0 != Ok(20) {
            dials += 1;
            assert!(dials < 5, "it is found");
        }
        assert!(net.most.get() <= AT_ONCE as u32, "{}", net.most.get());
        assert_eq!(net.dial(&history).await.1, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn r53_a_failure_of_this_machine_is_held_against_no_address() {
        let history = AddressHistory::default();
        let net = Net::of(&[Fail(0, TOO_MANY_FILES), Take(1)]);
        let (said, _, tried) = net.dial(&history).await;
        assert!(said.is_err_and(|why| why.contains("Too many open files")));
        assert_eq!(tried.len(), 1, "no other would do better");
        let net = Net::of(&[Fail(0, NO_LOCAL_PORT), Take(1)]);
        assert_eq!(net.dial(&history).await.0, Ok(1), "perhaps there is a port for the other");
        assert!(history.retries(&[at(0), at(1)]).is_empty());
    }
}

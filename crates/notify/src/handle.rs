//! Access to the notifications from other threads: their status, and tests of endpoints.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::endpoint::EndpointStatus;

/// The time limit for a test: that of a try, and a little for the thread to begin it.
// lossless: L10
const TEST_WITHIN: Duration = Duration::from_secs(15);

/// The access to the notifications of a Teal. Clones are the same access.
#[derive(Clone, Debug)]
pub struct Handle {
    statuses: watch::Receiver<Vec<EndpointStatus>>,
    commands: mpsc::Sender<TestCommand>,
}

/// The result of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestResult {
    /// The status of the answer; `None`: there was none.
    pub status: Option<u16>,
    /// The time that it took.
    pub took: Duration,
    /// The reason why the message was not delivered; `None`: it was.
    pub problem: Option<String>,
}

/// The reason why there was no test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestRefused {
    /// There is no such endpoint; these are all.
    Unknown(Vec<String>),
    /// Nothing is sent at present, for this reason.
    NotNow(&'static str),
}

/// A test to be made.
#[derive(Debug)]
pub(crate) struct TestCommand {
    pub(crate) endpoint: String,
    pub(crate) answer: oneshot::Sender<Result<TestResult, TestRefused>>,
}

impl Handle {
    pub(crate) fn new(
        statuses: watch::Receiver<Vec<EndpointStatus>>,
        commands: mpsc::Sender<TestCommand>,
    ) -> Self {
        Self { statuses, commands }
    }

    /// The access to nothing: there are no endpoints.
    pub fn none() -> Self {
        let (commands, _) = mpsc::channel(1);
        Self { statuses: watch::Sender::new(Vec::new()).subscribe(), commands }
    }

    /// Returns the status of each endpoint, in the order of the configuration.
    pub fn statuses(&self) -> Vec<EndpointStatus> {
        self.statuses.borrow().clone()
    }

    /// Sends a test message to an endpoint now, whatever waits for it, and waits for the result.
    ///
    /// # Errors
    /// The reason why there was no test.
    pub async fn test(&self, endpoint: &str) -> Result<TestResult, TestRefused> {
        const BUSY: TestRefused =
            TestRefused::NotNow("the notifications of this Teal are busy or have ended");
        let (answer, answered) = oneshot::channel();
        let command = TestCommand { endpoint: endpoint.to_owned(), answer };
        let asked = async {
            self.commands.send(command).await.map_err(|_| BUSY)?;
            answered.await.map_err(|_| BUSY)?
        };
        timeout(TEST_WITHIN, asked).await.unwrap_or(Err(BUSY))
    }
}

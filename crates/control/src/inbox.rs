//! The closed list of everything that may wake the controller, and the handle that others ask
//! through.
//!
//! A caller that goes away cancels nothing: the controller owns what it has begun, and an
//! answer that nobody waits for is dropped.

use rules::{Color, Deed, Generation, Receipt, Refusal, ServiceName};
use tokio::sync::{mpsc, oneshot};

use crate::ask::{
    ColorDrained, HoldAsk, HoldInForce, ReloadAsk, Reloaded, Reloader, ResumeAsk, Resumed,
    Selection, SwitchAsk, Switched, UpgradeAsk, Upgraded,
};
use crate::core::Frozen;
use crate::news::{NewsDesk, NewsReader};
use crate::view::{MetricsSnapshot, MetricsSource, Status};

/// Where the answer goes.
pub type Reply<T> = oneshot::Sender<T>;

/// An answer, or a no with its reason.
pub type Answer<T> = Result<T, Refusal>;

/// Everything that may wake the controller.
#[derive(Debug)]
pub enum Input {
    /// What is going on?
    Status(Selection, Reply<Answer<Status>>),
    /// Move services to a color. Answered when published, already there, or refused.
    Switch(SwitchAsk, Reply<Answer<Vec<Switched>>>),
    /// Keep new requests waiting. Answered when every worker does.
    Hold(HoldAsk, Reply<Answer<HoldInForce>>),
    /// Let waiting requests go. Answered when every worker does.
    Resume(ResumeAsk, Reply<Answer<Resumed>>),
    /// Read the configuration again. Answered when it is in force.
    Reload(ReloadAsk, Reply<Answer<Reloaded>>),
    /// Read the files that the configuration names again, without the configuration itself.
    Renew(Reloader, Reply<Answer<Reloaded>>),
    /// Have this Teal replaced. Answered when the newer one serves.
    Upgrade(UpgradeAsk, Reply<Answer<Upgraded>>),
    /// What was decided, oldest first?
    History(Reply<Vec<Deed>>),
    /// The receipts of this generation; `None`: the newest.
    Receipts(Option<Generation>, Reply<Answer<Vec<Receipt>>>),
    /// Answered when nothing holds this color any more.
    WaitDrained(Option<ServiceName>, Color, Reply<Answer<ColorDrained>>),
    /// Lay the charge down for a newer Teal. Answered when no drain is under way.
    Freeze(Reply<Answer<Frozen>>),
    /// Where the sums of all books can be read, by any thread.
    Metrics(Reply<MetricsSource>),
    /// Whether the first table is acknowledged by every worker.
    Ready(Reply<bool>),
    /// End: finish the change in hand, refuse others.
    Stop(Reply<()>),
}

/// The way to the controller. Clones lead to the same one.
#[derive(Clone, Debug)]
pub struct Handle {
    inputs: mpsc::Sender<Input>,
    news: NewsDesk,
}

/// The controller's end.
#[derive(Debug)]
pub struct Inbox {
    inputs: mpsc::Receiver<Input>,
    news: NewsDesk,
}

// Asks are answered in microseconds; what waits for long does so outside of the queue.
const ROOM: usize = 256;

// === impl Handle ===

impl Handle {
    /// The two ends.
    pub fn pair() -> (Self, Inbox) {
        let (send, inputs) = mpsc::channel(ROOM);
        let news = NewsDesk::new();
        (Self { inputs: send, news: news.clone() }, Inbox { inputs, news })
    }

    /// What is going on.
    pub async fn status(&self) -> Answer<Status> {
        self.status_of(Selection::default()).await
    }

    /// What is going on with these services.
    pub async fn status_of(&self, selection: Selection) -> Answer<Status> {
        self.ask(|reply| Input::Status(selection, reply)).await?
    }

    /// Moves a service or a group to a color, or back to the previous one. The answer comes when
    /// it is published, one for each service; the drain is watched through it.
    pub async fn switch(&self, ask: SwitchAsk) -> Answer<Vec<Switched>> {
        self.ask(|reply| Input::Switch(ask, reply)).await?
    }

    /// Keeps new requests of a service waiting.
    pub async fn hold(&self, ask: HoldAsk) -> Answer<HoldInForce> {
        self.ask(|reply| Input::Hold(ask, reply)).await?
    }

    /// Lets the waiting requests of a service go.
    pub async fn resume(&self, ask: ResumeAsk) -> Answer<Resumed> {
        self.ask(|reply| Input::Resume(ask, reply)).await?
    }

    /// Reads the configuration again and puts it in force, or changes nothing.
    pub async fn reload(&self, ask: ReloadAsk) -> Answer<Reloaded> {
        self.ask(|reply| Input::Reload(ask, reply)).await?
    }

    /// Puts in force what this reads, as a reload does, for Teal itself. Refused while a reload is under
    /// way.
    pub async fn renew(&self, reader: Reloader) -> Answer<Reloaded> {
        self.ask(|reply| Input::Renew(reader, reply)).await?
    }

    /// Has this Teal replaced by one from the binary on the disk.
    pub async fn upgrade(&self, ask: UpgradeAsk) -> Answer<Upgraded> {
        self.ask(|reply| Input::Upgrade(ask, reply)).await?
    }

    /// What was decided, oldest first.
    pub async fn history(&self) -> Answer<Vec<Deed>> {
        self.ask(Input::History).await
    }

    /// The receipts of a generation, one for each service that it moved; never empty. `None`: the
    /// newest.
    pub async fn receipts(&self, generation: Option<Generation>) -> Answer<Vec<Receipt>> {
        self.ask(|reply| Input::Receipts(generation, reply)).await?
    }

    /// Waits until nothing holds a color any more. The caller brings the deadline.
    pub async fn wait_drained(
        &self,
        service: Option<ServiceName>,
        color: Color,
    ) -> Answer<ColorDrained> {
        self.ask(|reply| Input::WaitDrained(service, color, reply)).await?
    }

    /// Lays the charge down for a newer Teal, between two changes.
    pub async fn freeze(&self) -> Answer<Frozen> {
        self.ask(Input::Freeze).await?
    }

    /// Where the sums of all books can be read, by any thread.
    pub async fn metrics_source(&self) -> Answer<MetricsSource> {
        self.ask(Input::Metrics).await
    }

    /// The sums of all books, read by this thread.
    pub async fn metrics(&self) -> Answer<MetricsSnapshot> {
        Ok(self.metrics_source().await?.read())
    }

    /// Whether the first table is acknowledged by every worker.
    pub async fn is_ready(&self) -> bool {
        self.ask(Input::Ready).await.unwrap_or(false)
    }

    /// Ends the controller: the change in hand is finished, others are refused. Returns when
    /// the journal is at rest.
    pub async fn stop(&self) {
        let _already_stopped = self.ask(Input::Stop).await;
    }

    /// Follows what happens after the item `after`; `None`: from now on.
    pub fn news(&self, after: Option<u64>) -> NewsReader {
        self.news.follow(after)
    }

    async fn ask<T>(&self, input: impl FnOnce(Reply<T>) -> Input) -> Answer<T> {
        let (reply, answer) = oneshot::channel();
        self.inputs.send(input(reply)).await.map_err(|_| Refusal::Stopping)?;
        answer.await.map_err(|_| Refusal::Stopping)
    }
}

// === impl Inbox ===

impl Inbox {
    /// The next input; `None` when every handle is gone.
    pub async fn next(&mut self) -> Option<Input> {
        self.inputs.recv().await
    }

    /// Where news is printed.
    pub fn news(&self) -> &NewsDesk {
        &self.news
    }
}

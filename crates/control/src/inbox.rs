//! The closed list of all inputs of the controller, and the handle through which others call
//! it.
//!
//! A caller that disconnects cancels nothing: the controller owns what it has begun, and an
//! answer without a receiver is dropped.

use rules::{Color, Generation, HistoryEntry, Receipt, Refusal, ServiceName, Tell};
use tokio::sync::{mpsc, oneshot};

use crate::core::Frozen;
use crate::events::{EventBuffer, EventReader};
use crate::request::{
    BeginDeployRequest, ColorDrained, ColorRetired, DeploySelection, DryRunOutcome, DryRunRequest,
    HoldInForce, HoldRequest, MaintenanceInForce, MaintenanceRequest, PreviewGrant, PreviewRequest,
    PreviewsRevoked, ReloadRequest, Reloaded, Reloader, ReportDeployRequest, ResumeRequest,
    Resumed, RetireRequest, RevokePreviewsRequest, RolloutSelection, Selection, SeriesRequest,
    SwitchRequest, Switched, TargetsInForce, UpgradeRequest, Upgraded,
};
use crate::view::{
    DeployStatus, MetricsSnapshot, MetricsSource, RolloutStatus, SeriesView, Status,
};

/// The channel for an answer.
pub type Reply<T> = oneshot::Sender<T>;

/// An answer, or a refusal with its reason.
pub type Answer<T> = Result<T, Refusal>;

/// An input of the controller.
#[derive(Debug)]
pub enum Input {
    /// Returns the status.
    Status(Selection, Reply<Answer<Status>>),
    /// Returns the recent traffic of services.
    Series(SeriesRequest, Reply<Answer<SeriesView>>),
    /// Switches services to a color. Answered when published, already there, or refused.
    Switch(SwitchRequest, Reply<Answer<Vec<Switched>>>),
    /// Holds new requests. Answered when every worker holds them.
    Hold(HoldRequest, Reply<Answer<HoldInForce>>),
    /// Releases waiting requests. Answered when every worker has released them.
    Resume(ResumeRequest, Reply<Answer<Resumed>>),
    /// Tells what a call would do.
    DryRun(DryRunRequest, Reply<Answer<DryRunOutcome>>),
    /// Begins, changes or ends a maintenance. Answered when every worker has it.
    Maintenance(MaintenanceRequest, Reply<Answer<MaintenanceInForce>>),
    /// Returns what a preview of the idle color is made of.
    Preview(PreviewRequest, Reply<Answer<PreviewGrant>>),
    /// Revokes preview tokens. Answered when every worker refuses them.
    RevokePreviews(RevokePreviewsRequest, Reply<Answer<PreviewsRevoked>>),
    /// Reloads the configuration. Answered when it is in force.
    Reload(ReloadRequest, Reply<Answer<Reloaded>>),
    /// Reloads the files that the configuration names, without the configuration itself.
    Renew(Reloader, Reply<Answer<Reloaded>>),
    /// Begins a deploy. Answered when its record is durable.
    BeginDeploy(BeginDeployRequest, Reply<Answer<DeployStatus>>),
    /// Takes a report about a deploy. Answered when it is durable.
    ReportDeploy(ReportDeployRequest, Reply<Answer<DeployStatus>>),
    /// Retires a color. Answered when that is durable.
    Retire(RetireRequest, Reply<Answer<ColorRetired>>),
    /// Uses other targets for a color that is left to a runner. Answered when every worker has them.
    Targets(Tell, Reply<Answer<TargetsInForce>>),
    /// Returns the selected deploys, newest first.
    Deploys(DeploySelection, Reply<Answer<Vec<DeployStatus>>>),
    /// Returns the selected rollouts, newest first.
    Rollouts(RolloutSelection, Reply<Answer<Vec<RolloutStatus>>>),
    /// Replaces this Teal. Answered when the newer one serves.
    Upgrade(UpgradeRequest, Reply<Answer<Upgraded>>),
    /// Returns the decisions, oldest first.
    History(Reply<Vec<HistoryEntry>>),
    /// Returns the receipts of this generation; `None`: the newest.
    Receipts(Option<Generation>, Reply<Answer<Vec<Receipt>>>),
    /// Waits until nothing holds this color any more.
    WaitDrained(Option<ServiceName>, Color, Reply<Answer<ColorDrained>>),
    /// Hands control over to a newer Teal. Answered when no drain is in progress.
    Freeze(Reply<Answer<Frozen>>),
    /// Returns a handle for reading the sums of all counters from any thread.
    Metrics(Reply<Answer<MetricsSource>>),
    /// Returns true if the first table is acknowledged by every worker.
    Ready(Reply<bool>),
    /// Ends the controller: finishes the change in progress and refuses others.
    Stop(Reply<()>),
}

/// A handle to the controller. Clones lead to the same one.
#[derive(Clone, Debug)]
pub struct Handle {
    inputs: mpsc::Sender<Input>,
    events: EventBuffer,
}

/// The controller's end.
#[derive(Debug)]
pub struct Inbox {
    inputs: mpsc::Receiver<Input>,
    events: EventBuffer,
}

// Calls are taken within microseconds; long waits happen outside the queue.
const ROOM: usize = 256;

// === impl Handle ===

impl Handle {
    /// Creates both ends.
    pub fn pair() -> (Self, Inbox) {
        let (send, inputs) = mpsc::channel(ROOM);
        let events = EventBuffer::new();
        (Self { inputs: send, events: events.clone() }, Inbox { inputs, events })
    }

    /// Returns the status.
    pub async fn status(&self) -> Answer<Status> {
        self.status_of(Selection::default()).await
    }

    /// Returns the status of these services.
    pub async fn status_of(&self, selection: Selection) -> Answer<Status> {
        self.ask(|reply| Input::Status(selection, reply)).await?
    }

    /// Returns the recent traffic of services.
    pub async fn series(&self, request: SeriesRequest) -> Answer<SeriesView> {
        self.ask(|reply| Input::Series(request, reply)).await?
    }

    /// Switches a service or a group to a color, or back to the previous one. The answer comes when
    /// the switch is published, one for each service, with a view of the drain.
    pub async fn switch(&self, request: SwitchRequest) -> Answer<Vec<Switched>> {
        self.ask(|reply| Input::Switch(request, reply)).await?
    }

    /// Holds new requests of a service.
    pub async fn hold(&self, request: HoldRequest) -> Answer<HoldInForce> {
        self.ask(|reply| Input::Hold(request, reply)).await?
    }

    /// Releases the waiting requests of a service.
    pub async fn resume(&self, request: ResumeRequest) -> Answer<Resumed> {
        self.ask(|reply| Input::Resume(request, reply)).await?
    }

    /// Tells what a call would do, and changes nothing.
    pub async fn dry_run(&self, request: DryRunRequest) -> Answer<DryRunOutcome> {
        self.ask(|reply| Input::DryRun(request, reply)).await?
    }

    /// Begins, changes or ends a maintenance of services.
    pub async fn maintain(&self, request: MaintenanceRequest) -> Answer<MaintenanceInForce> {
        self.ask(|reply| Input::Maintenance(request, reply)).await?
    }

    /// Grants a preview of the idle color of a service.
    pub async fn preview(&self, request: PreviewRequest) -> Answer<PreviewGrant> {
        self.ask(|reply| Input::Preview(request, reply)).await?
    }

    /// Revokes the preview tokens of a service.
    pub async fn revoke_previews(&self, request: RevokePreviewsRequest) -> Answer<PreviewsRevoked> {
        self.ask(|reply| Input::RevokePreviews(request, reply)).await?
    }

    /// Reloads the configuration, or changes nothing.
    pub async fn reload(&self, request: ReloadRequest) -> Answer<Reloaded> {
        self.ask(|reply| Input::Reload(request, reply)).await?
    }

    /// Applies what `reader` reads, as a reload does, for Teal itself. Refused while a reload is in
    /// progress.
    pub async fn renew(&self, reader: Reloader) -> Answer<Reloaded> {
        self.ask(|reply| Input::Renew(reader, reply)).await?
    }

    /// Makes the record of a deploy, which locks its services for other deploys.
    pub async fn begin_deploy(&self, request: BeginDeployRequest) -> Answer<DeployStatus> {
        self.ask(|reply| Input::BeginDeploy(request, reply)).await?
    }

    /// Reports the progress of a deploy, or that its command line is alive.
    pub async fn report_deploy(&self, request: ReportDeployRequest) -> Answer<DeployStatus> {
        self.ask(|reply| Input::ReportDeploy(request, reply)).await?
    }

    /// Sends nothing to a color any more, until a switch or a deploy to it.
    pub async fn retire(&self, request: RetireRequest) -> Answer<ColorRetired> {
        self.ask(|reply| Input::Retire(request, reply)).await?
    }

    /// Uses other targets for a color that is left to a runner, or changes nothing.
    pub async fn tell_targets(&self, request: Tell) -> Answer<TargetsInForce> {
        self.ask(|reply| Input::Targets(request, reply)).await?
    }

    /// Returns the selected deploys, newest first.
    pub async fn deploys(&self, selection: DeploySelection) -> Answer<Vec<DeployStatus>> {
        self.ask(|reply| Input::Deploys(selection, reply)).await?
    }

    /// Returns the selected rollouts, newest first.
    pub async fn rollouts(&self, selection: RolloutSelection) -> Answer<Vec<RolloutStatus>> {
        self.ask(|reply| Input::Rollouts(selection, reply)).await?
    }

    /// Replaces this Teal with a new process of the binary on disk.
    pub async fn upgrade(&self, request: UpgradeRequest) -> Answer<Upgraded> {
        self.ask(|reply| Input::Upgrade(request, reply)).await?
    }

    /// Returns the decisions, oldest first.
    pub async fn history(&self) -> Answer<Vec<HistoryEntry>> {
        self.ask(Input::History).await
    }

    /// Returns the receipts of a generation, one for each service that it moved; never empty. `None`: the
    /// newest.
    pub async fn receipts(&self, generation: Option<Generation>) -> Answer<Vec<Receipt>> {
        self.ask(|reply| Input::Receipts(generation, reply)).await?
    }

    /// Waits until nothing holds a color any more. The caller sets the deadline.
    pub async fn wait_drained(
        &self,
        service: Option<ServiceName>,
        color: Color,
    ) -> Answer<ColorDrained> {
        self.ask(|reply| Input::WaitDrained(service, color, reply)).await?
    }

    /// Hands control over to a newer Teal, between two changes.
    pub async fn freeze(&self) -> Answer<Frozen> {
        self.ask(Input::Freeze).await?
    }

    /// Returns a handle for reading the sums of all counters from any thread.
    pub async fn metrics_source(&self) -> Answer<MetricsSource> {
        self.ask(Input::Metrics).await?
    }

    /// Returns the sums of all counters, read by this thread.
    pub async fn metrics(&self) -> Answer<MetricsSnapshot> {
        Ok(self.metrics_source().await?.read())
    }

    /// Returns true if the first table is acknowledged by every worker.
    pub async fn is_ready(&self) -> bool {
        self.ask(Input::Ready).await.unwrap_or(false)
    }

    /// Ends the controller: the change in progress is finished, others are refused. Returns when
    /// the journal is at rest.
    pub async fn stop(&self) {
        let _already_stopped = self.ask(Input::Stop).await;
    }

    /// Follows events after the one with the id `after`; `None`: from now on.
    pub fn events(&self, after: Option<u64>) -> EventReader {
        self.events.follow(after)
    }

    async fn ask<T>(&self, input: impl FnOnce(Reply<T>) -> Input) -> Answer<T> {
        let (reply, answer) = oneshot::channel();
        self.inputs.send(input(reply)).await.map_err(|_| Refusal::Stopping)?;
        answer.await.map_err(|_| Refusal::Stopping)
    }
}

// === impl Inbox ===

impl Inbox {
    /// Waits for the next input; `None` when every handle has been dropped.
    pub async fn next(&mut self) -> Option<Input> {
        self.inputs.recv().await
    }

    /// Returns the publisher of events.
    pub fn events(&self) -> &EventBuffer {
        &self.events
    }
}

//! Notifications under test: the configuration, a source that tests feed, and the state directory.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use config::{Environment, Notify};
use notify::{Context, EndpointStatus, Notice, Notifier, Source};
use rules::{NotifiedEvent, Time};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Notifications that run.
pub(crate) struct Running {
    notifier: Option<Notifier>,
    feed: mpsc::UnboundedSender<Notice>,
    endpoints: Arc<Mutex<Vec<Notify>>>,
    reloads: watch::Sender<()>,
    pub(crate) in_control: watch::Sender<bool>,
}

/// A source of what a test feeds, which recovers what it is told.
struct Fed {
    notices: mpsc::UnboundedReceiver<Notice>,
    journal: Arc<Mutex<Vec<Notice>>>,
    recovered: VecDeque<Notice>,
}

impl Source for Fed {
    async fn next(&mut self) -> Notice {
        if let Some(notice) = self.recovered.pop_front() {
            return notice;
        }
        match self.notices.recv().await {
            Some(notice) => notice,
            None => std::future::pending().await,
        }
    }

    fn recover(&mut self) {
        self.recovered.extend(self.journal.lock().expect("unpoisoned").iter().cloned());
    }
}

impl Running {
    /// Starts with the `[[notify]]` tables of this text.
    pub(crate) fn start(directory: &Path, tables: &str) -> Self {
        Self::start_after(directory, tables, Vec::new())
    }

    /// Starts with decisions in the journal.
    pub(crate) fn start_after(directory: &Path, tables: &str, journal: Vec<Notice>) -> Self {
        let (feed, notices) = mpsc::unbounded_channel();
        let source =
            Fed { notices, journal: Arc::new(Mutex::new(journal)), recovered: VecDeque::new() };
        let endpoints = Arc::new(Mutex::new(configured(tables)));
        let (reloads, in_control) = (watch::Sender::new(()), watch::Sender::new(true));
        let current = endpoints.clone();
        let context = Context {
            directory: directory.join(notify::DIRECTORY),
            machine: "web-1".to_owned(),
            version: "1.2.3",
            endpoints: Box::new(move || current.lock().expect("unpoisoned").clone()),
            reloads: reloads.subscribe(),
            in_control: in_control.subscribe(),
        };
        let notifier = notify::start(context, source).expect("a thread");
        let handle = notifier.handle();
        // What happens before an endpoint is known is not for it.
        let known = endpoints.lock().expect("unpoisoned").len();
        let begin = Instant::now();
        while handle.statuses().len() != known {
            assert!(begin.elapsed() < PATIENCE, "not in time: the endpoints are known");
            thread::sleep(Duration::from_millis(1)); // between two looks
        }
        Self { notifier: Some(notifier), feed, endpoints, reloads, in_control }
    }

    /// Tells a notice.
    pub(crate) fn tell(&self, notice: Notice) {
        self.feed.send(notice).expect("it runs");
    }

    pub(crate) fn reload(&self, tables: &str) {
        *self.endpoints.lock().expect("unpoisoned") = configured(tables);
        self.reloads.send_replace(());
    }

    pub(crate) fn handle(&self) -> notify::Handle {
        self.notifier.as_ref().expect("it runs").handle()
    }

    /// Returns the status of an endpoint.
    pub(crate) fn status(&self, name: &str) -> EndpointStatus {
        let statuses = self.handle().statuses();
        statuses.into_iter().find(|one| one.name == name).expect(name)
    }

    /// Waits until the status of an endpoint is as expected.
    pub(crate) async fn status_is(&self, name: &str, is: impl Fn(&EndpointStatus) -> bool) {
        let known = || self.handle().statuses().into_iter().find(|one| one.name == name);
        until(&format!("the status of {name}"), || known().is_some_and(|one| is(&one))).await;
    }

    /// Ends as Teal does when it stops.
    pub(crate) fn finish(mut self) {
        self.notifier.take().expect("it runs").finish();
    }
}

pub(crate) fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// The table of an endpoint on loopback.
pub(crate) fn table(name: &str, port: u16) -> String {
    format!(
        "[[notify]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:{port}/hook/hunter2\"\nsecret = \"{SECRET}\"\n"
    )
}

/// The endpoints of these tables.
fn configured(tables: &str) -> Vec<Notify> {
    let service = "[[service]]\nname = \"web\"\nblue.targets = [\"http://10.0.0.1:81\"]\n\
                   green.targets = [\"http://10.0.0.2:82\"]\n";
    let environment = Environment { home: Some("/home/ops".into()), ..Environment::default() };
    let text = format!("{service}{tables}");
    config::parse(&text, Path::new("/etc/teal/teal.toml"), &environment).expect("good").notify
}

/// A switch of this generation.
pub(crate) fn switch(generation: u64) -> Notice {
    Notice {
        event: NotifiedEvent::Switch,
        at: Time::of(SystemTime::now()),
        text: format!("switch {generation}"),
        data: json!({ "generation": generation }),
        key: Some(format!("switch {generation}")),
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, is: impl Fn() -> bool) {
    let begin = tokio::time::Instant::now();
    while !is() {
        assert!(begin.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await; // between two looks at the condition
    }
}

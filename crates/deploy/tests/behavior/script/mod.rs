//! A Teal and a runner that do what a test has written down, and remember what they were asked.

mod program;
mod teal;

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::Config;
use contract::wire::{Color, DeployResult, DeployStep, DeployStepRecord};
use deploy::{Context, Ended, Options, Pace, Reporter, Request};
use runner::{FailureKind, Runner};
use tokio::sync::watch;

use program::{Program, ProgramState};
use teal::{Service, Teal};

pub(crate) use teal::Fault;

/// Everything that was asked, in order: `start web.green v42`, `step gate`, `switch green`.
pub(crate) type Journal = Arc<Mutex<Vec<String>>>;

/// A setup with everything that a deploy needs.
pub(crate) struct Setup {
    pub(crate) teal: Teal,
    pub(crate) program: Program,
    pub(crate) journal: Journal,
    pub(crate) config: Config,
    pub(crate) printed: Rc<RefCell<Vec<String>>>,
    reporter: Reporter,
    interrupts: watch::Receiver<u32>,
}

/// A configuration whose `deploy` tables of both services have these lines.
fn text(lines: &str) -> String {
    let service = |name: &str, ports: (u16, u16)| {
        format!(
            "[[service]]\nname = \"{name}\"\nhosts = [\"{name}.test\"]\n\
             blue = {{ targets = [\"http://127.0.0.1:{}\"] }}\n\
             green = {{ targets = [\"http://127.0.0.1:{}\"] }}\n\
             [service.deploy]\nrunner = \"systemd\"\nunit = \"a@{{color}}\"\n{lines}\n",
            ports.0, ports.1
        )
    };
    let (web, api) = (service("web", (1, 2)), service("api", (3, 4)));
    format!("{web}{api}[[group]]\nname = \"shop\"\nservices = [\"web\", \"api\"]\n")
}

fn parse(text: &str) -> Config {
    let environment =
        config::Environment { home: Some("/home/ops".into()), ..config::Environment::default() };
    config::parse(text, Path::new("/tmp/teal.toml"), &environment).expect("it is good")
}

impl Setup {
    /// A setup whose deploy tables have these lines.
    pub(crate) fn of(lines: &str) -> Self {
        Self::with_config(parse(&text(lines)))
    }

    /// The same with targets that the runner tells.
    pub(crate) fn told(lines: &str) -> Self {
        let mut text = text(&format!("port = \"auto\"\nenv_file = \"/run/{{color}}\"\n{lines}"));
        for port in 1..=4 {
            text = text.replace(&format!("[\"http://127.0.0.1:{port}\"]"), "\"runner\"");
        }
        let setup = Self::with_config(parse(&text));
        let blue = || vec!["http://127.0.0.1:4001".to_owned()];
        let told = [("web", blue()), ("api", Vec::new())];
        let told = told.map(|(name, blue)| (name.to_owned(), [blue, Vec::new()]));
        *setup.teal.told.borrow_mut() = Some(told.into());
        setup
    }

    fn with_config(config: Config) -> Self {
        let journal = Journal::default();
        let (count, interrupts) = watch::channel(0);
        let service = Service {
            active: Color::Blue,
            generation: 7,
            undrained: None,
            retired: Vec::new(),
            unknown: false,
        };
        let services = ["web", "api"].map(|name| (name.to_owned(), service.clone()));
        let printed = Rc::new(RefCell::new(Vec::new()));
        let print = Rc::clone(&printed);
        Self {
            teal: Teal {
                journal: journal.clone(),
                services: RefCell::new(services.into()),
                record: RefCell::new(None),
                past: RefCell::default(),
                faults: RefCell::default(),
                late: RefCell::default(),
                interrupt_at: RefCell::default(),
                interrupts: count,
                gate: Cell::new(Some(Duration::ZERO)),
                cut: Cell::new(0),
                taken_back: Cell::new(false),
                watched: Cell::new(false),
                told: RefCell::default(),
            },
            program: Program {
                journal: journal.clone(),
                state: Arc::new(Mutex::new(ProgramState {
                    running: vec!["web.blue".to_owned(), "api.blue".to_owned()],
                    ..ProgramState::default()
                })),
            },
            journal,
            config,
            reporter: Reporter {
                print: Box::new(move |line| print.borrow_mut().push(line.to_owned())),
                draw: None,
                json: false,
                actions: false,
                printed: Cell::new(0),
            },
            printed,
            interrupts,
        }
    }

    pub(crate) fn with_json(mut self) -> Self {
        self.reporter.json = true;
        self
    }

    pub(crate) fn with_annotations(mut self) -> Self {
        self.reporter.actions = true;
        self
    }

    pub(crate) fn fault(self, call: &str, fault: Fault) -> Self {
        self.teal.faults.borrow_mut().push((call.to_owned(), fault));
        self
    }

    /// Plans faults once a call is made.
    pub(crate) fn late_faults(self, call: &str, faults: Vec<(String, Fault)>) -> Self {
        self.teal.late.borrow_mut().push((call.to_owned(), faults, None));
        self
    }

    /// Plans an interrupt once a call is made.
    pub(crate) fn late_interrupt(self, call: &str, at: &str) -> Self {
        self.teal.late.borrow_mut().push((call.to_owned(), Vec::new(), Some(at.to_owned())));
        self
    }

    pub(crate) fn failing(self, call: &'static str, kind: FailureKind) -> Self {
        self.program.lock().failures.insert(call, kind);
        self
    }

    pub(crate) fn interrupted_at(self, call: &str) -> Self {
        self.teal.interrupt_at.borrow_mut().push(call.to_owned());
        self
    }

    /// The request of `teal deploy web --version v42`.
    pub(crate) fn request() -> Request {
        Request {
            service: Some("web".to_owned()),
            group: None,
            version: rules::Version::new("v42").ok(),
            options: Self::options(),
            supersede: false,
            emergency: false,
            reason: None,
            rollback: false,
        }
    }

    pub(crate) fn options() -> Options {
        Options { wait_healthy: Duration::from_secs(20), drain: None, keep: None, no_switch: false }
    }

    pub(crate) async fn deploy(&self) -> Ended {
        self.deploy_as(&Self::request()).await
    }

    pub(crate) async fn deploy_as(&self, request: &Request) -> Ended {
        self.with(async |context| deploy::deploy(context, request).await).await
    }

    pub(crate) async fn resume(&self) -> Ended {
        let options = Self::options();
        self.with(async |context| deploy::resume(context, 5, &options).await).await
    }

    pub(crate) async fn abandon(&self) -> Ended {
        let options = Self::options();
        self.with(async |context| deploy::abandon(context, 5, &options).await).await
    }

    /// Runs a command, which must end in time.
    pub(crate) async fn with(&self, command: impl AsyncFn(&Context<'_>) -> Ended) -> Ended {
        let runners = |_: &config::Deploy| Box::new(self.program.clone()) as Box<dyn Runner>;
        let context = Context {
            admin: &self.teal,
            config: &self.config,
            runners: &runners,
            reporter: &self.reporter,
            interrupts: self.interrupts.clone(),
            by: "ci@host".to_owned(),
            pace: Pace {
                heartbeat: Duration::from_millis(20),
                glance: Duration::from_millis(1),
                patience: Duration::from_millis(200),
            },
        };
        let ended = tokio::time::timeout(Duration::from_secs(60), Box::pin(command(&context)));
        ended.await.expect("every wait has a deadline")
    }

    /// Returns the calls made, except those that only read and heartbeats.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.journal.lock().expect("no test has panicked").clone()
    }

    /// Returns true if something was asked.
    pub(crate) fn has(&self, call: &str) -> bool {
        self.asked().iter().any(|asked| asked == call)
    }

    pub(crate) fn runs(&self, environment: &str) -> bool {
        self.program.lock().running.iter().any(|running| running == environment)
    }

    pub(crate) fn active(&self) -> Color {
        self.teal.services.borrow()["web"].active
    }

    pub(crate) fn result(&self) -> Option<DeployResult> {
        self.teal.record.borrow().as_ref().and_then(|record| record.result)
    }

    /// A deploy of v42 that has ended, with an old environment that stays up for some more seconds.
    pub(crate) fn kept(self, left: Option<u64>) -> Self {
        let mut record = Teal::fresh(&["web".to_owned()], None, Some("v42"));
        self.teal.moved("web", Color::Green);
        self.program.lock().running.push("web.green".to_owned());
        record.id = 4;
        record.result = Some(DeployResult::Succeeded);
        record.generation = Some(8);
        record.keep_seconds = left;
        record.keep_until = left.map(|_| "18:31".to_owned());
        record.steps = vec![DeployStepRecord { step: DeployStep::Start, at: String::new() }];
        self.teal.past.borrow_mut().push(record);
        self
    }

    /// An open deploy of v42 that a command line has left at a step.
    pub(crate) fn left_at(self, step: DeployStep) -> Self {
        let mut record = Teal::fresh(&["web".to_owned()], None, Some("v42"));
        record.step = step;
        if step >= DeployStep::Start {
            self.program.lock().running.push("web.green".to_owned());
        }
        if step > DeployStep::Switch {
            self.teal.moved("web", Color::Green);
            record.generation = Some(8);
        }
        *self.teal.record.borrow_mut() = Some(record);
        self
    }
}

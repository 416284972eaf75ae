//! A Teal that decides as the real one does about switches and records, and fails where a test has written it down.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use contract::wire::{
    Actor, Color, Deploy, DeployReport, DeployRequest, DeployStep, Deploys, ProblemDocument,
    Receipt, Retired, Status, SwitchAnswer, SwitchOutcome, SwitchResult, TargetsAnswer,
};
use deploy::{Admin, NoReply, Reply, SwitchOrder, TargetsOrder};
use serde_json::json;
use tokio::sync::watch;

use super::Journal;

/// A call, the faults of later calls, and the call at which an interrupt happens.
type Later = (String, Vec<(String, Fault)>, Option<String>);

/// A scripted Teal with services `web` and `api`, of which blue is active at generation 7.
#[derive(Debug)]
pub(crate) struct Teal {
    pub(crate) journal: Journal,
    pub(crate) services: RefCell<BTreeMap<String, Service>>,
    pub(crate) record: RefCell<Option<Deploy>>,
    /// The records of deploys that have ended, newest first.
    pub(crate) past: RefCell<Vec<Deploy>>,
    /// The answer to calls by their words in the journal, instead of the usual one; each as often as it is there.
    pub(crate) faults: RefCell<Vec<(String, Fault)>>,
    /// Faults and interrupts that are planned once a call is made.
    pub(crate) late: RefCell<Vec<Later>>,
    /// The words of a call at which an interrupt happens.
    pub(crate) interrupt_at: RefCell<Vec<String>>,
    pub(crate) interrupts: watch::Sender<u32>,
    /// Time that a gate takes; `None`: it never ends.
    pub(crate) gate: Cell<Option<Duration>>,
    /// Leases that the drain deadline cuts.
    pub(crate) cut: Cell<u64>,
    /// True if the newest switch is a rollback by Teal itself.
    pub(crate) taken_back: Cell<bool>,
    /// True if a rollout of what was switched to is open.
    pub(crate) watched: Cell<bool>,
    /// The targets of blue and green that were told; `None`: they are configured.
    pub(crate) told: RefCell<Option<BTreeMap<String, [Vec<String>; 2]>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) active: Color,
    pub(crate) generation: u64,
    /// The color that is not drained.
    pub(crate) undrained: Option<Color>,
    /// The colors that are retired.
    pub(crate) retired: Vec<Color>,
    /// True if the versions of its colors are not known.
    pub(crate) unknown: bool,
}

/// A fault in place of the usual answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A refusal with this status, code and title.
    Refused(u16, &'static str, &'static str),
    /// Nothing is sent.
    Unreachable,
    /// The call takes effect, and its answer is lost.
    LostAnswer,
    /// The call takes effect, and its answer is an error with this status and code.
    Slow(u16, &'static str),
    /// The call has no effect, and there is no answer.
    LostCall,
    /// Traffic moves to the other color by another command before the call is answered.
    Overtaken,
    /// Teal takes the version back before the call is answered.
    TakenBack,
}

impl Teal {
    pub(crate) fn moved(&self, name: &str, to: Color) {
        if let Some(service) = self.services.borrow_mut().get_mut(name) {
            service.active = to;
            service.generation += 1;
        }
    }

    pub(crate) fn fresh(services: &[String], group: Option<&str>, version: Option<&str>) -> Deploy {
        let record = json!({
            "id": 5, "services": services, "group": group, "color": "green", "version": version,
            "from_version": "v41", "actor": { "uid": 0 }, "claim": 1, "step": "lock", "steps": [],
            "started": "", "silent_seconds": 60, "client_gone": true, "generation": null,
            "result": null,
        });
        serde_json::from_value(record).expect("it is a record")
    }

    /// Writes a call down, lets time pass, and returns the fault that was planned for it.
    async fn call(&self, words: &str, is_looking: bool) -> Result<Option<Fault>, NoReply> {
        if !is_looking {
            self.journal.lock().expect("no test has panicked").push(words.to_owned());
        }
        tokio::task::yield_now().await;
        self.late.borrow_mut().retain(|(call, faults, at)| {
            if call != words {
                return true;
            }
            self.faults.borrow_mut().extend(faults.iter().cloned());
            self.interrupt_at.borrow_mut().extend(at.clone());
            false
        });
        if self.interrupt_at.borrow().iter().any(|at| at == words) {
            self.interrupt_at.borrow_mut().retain(|at| at != words);
            self.interrupts.send_modify(|count| *count += 1);
            // Time for the deploy to see it; nothing depends on how much.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let fault = {
            let mut faults = self.faults.borrow_mut();
            faults.iter().position(|(at, _)| at == words).map(|at| faults.remove(at).1)
        };
        match fault {
            Some(Fault::Refused(status, code, title)) => {
                Err(NoReply::of(problem(status, code, title)))
            }
            Some(Fault::Unreachable) => Err(NoReply::Unreachable("cannot reach Teal".to_owned())),
            Some(Fault::LostCall) => Err(NoReply::Unanswered("the connection broke".to_owned())),
            Some(fault @ (Fault::Overtaken | Fault::TakenBack)) => {
                self.taken_back.set(matches!(fault, Fault::TakenBack));
                self.moved("web", Color::Blue);
                Ok(None)
            }
            other => Ok(other),
        }
    }
}

fn answered<T>(fault: Option<&Fault>, value: T) -> Result<T, NoReply> {
    match fault {
        Some(Fault::Slow(status, code)) => Err(NoReply::of(problem(*status, code, "It is slow"))),
        Some(_) => Err(NoReply::Unanswered("the connection broke".to_owned())),
        None => Ok(value),
    }
}

fn problem(status: u16, code: &str, title: &str) -> ProblemDocument {
    ProblemDocument {
        kind: format!("urn:teal:problem:{code}"),
        title: title.to_owned(),
        status,
        code: code.to_owned(),
        detail: None,
    }
}

impl Admin for Teal {
    fn status(&self) -> Reply<'_, Status> {
        Box::pin(async {
            let fault = self.call("status", true).await?;
            answered(fault.as_ref(), self.shown())
        })
    }

    fn deploy(&self, id: u64) -> Reply<'_, Deploy> {
        Box::pin(async move {
            let fault = self.call("deploy", true).await?;
            let record = self.record.borrow().clone().filter(|record| record.id == id);
            let unknown = || NoReply::Refused(problem(404, "unknown_deploy", "No such deploy"));
            answered(fault.as_ref(), record.ok_or_else(unknown)?)
        })
    }

    fn deploys<'a>(&'a self, service: &'a str) -> Reply<'a, Deploys> {
        Box::pin(async move {
            let fault = self.call("deploys", true).await?;
            let all = self.record.borrow().iter().chain(&*self.past.borrow()).cloned().collect();
            let mut all = Deploys { deploys: all };
            all.deploys.retain(|deploy| deploy.services.iter().any(|name| name == service));
            answered(fault.as_ref(), all)
        })
    }

    fn begin<'a>(&'a self, request: &'a DeployRequest, generation: u64) -> Reply<'a, Deploy> {
        Box::pin(async move {
            let fault = self.call("begin", false).await?;
            let newest = self.services.borrow().values().map(|service| service.generation).max();
            assert_eq!(Some(generation), newest, "If-Match is what the plan has seen");
            let services = match (&request.service, &request.group) {
                (Some(service), None) => vec![service.clone()],
                _ => vec!["web".to_owned(), "api".to_owned()],
            };
            let mut record =
                Self::fresh(&services, request.group.as_deref(), request.version.as_deref());
            if self.services.borrow()[&services[0]].active == Color::Green {
                record.color = Color::Blue;
            }
            record.sweep = request.sweep;
            *self.record.borrow_mut() = Some(record.clone());
            answered(fault.as_ref(), record)
        })
    }

    fn report<'a>(&'a self, _: u64, report: &'a DeployReport) -> Reply<'a, Deploy> {
        Box::pin(async move {
            let words = match report {
                DeployReport { take: true, .. } => "take".to_owned(),
                DeployReport { step: Some(step), .. } => format!("step {step}"),
                DeployReport { result: Some(result), .. } => format!("result {result}"),
                DeployReport { pause: true, .. } => "pause".to_owned(),
                _ => "alive".to_owned(),
            };
            let fault = self.call(&words, words == "alive").await?;
            let mut record = self.record.borrow_mut();
            let record = record.as_mut().expect("a deploy was begun");
            if record.result.is_some() {
                return Err(NoReply::Refused(problem(409, "deploy_ended", "It has ended")));
            }
            if report.take {
                record.claim += 1;
            } else if report.claim != record.claim {
                return Err(NoReply::Refused(problem(409, "deploy_taken_over", "Taken over")));
            }
            if let Some(step) = report.step {
                assert!(step >= record.step, "a step never goes back");
                record.step = step;
                if matches!(step, DeployStep::Start | DeployStep::Gate) {
                    for name in &record.services {
                        let mut services = self.services.borrow_mut();
                        let service = services.get_mut(name).expect("the service is known");
                        service.retired.retain(|color| *color != record.color);
                    }
                }
            }
            record.paused = report.pause;
            record.result = report.result;
            record.keep_seconds = report.keep_seconds;
            record.detail.clone_from(&report.detail);
            answered(fault.as_ref(), record.clone())
        })
    }

    fn switch<'a>(&'a self, order: &'a SwitchOrder) -> Reply<'a, SwitchOutcome> {
        Box::pin(async move {
            let dry = match order {
                SwitchOrder { dry_run: true, .. } => "gate",
                SwitchOrder { rollback: true, .. } => "rollback",
                _ => "switch",
            };
            let subject = order.group.as_ref().map_or(String::new(), |group| format!(" {group}"));
            let fault = self.call(&format!("{dry} {}{subject}", order.to), false).await?;
            if order.dry_run && order.wait_healthy.is_some() {
                match self.gate.get() {
                    // The time that the gate takes is what the test is about.
                    Some(time) => tokio::time::sleep(time).await,
                    None => std::future::pending().await,
                }
            }
            let names = match &order.group {
                Some(_) => vec!["web".to_owned(), "api".to_owned()],
                None => vec![order.service.clone()],
            };
            let answers = names.iter().map(|name| self.answer(name, order));
            let answers: Vec<SwitchAnswer> = answers.collect::<Result<_, _>>()?;
            if let Some(record) = self.record.borrow_mut().as_mut()
                && !order.dry_run
                && order.to == record.color
            {
                record.generation = Some(8);
            }
            let outcome = SwitchOutcome::of(order.group.clone(), answers).expect("there are some");
            answered(fault.as_ref(), outcome)
        })
    }

    fn retire<'a>(&'a self, name: &'a str, color: Color) -> Reply<'a, Retired> {
        Box::pin(async move {
            let fault = self.call(&format!("retire {name}.{color}"), false).await?;
            let mut services = self.services.borrow_mut();
            let service = services.get_mut(name).expect("the service is known");
            if service.active == color {
                return Err(NoReply::Refused(problem(409, "color_active", "The color is active")));
            }
            service.retired.push(color);
            answered(fault.as_ref(), Retired { service: name.to_owned(), color })
        })
    }

    fn targets<'a>(&'a self, order: &'a TargetsOrder) -> Reply<'a, TargetsAnswer> {
        Box::pin(async move {
            let TargetsOrder { service, color, request } = order;
            let targets = request.targets.clone().expect("they are always named");
            let words = format!("targets {service}.{color} {}", targets.join(" "));
            let fault = self.call(words.trim(), false).await?;
            let claim = self.record.borrow().as_ref().map(|record| (record.id, record.claim));
            assert_eq!(request.deploy.zip(request.claim), claim, "only the command line tells");
            let mut told = self.told.borrow_mut();
            let told = told.as_mut().expect("they are told").get_mut(service);
            told.expect("a service")[usize::from(*color == Color::Green)].clone_from(&targets);
            let (service, color) = (service.clone(), *color);
            answered(fault.as_ref(), TargetsAnswer { service, color, targets, generation: None })
        })
    }

    fn receipt<'a>(&'a self, generation: u64, service: &'a str) -> Reply<'a, Receipt> {
        Box::pin(async move {
            let _ = self.call("receipt", true).await?;
            let cut = self.cut.get();
            let cut = json!({ "total": cut, "unanswered": cut, "answering": 0, "tunnels": 0 });
            let receipt = json!({
                "generation": generation, "service": service, "from": "blue", "to": "green",
                "cause": "switch", "actor": { "uid": 0 }, "decided": "", "published": null,
                "ended": null, "evidence": [], "figures": null,
                "drain": { "color": "blue", "state": "drained", "cut": cut },
            });
            let mut receipt: Receipt = serde_json::from_value(receipt).expect("it is a receipt");
            if self.taken_back.get() {
                receipt.actor = Actor::Teal;
                "rollback".clone_into(&mut receipt.cause);
                receipt.reason = Some("web: 20 of 40 requests failed".to_owned());
            }
            Ok(receipt)
        })
    }
}

impl Teal {
    fn answer(&self, name: &str, order: &SwitchOrder) -> Result<SwitchAnswer, NoReply> {
        let service = self.services.borrow()[name].clone();
        let from = service.active;
        let result = if from == order.to {
            SwitchResult::Already
        } else if service.retired.contains(&order.to) {
            return Err(NoReply::Refused(problem(409, "color_retired", "The color is retired")));
        } else if order.generation != service.generation {
            let title = "The generation is another one";
            return Err(NoReply::Refused(problem(412, "generation_mismatch", title)));
        } else if order.dry_run {
            SwitchResult::WouldSwitch
        } else {
            self.moved(name, order.to);
            SwitchResult::Switched
        };
        Ok(SwitchAnswer {
            result,
            service: name.to_owned(),
            from,
            to: order.to,
            generation: self.services.borrow()[name].generation,
            drain: None,
            unhealthy: None,
            evidence: Vec::new(),
            warm_up: None,
            forecast: None,
            sentences: Vec::new(),
        })
    }
}

impl Teal {
    fn shown(&self) -> Status {
        let mut status = status(&self.services.borrow(), self.told.borrow().as_ref());
        if self.watched.get() {
            let rollout = json!({
                "id": 3, "services": ["web"], "stable": "blue", "candidate": "green", "version": "v42",
                "actor": "teal", "generation": 8, "began": "", "state": "baking", "bake_seconds": 600.0,
                "left_seconds": 599.0, "takes_back": true,
            });
            let rollout = serde_json::from_value(rollout).expect("it is a rollout");
            let web = status.services.iter_mut().find(|service| service.name == "web");
            web.expect("the service is known").rollout = Some(rollout);
        }
        status
    }
}

fn status(
    services: &BTreeMap<String, Service>,
    told: Option<&BTreeMap<String, [Vec<String>; 2]>>,
) -> Status {
    let ports = BTreeMap::from([("web", [1, 2]), ("api", [3, 4])]);
    let services: Vec<_> = services
        .iter()
        .map(|(name, service)| {
            let color = |color: Color, port: u16| {
                let urls = match told {
                    Some(told) => told[name][usize::from(color == Color::Green)].clone(),
                    None => vec![format!("http://127.0.0.1:{port}")],
                };
                let targets = urls
                    .iter()
                    .map(|url| json!({ "url": url, "health": "up", "last_probe": null }));
                let role = if service.active == color { "active" } else { "idle" };
                let drained = role == "idle" && service.undrained != Some(color);
                json!({
                    "role": role, "healthy": true, "in_flight": 0, "oldest_age_seconds": null,
                    "drained": drained,
                    "version": if service.unknown { None } else if color == Color::Blue { Some("v41") } else { Some("v40") },
                    "told": told.is_some(), "targets": targets.collect::<Vec<_>>(),
                })
            };
            let [blue, green] = ports[&**name];
            json!({
                "name": name, "active": service.active.to_string(), "generation": service.generation,
                "held": null,
                "colors": { "blue": color(Color::Blue, blue), "green": color(Color::Green, green) },
            })
        })
        .collect();
    let status = json!({
        "teal": { "version": "0", "pid": 1, "instance": "x", "uptime_seconds": 1.0 },
        "generation": 7, "listeners": [], "admin": "127.0.0.1:9900", "services": services,
    });
    serde_json::from_value(status).expect("it is a status")
}

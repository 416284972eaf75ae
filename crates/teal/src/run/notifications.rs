//! Notifications of what this process knows: live events of the controller, decisions of the journal that a crash may
//! have kept from the outbox, certificates, and older Teals.
//!
//! A switch, rollback or failover, and the begin and the end of a deploy, is never lost: it is in the journal before
//! anything follows from it, and is taken from there at the next start, with the same id. Everything else is lost if
//! Teal is killed in the milliseconds between the event and the write of the outbox.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use ::admin::{Live, live_event};
use contract::text;
use contract::unit::rfc3339;
use contract::wire::Event;
use control::{DeployProgress, EventRead, EventReader, Handle, LiveEvent, NumberedEvent};
use notify::{Context, Notice, Notifier, Source};
use rules::{
    Color, DeployEntry, DrainEnd, HistoryEntry, NotifiedEvent, ServiceName, Standing, TargetUrl,
    Time,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::expiring;
use super::reload::InForce;
use crate::exit::Failure;

/// The time limit for the controller to answer.
// lossless: L10
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Starts to notify the endpoints of the configuration.
pub(super) fn start(in_force: &InForce, handle: &Handle) -> Result<Notifier, Failure> {
    let config = in_force.clone();
    let context = Context {
        directory: in_force.config().state_dir.join(notify::DIRECTORY),
        machine: machine(),
        version: env!("CARGO_PKG_VERSION"),
        endpoints: Box::new(move || config.endpoints()),
        reloads: in_force.reloads.subscribe(),
        in_control: in_force.in_control.subscribe(),
    };
    let events = Events {
        reader: handle.events(Some(0)), // whatever has happened since the start
        handle: handle.clone(),
        live: in_force.live.subscribe(),
        seen: Seen::default(),
        ready: VecDeque::new(),
        recover: false,
        look_at: Instant::now(),
    };
    notify::start(context, events)
        .map_err(|error| Failure::failed(format!("cannot start to notify endpoints: {error}")))
}

/// Returns the name of this machine.
fn machine() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "teal".to_owned() } else { name.to_owned() }
}

/// The events of this process.
struct Events {
    handle: Handle,
    reader: EventReader,
    live: watch::Receiver<Live>,
    seen: Seen,
    /// Notices that are made already.
    ready: VecDeque<Notice>,
    /// True if decisions of the journal are to be read.
    recover: bool,
    /// The time of the next look at the certificates.
    look_at: Instant,
}

/// The state of what is not an event of the controller, as it was last told.
#[derive(Debug, Default)]
struct Seen {
    certificate_problem: Option<String>,
    /// The problem of each name for which certificates are ordered.
    orders: HashMap<String, String>,
    older_pid: Option<u32>,
    /// The keys of notices of certificates that end soon. The outbox knows them too, but forgets the oldest.
    ending: HashSet<String>,
    /// The targets that are down.
    down: HashSet<(ServiceName, Color, TargetUrl, Option<SocketAddr>)>,
}

impl Source for Events {
    async fn next(&mut self) -> Notice {
        loop {
            if let Some(notice) = self.ready.pop_front() {
                return notice;
            }
            if self.recover {
                match timeout(ANSWERS_WITHIN, self.handle.history()).await {
                    Ok(history) => {
                        self.recover = false;
                        let history = history.unwrap_or_default(); // the controller has ended
                        self.ready.extend(history.iter().filter_map(recovered));
                    }
                    Err(_) => {
                        tracing::warn!("the controller did not answer: decisions are told later");
                    }
                }
                continue;
            }
            tokio::select! {
                read = self.reader.next() => match read {
                    EventRead::Item(item) => {
                        let is_news = self.seen.is_news(&item.event);
                        self.ready.extend(notice(&item).filter(|_| is_news));
                    }
                    EventRead::Missed(missed) => {
                        tracing::warn!(missed, "events were not notified: the outbox was too slow");
                        self.recover = true;
                    }
                },
                Ok(()) = self.live.changed() => {
                    let told = self.seen.news(&self.live.borrow_and_update());
                    self.ready.extend(told);
                    self.look_at = Instant::now(); // certificates may be other ones
                }
                () = sleep_until(self.look_at) => {
                    self.look_at = Instant::now() + expiring::EVERY;
                    self.look_at_certificates().await;
                }
            }
        }
    }

    fn recover(&mut self) {
        self.recover = true;
        self.live.mark_changed();
    }
}

impl Events {
    /// Makes the notices of certificates that end soon; the outbox drops those that it has told.
    async fn look_at_certificates(&mut self) {
        let now = Time::of(SystemTime::now());
        let mut due = expiring::at_listeners(&self.live.borrow().certificates, now);
        match timeout(ANSWERS_WITHIN, self.handle.status()).await {
            Ok(Ok(status)) => due.extend(expiring::at_targets(&status, now)),
            Ok(Err(_)) => {} // the controller has ended
            Err(_) => {
                tracing::warn!("the controller did not answer: certificates are looked at later");
            }
        }
        self.ready.extend(due.into_iter().filter(|notice| self.seen.is_first(notice)));
    }
}

/// Returns the notice of a live event; `None`: nobody needs to hear of it.
fn notice(item: &NumberedEvent) -> Option<Notice> {
    let key = match &item.event {
        LiveEvent::Switch { service, generation, .. } => {
            Some(format!("switch {generation} {service}"))
        }
        LiveEvent::Deploy { deploy, progress } => match progress {
            DeployProgress::Began => Some(format!("deploy {} began", deploy.id)),
            DeployProgress::Ended(..) => Some(format!("deploy {} ended", deploy.id)),
            DeployProgress::Paused => None,
            DeployProgress::Step(_) | DeployProgress::Taken => return None,
        },
        LiveEvent::Rollout { rollout } => {
            let did = if rollout.is_open() { "began" } else { "ended" };
            Some(format!("rollout {} {did}", rollout.id))
        }
        LiveEvent::DrainEnded { end, .. } if !matches!(end, DrainEnd::Cut(_)) => return None,
        LiveEvent::Health { active: false, .. } => return None,
        _ => None,
    };
    let event = NotifiedEvent::parse(item.event.name())?;
    Some(of_event(event, item.at, &live_event(item), key))
}

/// Returns the notice of a decision of the journal, with the key of its live event; `None`: it is told live only.
fn recovered(entry: &HistoryEntry) -> Option<Notice> {
    match entry {
        HistoryEntry::Switch(receipt) => {
            let receipt = (**receipt).clone();
            let event = LiveEvent::Switch {
                service: receipt.service,
                from: receipt.from,
                to: receipt.to,
                version: receipt.version,
                generation: receipt.generation,
                cause: receipt.cause,
                actor: receipt.actor,
                reason: receipt.reason,
            };
            notice(&NumberedEvent { id: 0, at: receipt.decided, event })
        }
        HistoryEntry::Deploy(entry) => Some(of_deploy(entry)),
        _ => None,
    }
}

fn of_deploy(entry: &DeployEntry) -> Notice {
    let did = if entry.result.is_some() { "ended" } else { "began" };
    let event = Event {
        at: rfc3339(entry.at),
        kind: NotifiedEvent::Deploy.as_str().to_owned(),
        service: entry.services.first().map(ToString::to_string),
        color: Some(entry.color.into()),
        deploy: Some(entry.id.0),
        version: entry.version.as_ref().map(ToString::to_string),
        actor: Some((&entry.actor).into()),
        by: entry.by.clone(),
        result: entry.result.map(Into::into),
        reason: entry.detail.clone(),
        ..Event::default()
    };
    of_event(NotifiedEvent::Deploy, entry.at, &event, Some(format!("deploy {} {did}", entry.id)))
}

fn of_event(event: NotifiedEvent, at: Time, wire: &Event, key: Option<String>) -> Notice {
    let mut data = serde_json::to_value(wire).unwrap_or_default();
    if let Value::Object(data) = &mut data {
        data.remove("id"); // it begins anew with each process
    }
    Notice { event, at, text: text::event(wire), data, key }
}

impl Seen {
    /// Returns false for a target that is up at the start, which nobody needs to hear of.
    fn is_news(&mut self, event: &LiveEvent) -> bool {
        let LiveEvent::Health { service, color, target, standing, .. } = event else { return true };
        let target = (service.clone(), *color, target.url.clone(), target.address);
        match standing {
            Standing::Down => {
                self.down.insert(target);
                true
            }
            Standing::Up => self.down.remove(&target),
            Standing::Unknown => false,
        }
    }

    /// Returns true for a notice that this process has not made yet.
    fn is_first(&mut self, notice: &Notice) -> bool {
        notice.key.clone().is_none_or(|key| self.ending.insert(key))
    }

    /// Returns what has changed.
    fn news(&mut self, live: &Live) -> Vec<Notice> {
        let mut told = Vec::new();
        if self.certificate_problem != live.certificate_problem {
            self.certificate_problem.clone_from(&live.certificate_problem);
            told.push(certificate(None, live.certificate_problem.as_deref()));
        }
        for order in &live.orders {
            if self.orders.get(&order.name) == order.problem.as_ref() {
                continue;
            }
            told.push(certificate(Some(&order.name), order.problem.as_deref()));
            match &order.problem {
                Some(problem) => self.orders.insert(order.name.clone(), problem.clone()),
                None => self.orders.remove(&order.name),
            };
        }
        if self.older_pid != live.older_pid {
            told.push(upgrade(self.older_pid, live.older_pid));
            self.older_pid = live.older_pid;
        }
        told
    }
}

fn certificate(name: Option<&str>, problem: Option<&str>) -> Notice {
    let text = match (name, problem) {
        (None, Some(problem)) => format!("certificates: {problem}; the previous files stay in use"),
        (None, None) => "certificates: the problem is over, the newest files are in use".to_owned(),
        (Some(name), Some(problem)) => {
            format!("the order of a certificate for {name} failed: {problem}")
        }
        (Some(name), None) => {
            format!("the order of a certificate for {name} does not fail any more")
        }
    };
    of_process(NotifiedEvent::Certificate, text, json!({ "name": name, "problem": problem }))
}

fn upgrade(before: Option<u32>, older: Option<u32>) -> Notice {
    let own = std::process::id();
    let version = env!("CARGO_PKG_VERSION");
    let text = match (before, older) {
        (_, Some(older)) => format!(
            "Teal {version} (process {own}) has taken over; the older one, process {older}, is finishing its last requests"
        ),
        (Some(before), None) => format!("the older Teal, process {before}, has left"),
        (None, None) => "the older Teal has left".to_owned(),
    };
    of_process(
        NotifiedEvent::Upgrade,
        text,
        json!({ "version": version, "pid": own, "older_pid": older }),
    )
}

pub(super) fn of_process(event: NotifiedEvent, text: String, mut data: Value) -> Notice {
    let at = Time::of(SystemTime::now());
    data["at"] = json!(rfc3339(at));
    data["kind"] = json!(event.as_str());
    Notice { event, at, text, data, key: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::admin::CertificateOrder;
    use control::seam::Input;
    use rules::{Actor, Cause, DeployId, Generation, TargetName};

    fn numbered(event: LiveEvent) -> NumberedEvent {
        NumberedEvent { id: 7, at: Time(1_000), event }
    }

    fn web() -> ServiceName {
        ServiceName::new("web").expect("a name")
    }

    #[tokio::test]
    async fn what_a_crash_has_kept_from_the_outbox_is_told_from_the_journal() {
        // L6
        let (handle, mut inbox) = Handle::pair();
        let deploy = DeployEntry {
            id: DeployId(3),
            services: vec![web()],
            color: Color::Green,
            version: None,
            actor: Actor::Teal,
            by: None,
            at: Time(1_000),
            result: None,
            detail: None,
        };
        let expected = of_deploy(&deploy);
        tokio::spawn(async move {
            while let Some(input) = inbox.next().await {
                if let Input::History(to) = input {
                    let _ = to.send(vec![HistoryEntry::Deploy(Box::new(deploy.clone()))]);
                }
            }
        });
        let live = watch::Sender::new(Live::default());
        let mut events = Events {
            reader: handle.events(Some(0)),
            handle,
            live: live.subscribe(),
            seen: Seen::default(),
            ready: VecDeque::new(),
            recover: false,
            look_at: Instant::now() + expiring::EVERY,
        };
        events.recover();
        let told = timeout(ANSWERS_WITHIN, events.next()).await.expect("it is told");
        assert_eq!(told, expected);
    }

    #[test]
    fn a_live_switch_and_its_receipt_have_the_same_key() {
        let (from, to, generation) = (Color::Blue, Color::Green, Generation(7));
        let (cause, actor) = (Cause::Failover, Actor::Teal);
        let (version, reason, service) = (None, Some("the disk is full".to_owned()), web());
        let event =
            LiveEvent::Switch { service, from, to, version, generation, cause, actor, reason };
        let live = notice(&numbered(event)).expect("a notice");
        assert_eq!(live.event, NotifiedEvent::Failover);
        assert_eq!(live.key.as_deref(), Some("switch 7 web"));
        assert_eq!(live.data["to"], "green");
        assert_eq!(live.data.get("id"), None);
    }

    #[test]
    fn health_is_told_of_active_colors_only_and_steps_of_a_publish_never() {
        let target = TargetUrl::parse("http://127.0.0.1:1").expect("a target");
        let health = |active, standing| LiveEvent::Health {
            service: web(),
            color: Color::Blue,
            target: TargetName { url: target.clone(), address: None },
            standing,
            reason: None,
            active,
        };
        assert!(notice(&numbered(health(true, Standing::Down))).is_some());
        assert!(notice(&numbered(health(false, Standing::Down))).is_none());
        let mut seen = Seen::default();
        let of = [Standing::Up, Standing::Down, Standing::Up, Standing::Up];
        let news = of.map(|standing| seen.is_news(&health(true, standing)));
        assert_eq!(news, [false, true, true, false], "up is news after down");
        let published = LiveEvent::Published { generation: Generation(7) };
        assert!(notice(&numbered(published)).is_none());
    }

    #[test]
    fn changes_of_certificates_and_older_teals_are_told_once() {
        let (mut seen, mut live) = (Seen::default(), Live::default());
        assert_eq!(seen.news(&live), []);
        live.certificate_problem = Some("a.pem: no such file".to_owned());
        live.older_pid = Some(12);
        let problem = Some("the CA refused".to_owned());
        live.orders = vec![CertificateOrder { name: "a.test".to_owned(), problem, next: None }];
        let texts = |told: Vec<Notice>| told.into_iter().map(|one| one.text).collect::<Vec<_>>();
        let told = texts(seen.news(&live));
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(told[0], "certificates: a.pem: no such file; the previous files stay in use");
        assert!(told[1].contains("a.test failed: the CA refused"), "{told:?}");
        assert!(told[2].contains("the older one, process 12, is finishing"), "{told:?}");
        assert_eq!(seen.news(&live), []);
        live = Live::default();
        live.orders =
            vec![CertificateOrder { name: "a.test".to_owned(), problem: None, next: None }];
        let told = texts(seen.news(&live));
        assert_eq!(told[2], "the older Teal, process 12, has left");
        assert_eq!(told.len(), 3, "{told:?}");
    }
}

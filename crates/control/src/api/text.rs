//! The plain text of answers, for people and shells: the API sends it, the command line
//! prints it.
//!
//! The first lines are those that scripts already look for (`Switched from blue to green`,
//! `Active: blue`); what follows answers the question behind: may the old color be stopped?

mod many;

use std::fmt::Write as _;
use std::time::Duration;

use super::duration::show;
use super::wire::{
    Certificate, Change, Color, ColorFigures, ColorStatus, Drain, DrainState, Evidence,
    GroupAnswer, Health, History, HoldAnswer, Ordered, Receipt, Reload, Reloaded, Resumed, Role,
    Service, Status, SwitchAnswer, SwitchOutcome, SwitchResult, Target, TargetName, Upgraded, Wait,
    WaitChange,
};

/// Text that grows line by line.
#[derive(Debug, Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, line: std::fmt::Arguments<'_>) {
        let _never_fails = self.0.write_fmt(line);
        self.0.push('\n');
    }
}

macro_rules! line {
    ($lines:expr, $($format:tt)+) => { $lines.add(format_args!($($format)+)) };
}
use line;

/// How much a status says of services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// All of each service, however many there are.
    pub whole: bool,
    /// One line for each service, however many there are.
    pub all: bool,
    /// Only problems.
    pub problems: bool,
}

/// Where traffic goes now, and what may be stopped.
pub fn status(status: &Status, extent: Extent) -> String {
    let mut lines = Lines::default();
    if extent.problems || extent.all || (status.services.len() > SHOWN && !extent.whole) {
        many::services(&mut lines, status, extent);
    } else {
        services(&mut lines, status);
    }
    of_teal(&mut lines, status);
    lines.0
}

/// The most services of which all is shown.
const SHOWN: usize = 10;

/// All of each service.
fn services(lines: &mut Lines, status: &Status) {
    let several = status.total.max(status.services.len()) > 1;
    for (place, service) in status.services.iter().enumerate() {
        if several {
            if place > 0 {
                line!(lines, "");
            }
            line!(lines, "Service: {}", service.name);
        }
        service_status(lines, service);
    }
    if status.services.is_empty() {
        line!(lines, "No service is configured");
    }
}

/// What is not of one service.
fn of_teal(lines: &mut Lines, status: &Status) {
    for group in &status.groups {
        line!(lines, "Group: {} ({})", group.name, group.services.join(", "));
    }
    for certificate in &status.certificates {
        let names = certificate.names.join(" ");
        match &certificate.target {
            None => line!(lines, "Certificate: {names}, {}", until(certificate)),
            // There may be hundreds of them.
            Some(_) if certificate.left_seconds > SOON => {}
            Some(TargetName { service, color, url, address }) => {
                let at = address.as_ref().map(|address| format!(" at {address}"));
                line!(
                    lines,
                    "Certificate of {service} {color} {url}{}: {names}, {}",
                    at.unwrap_or_default(),
                    until(certificate)
                );
            }
        }
    }
    if let Some(problem) = &status.certificate_problem {
        line!(lines, "Certificate: {problem}; what was in use stays in use");
    }
    for Ordered { name, problem, next } in &status.acme {
        let Some(problem) = problem else { continue };
        let next = next.as_deref().unwrap_or("now");
        line!(
            lines,
            "Certificate of {name}: not given: {problem}; next try {next}, or at a reload"
        );
    }
    if let Some(pid) = status.teal.older_pid {
        line!(lines, "Upgraded: the older Teal, process {pid}, still ends its last requests");
    }
    for wait in &status.waits {
        line!(lines, "{}", waiting(wait));
    }
    if let Some((reload, problem)) = refused(status.last_reload.as_ref()) {
        let (age, by) = (seconds(reload.age_seconds), &reload.actor);
        line!(
            lines,
            "Reload: refused {age} ago ({}, by {by}), the configuration before it stays in force: {problem}",
            reload.at
        );
    }
    if let Some(generation) = status.publishing {
        line!(lines, "Publishing: generation {generation}, not yet taken over by every worker");
    }
    if let Some(reason) = &status.journal {
        line!(lines, "Journal: {reason}; no change is possible, traffic goes on");
    }
}

fn service_status(lines: &mut Lines, service: &Service) {
    line!(lines, "Active: {}", service.active);
    line!(lines, "Blue healthy: {}", known(service.colors.blue.healthy));
    line!(lines, "Green healthy: {}", known(service.colors.green.healthy));
    line!(lines, "Generation: {}", service.generation);
    if let Some(held) = &service.held {
        let (waiting, longest) = (held.waiting, seconds(held.max_wait_seconds));
        line!(lines, "Held: {waiting} requests wait, each at most {longest}");
    }
    for color in [Color::Blue, Color::Green] {
        let status = service.colors.of(color);
        line!(lines, "{}: {}", capital(color), standing(color, status));
        for target in &status.targets {
            line!(lines, "  {}", probed(target));
        }
        for name in &status.names {
            if let Some(problem) = &name.problem {
                line!(lines, "  {}: {problem}", name.url);
            }
        }
    }
}

/// A reload that was refused, with no good one since, and why in one line.
fn refused(reload: Option<&Reload>) -> Option<(&Reload, String)> {
    let reload = reload?;
    let problem = reload.problem.as_ref()?;
    Some((reload, problem.replace(":\n", ": ").replace('\n', "; ")))
}

fn known(healthy: Option<bool>) -> &'static str {
    match healthy {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    }
}

/// The health of a color, in words.
pub fn health(status: &ColorStatus) -> String {
    let reason = status.reason.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    match status.healthy {
        Some(true) => "healthy".to_owned(),
        Some(false) => format!("not healthy{reason}"),
        None => format!("not known to be healthy{reason}"),
    }
}

/// A call under way, in one line.
pub fn waiting(wait: &Wait) -> String {
    let head = match (&*wait.stage, wait.dry_run) {
        ("writing", _) => "Under way",
        ("queued", _) => "Queued",
        (_, true) => "Waiting (dry run)",
        (_, false) => "Waiting",
    };
    let mut line = format!("{head}: {}", wait.verb);
    if let Some(to) = wait.to {
        let _never_fails = write!(line, " to {to}");
    }
    if !wait.services.is_empty() {
        let _never_fails = write!(line, " of {}", wait.services.join(", "));
    }
    let _never_fails = write!(line, ", by {}, for {}", wait.actor, seconds(wait.age_seconds));
    if let Some(left) = wait.left_seconds.filter(|_| wait.stage == "gate") {
        let _never_fails = write!(line, ", {} left", seconds(left));
    }
    let why = match &*wait.stage {
        "queued" => Some("another change comes first"),
        "writing" => Some("decided, being made durable and published"),
        _ => wait.reason.as_deref(),
    };
    why.map_or(line.clone(), |why| format!("{line}: {why}"))
}

const DAY: f64 = 86_400.0;

/// From when on the certificate of a target is worth a line.
const SOON: f64 = 14.0 * DAY;

/// How long a certificate may still be used.
fn until(certificate: &Certificate) -> String {
    let (end, left) = (&certificate.not_after, certificate.left_seconds);
    match left {
        ..0.0 => format!("expired on {end}: renew it"),
        ..DAY => format!("expires in {} ({end}): renew it", seconds(left)),
        _ => format!("expires in {:.0} days ({end})", (left / DAY).floor()),
    }
}

/// Whether this color may be stopped, and why not.
pub fn standing(color: Color, status: &ColorStatus) -> String {
    let oldest = status
        .oldest_age_seconds
        .map(|age| format!(", oldest {}", seconds(age)))
        .unwrap_or_default();
    let streams = match (status.streams, status.oldest_stream_age_seconds) {
        (0, _) => String::new(),
        (count, None) => format!(" (streams: {count})"),
        (count, Some(age)) => format!(" (streams: {count}, oldest {})", seconds(age)),
    };
    match status.role {
        Role::Active => {
            // It has one while it is held.
            let deadline = status
                .deadline_seconds
                .map_or_else(String::new, |left| format!(", {} to the deadline", seconds(left)));
            format!("active, {} in flight{streams}{oldest}{deadline}", status.in_flight)
        }
        _ if status.drained => "drained: safe to stop".to_owned(),
        Role::Draining | Role::Idle => {
            let deadline = match status.deadline_seconds {
                _ if status.cutting => ", cutting what is left".to_owned(),
                Some(left) => format!(", {} to the deadline", seconds(left)),
                None => String::new(),
            };
            let left = status.in_flight;
            format!("draining {left}{streams}{oldest}{deadline}: do not stop {color}")
        }
    }
}

/// What probes say of a target, in words.
pub(crate) fn probed(target: &Target) -> String {
    let health = match target.health {
        Health::Unknown => "unknown",
        Health::Up => "up",
        Health::Down => "down",
    };
    let name = located(&target.url, target.address.as_deref());
    let note = target.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
    let Some(probe) = &target.last_probe else {
        return format!("{name} {health}{note}, not probed yet");
    };
    let found = match (&probe.reason, probe.status) {
        (Some(reason), _) => reason.clone(),
        (None, Some(status)) => format!("{status} in {} ms", probe.latency_ms),
        (None, None) => format!("passed in {} ms", probe.latency_ms),
    };
    format!("{name} {health}{note}, probed {} ago: {found}", seconds(probe.age_seconds))
}

/// A target as configured, and at which address of its name, if it is one.
fn located(url: &str, address: Option<&str>) -> String {
    let address = address.filter(|address| !url.ends_with(address));
    match address.and_then(|address| address.rsplit_once(':')) {
        Some((host, _)) => format!("{url} at {}", host.trim_matches(['[', ']'])),
        None => url.to_owned(),
    }
}

/// What a switch or a rollback did.
pub fn switch(outcome: &SwitchOutcome) -> String {
    let mut lines = Lines::default();
    match outcome {
        SwitchOutcome::Service(answer) => {
            switched(&mut lines, answer.result, answer.from, answer.to);
            notes(&mut lines, answer.result, answer.generation);
            of_service(&mut lines, answer);
        }
        SwitchOutcome::Group(GroupAnswer { result, from, to, generation, services, .. }) => {
            switched(&mut lines, *result, *from, *to);
            notes(&mut lines, *result, *generation);
            for answer in services {
                line!(lines, "");
                line!(lines, "Service: {}", answer.service);
                switched(&mut lines, answer.result, answer.from, answer.to);
                of_service(&mut lines, answer);
            }
        }
    }
    lines.0
}

fn switched(lines: &mut Lines, result: SwitchResult, from: Color, to: Color) {
    match result {
        SwitchResult::Switched => line!(lines, "Switched from {from} to {to}"),
        SwitchResult::Already => line!(lines, "Already on {to}"),
        SwitchResult::WouldSwitch => line!(lines, "Would switch from {from} to {to}"),
    }
}

fn notes(lines: &mut Lines, result: SwitchResult, generation: u64) {
    match result {
        SwitchResult::Switched => line!(lines, "Generation: {generation}"),
        SwitchResult::Already => {}
        SwitchResult::WouldSwitch => {
            line!(lines, "Dry run: the gate would pass, nothing was changed");
        }
    }
}

fn of_service(lines: &mut Lines, answer: &SwitchAnswer) {
    proofs(lines, &answer.evidence);
    if let Some(drain) = &answer.drain {
        line!(lines, "{}", drained(drain));
    }
}

/// How the drain of a color stands, in one line.
pub fn drained(drain: &Drain) -> String {
    let color = drain.color;
    match drain.state {
        DrainState::Draining => format!("{color} is still draining: do not stop {color}"),
        DrainState::Drained => format!("{color} is drained: safe to stop"),
        DrainState::Cut => {
            let what = drain.cut.map_or_else(String::new, |cut| {
                format!(
                    " {} ({} without an answer, {} while answering, {} tunnels)",
                    cut.total, cut.unanswered, cut.answering, cut.tunnels
                )
            });
            format!("{color} is drained: the deadline cut{what}; safe to stop")
        }
        DrainState::Stuck => {
            let left = drain.left.map_or_else(String::new, |left| {
                format!(": {} leases and {} connections are left", left.leases, left.connections)
            });
            format!(
                "{color} is not drained: a worker has not ended what the deadline cut{left}; \
                 do not stop {color}; look into teal status and the log of Teal"
            )
        }
        DrainState::Superseded => {
            let by = drain.superseded_by.map_or_else(String::new, |by| format!(" {by}"));
            format!("The drain of {color} was superseded by generation{by}: do not stop {color}")
        }
        DrainState::Interrupted => {
            format!("The drain of {color} was interrupted: do not stop {color}")
        }
    }
}

/// What a hold did.
pub fn hold(answer: &HoldAnswer) -> String {
    let mut lines = Lines::default();
    line!(lines, "Held: new requests wait, each at most {}", seconds(answer.max_wait_seconds));
    let color = answer.color;
    match answer.drain.state {
        DrainState::Drained => line!(lines, "No request is on {color}"),
        DrainState::Draining => line!(lines, "Requests are still on {color}"),
        _ => line!(lines, "{}", drained(&answer.drain)),
    }
    lines.0
}

/// What a resume did.
pub fn resume(answer: &Resumed) -> String {
    format!("Resumed: {} waiting requests go to {}\n", answer.waiting, answer.color)
}

/// What a reload did.
pub fn reload(answer: &Reloaded) -> String {
    let mut lines = Lines::default();
    match (answer.changes.len(), answer.generation) {
        (0, _) => line!(lines, "Reloaded: nothing changed"),
        (_, Some(generation)) => line!(lines, "Reloaded: generation {generation}"),
        (_, None) => line!(lines, "Reloaded"),
    }
    for change in &answer.changes {
        line!(lines, "  {change}");
    }
    lines.0
}

/// What became of an upgrade.
pub fn upgrade(answer: &Upgraded) -> String {
    let Upgraded { pid, version } = answer;
    format!(
        "Upgraded: Teal {version} serves as process {pid}\nThe older one leaves when its last request has ended\n"
    )
}

/// What was decided, newest first, one line each.
pub fn history(history: &History) -> String {
    let mut lines = Lines::default();
    for change in &history.changes {
        match change {
            Change::Switch(receipt) => line!(lines, "{}", receipt_line(receipt)),
            Change::Reload(reload) => {
                let (at, generation, actor) = (&reload.at, reload.generation, &reload.actor);
                let services = reload.services.join(", ");
                let what = if generation == 0 { "first start with" } else { "reload of" };
                line!(lines, "{at}  {generation:>5}  {what} {services}, by {actor}");
            }
            Change::Hold(hold) => {
                line!(lines, "{}      -  hold of {}, by {}", hold.at, hold.service, hold.actor);
            }
            Change::Resume(resume) => {
                let (at, service, actor) = (&resume.at, &resume.service, &resume.actor);
                line!(lines, "{at}      -  resume of {service}, by {actor}");
            }
            Change::Wait(wait) => line!(lines, "{}", wait_line(wait)),
        }
    }
    if history.changes.is_empty() {
        line!(lines, "Nothing was changed yet");
    }
    lines.0
}

fn wait_line(wait: &WaitChange) -> String {
    let WaitChange { at, verb, since, actor, end, .. } = wait;
    let mut what = verb.clone();
    if !wait.services.is_empty() {
        let _never_fails = write!(what, " of {}", wait.services.join(", "));
    }
    if let Some(to) = wait.to {
        let _never_fails = write!(what, " to {to}");
    }
    let by = match (&wait.by, &wait.by_actor) {
        (Some(by), Some(actor)) => format!(" by {by}, by {actor}"),
        _ => " by its caller".to_owned(),
    };
    format!("{at}      -  {what}, by {actor}: waited since {since}, {end}{by}; changed nothing")
}

fn receipt_line(receipt: &Receipt) -> String {
    let Receipt { decided, generation, cause, service, from, to, actor, .. } = receipt;
    let end = match &receipt.drain {
        None => "publishing".to_owned(),
        Some(drain) => match (drain.state, drain.cut, drain.superseded_by) {
            (DrainState::Cut, Some(cut), _) => format!("cut {}", cut.total),
            (DrainState::Superseded, _, Some(by)) => format!("superseded by {by}"),
            (state, ..) => word(state).to_owned(),
        },
    };
    format!(
        "{decided}  {generation:>5}  {cause} of {service} from {from} to {to}, by {actor}: {end}"
    )
}

fn word(state: DrainState) -> &'static str {
    match state {
        DrainState::Draining => "draining",
        DrainState::Drained => "drained",
        DrainState::Cut => "cut",
        DrainState::Stuck => "stuck",
        DrainState::Superseded => "superseded",
        DrainState::Interrupted => "interrupted",
    }
}

/// The records of one switch, one block for each service.
pub fn receipts(receipts: &[Receipt]) -> String {
    receipts.iter().map(receipt).collect::<Vec<_>>().join("\n")
}

/// The record of one switch of a service.
pub fn receipt(receipt: &Receipt) -> String {
    let mut lines = Lines::default();
    let Receipt { generation, cause, service, from, to, .. } = receipt;
    line!(lines, "Generation {generation}: {cause} of {service} from {from} to {to}");
    line!(lines, "By: {}", receipt.actor);
    line!(lines, "Decided: {}", receipt.decided);
    line!(lines, "Published: {}", receipt.published.as_deref().unwrap_or("not yet"));
    line!(lines, "Ended: {}", receipt.ended.as_deref().unwrap_or("not yet"));
    if let Some(drain) = &receipt.drain {
        line!(lines, "Drain: {}", drained(drain));
    }
    proofs(&mut lines, &receipt.evidence);
    if let Some(figures) = &receipt.figures {
        line!(lines, "Last on {from}: {}", figures.last_on_old.as_deref().unwrap_or("none"));
        line!(lines, "First on {to}: {}", figures.first_on_new.as_deref().unwrap_or("none"));
        let (parked, retries, lost) = (figures.parked, figures.retries, figures.stale_lost);
        line!(lines, "Requests parked {parked}, sent again {retries}, stale_lost {lost}");
        line!(lines, "Blue: {}", color_figures(&figures.blue));
        line!(lines, "Green: {}", color_figures(&figures.green));
    }
    lines.0
}

fn color_figures(figures: &ColorFigures) -> String {
    let latency = |millis: Option<f64>| millis.map_or("-".to_owned(), |ms| format!("{ms} ms"));
    format!(
        "{} requests, {} errors, p50 {}, p99 {}",
        figures.requests,
        figures.errors,
        latency(figures.p50_ms),
        latency(figures.p99_ms)
    )
}

fn proofs(lines: &mut Lines, evidence: &[Evidence]) {
    for Evidence { target, address, at, status, latency_ms } in evidence {
        let target = located(target, address.as_deref());
        line!(lines, "Probe: {target} answered {status} in {latency_ms} ms at {at}");
    }
}

fn seconds(seconds: f64) -> String {
    show(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn capital(color: Color) -> &'static str {
    match color {
        Color::Blue => "Blue",
        Color::Green => "Green",
    }
}

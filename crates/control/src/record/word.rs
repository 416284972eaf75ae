//! The format of the small parts of events and snapshots.

use std::time::Duration;

use rules::{
    Actor, Cause, Color, ColorFigures, Cut, DrainEnd, Figures, Generation, Proof, ServiceName,
    TargetUrl, Time, Verb, Version, WaitEnd,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ColorWord {
    Blue,
    Green,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CauseWord {
    Switch,
    Rollback,
    Failover,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActorWord {
    Token(String),
    Uid(u32),
    Teal,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ProofRecord {
    target: String,
    at: u64,
    status: u16,
    latency_us: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EndRecord {
    Drained,
    Cut { unanswered: u64, answering: u64, tunnels: u64 },
    Superseded { by: u64 },
    Interrupted,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FiguresRecord {
    last_on_old: Option<u64>,
    first_on_new: Option<u64>,
    parked: u64,
    retries: u64,
    stale_lost: u64,
    blue: ColorFiguresRecord,
    green: ColorFiguresRecord,
}

#[derive(Serialize, Deserialize)]
struct ColorFiguresRecord {
    requests: u64,
    errors: u64,
    p50_us: Option<u64>,
    p99_us: Option<u64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum VerbWord {
    Switch(ColorWord),
    Rollback,
    Hold,
    Resume,
    Maintenance,
    Targets,
    Reload,
    Failover,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WaitEndRecord {
    Superseded { by: VerbWord, actor: ActorWord },
    Abandoned,
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn service(name: &str) -> Result<ServiceName, String> {
    ServiceName::new(name).map_err(|error| error.to_string())
}

pub(super) fn services(names: &[String]) -> Result<Vec<ServiceName>, String> {
    names.iter().map(|name| service(name)).collect()
}

pub(super) fn version(text: Option<String>) -> Result<Option<Version>, String> {
    text.map(|text| Version::new(&text).map_err(|error| error.to_string())).transpose()
}

pub(super) fn proofs(records: Vec<ProofRecord>) -> Result<Vec<Proof>, String> {
    records.into_iter().map(Proof::try_from).collect()
}

// === impl VerbWord, WaitEndRecord ===

impl From<Verb> for VerbWord {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Switch(color) => Self::Switch(color.into()),
            Verb::Rollback => Self::Rollback,
            Verb::Hold => Self::Hold,
            Verb::Resume => Self::Resume,
            Verb::Maintenance => Self::Maintenance,
            Verb::Targets => Self::Targets,
            Verb::Reload => Self::Reload,
            Verb::Failover => Self::Failover,
        }
    }
}

impl From<VerbWord> for Verb {
    fn from(word: VerbWord) -> Self {
        match word {
            VerbWord::Switch(color) => Self::Switch(color.into()),
            VerbWord::Rollback => Self::Rollback,
            VerbWord::Hold => Self::Hold,
            VerbWord::Resume => Self::Resume,
            VerbWord::Maintenance => Self::Maintenance,
            VerbWord::Targets => Self::Targets,
            VerbWord::Reload => Self::Reload,
            VerbWord::Failover => Self::Failover,
        }
    }
}

impl From<&WaitEnd> for WaitEndRecord {
    fn from(end: &WaitEnd) -> Self {
        match end {
            WaitEnd::Superseded { by, actor } => {
                Self::Superseded { by: (*by).into(), actor: actor.into() }
            }
            WaitEnd::Abandoned => Self::Abandoned,
        }
    }
}

impl From<WaitEndRecord> for WaitEnd {
    fn from(end: WaitEndRecord) -> Self {
        match end {
            WaitEndRecord::Superseded { by, actor } => {
                Self::Superseded { by: by.into(), actor: actor.into() }
            }
            WaitEndRecord::Abandoned => Self::Abandoned,
        }
    }
}

// === impl ColorWord, CauseWord, ActorWord ===

impl From<Color> for ColorWord {
    fn from(color: Color) -> Self {
        match color {
            Color::Blue => Self::Blue,
            Color::Green => Self::Green,
        }
    }
}

impl From<ColorWord> for Color {
    fn from(word: ColorWord) -> Self {
        match word {
            ColorWord::Blue => Self::Blue,
            ColorWord::Green => Self::Green,
        }
    }
}

impl From<Cause> for CauseWord {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Switch => Self::Switch,
            Cause::Rollback => Self::Rollback,
            Cause::Failover => Self::Failover,
        }
    }
}

impl From<CauseWord> for Cause {
    fn from(word: CauseWord) -> Self {
        match word {
            CauseWord::Switch => Self::Switch,
            CauseWord::Rollback => Self::Rollback,
            CauseWord::Failover => Self::Failover,
        }
    }
}

impl From<&Actor> for ActorWord {
    fn from(actor: &Actor) -> Self {
        match actor {
            Actor::Token(name) => Self::Token(name.to_string()),
            Actor::Uid(uid) => Self::Uid(*uid),
            Actor::Teal => Self::Teal,
        }
    }
}

impl From<ActorWord> for Actor {
    fn from(word: ActorWord) -> Self {
        match word {
            ActorWord::Token(name) => Self::Token(name.into()),
            ActorWord::Uid(uid) => Self::Uid(uid),
            ActorWord::Teal => Self::Teal,
        }
    }
}

// === impl ProofRecord, EndRecord, FiguresRecord ===

impl From<&Proof> for ProofRecord {
    fn from(proof: &Proof) -> Self {
        let latency_us = micros(proof.latency);
        // The decision was about a name; its addresses may change any time.
        let target = proof.target.url.to_string();
        Self { target, at: proof.at.0, status: proof.status, latency_us }
    }
}

impl TryFrom<ProofRecord> for Proof {
    type Error = String;

    fn try_from(record: ProofRecord) -> Result<Self, String> {
        let target = TargetUrl::parse(&record.target).map_err(|error| error.to_string())?;
        let latency = Duration::from_micros(record.latency_us);
        Ok(Self { target: target.into(), at: Time(record.at), status: record.status, latency })
    }
}

impl From<DrainEnd> for EndRecord {
    fn from(end: DrainEnd) -> Self {
        match end {
            DrainEnd::Drained => Self::Drained,
            DrainEnd::Cut(Cut { unanswered, answering, tunnels }) => {
                Self::Cut { unanswered, answering, tunnels }
            }
            DrainEnd::Superseded { by } => Self::Superseded { by: by.0 },
            DrainEnd::Interrupted => Self::Interrupted,
        }
    }
}

impl From<EndRecord> for DrainEnd {
    fn from(record: EndRecord) -> Self {
        match record {
            EndRecord::Drained => Self::Drained,
            EndRecord::Cut { unanswered, answering, tunnels } => {
                Self::Cut(Cut { unanswered, answering, tunnels })
            }
            EndRecord::Superseded { by } => Self::Superseded { by: Generation(by) },
            EndRecord::Interrupted => Self::Interrupted,
        }
    }
}

impl From<&Figures> for FiguresRecord {
    fn from(figures: &Figures) -> Self {
        let [blue, green] = figures.colors;
        Self {
            last_on_old: figures.last_on_old.map(|time| time.0),
            first_on_new: figures.first_on_new.map(|time| time.0),
            parked: figures.parked,
            retries: figures.retries,
            stale_lost: figures.stale_lost,
            blue: blue.into(),
            green: green.into(),
        }
    }
}

impl From<FiguresRecord> for Figures {
    fn from(record: FiguresRecord) -> Self {
        Self {
            last_on_old: record.last_on_old.map(Time),
            first_on_new: record.first_on_new.map(Time),
            parked: record.parked,
            retries: record.retries,
            stale_lost: record.stale_lost,
            colors: [record.blue.into(), record.green.into()],
        }
    }
}

impl From<ColorFigures> for ColorFiguresRecord {
    fn from(figures: ColorFigures) -> Self {
        Self {
            requests: figures.requests,
            errors: figures.errors,
            p50_us: figures.p50.map(micros),
            p99_us: figures.p99.map(micros),
        }
    }
}

impl From<ColorFiguresRecord> for ColorFigures {
    fn from(record: ColorFiguresRecord) -> Self {
        Self {
            requests: record.requests,
            errors: record.errors,
            p50: record.p50_us.map(Duration::from_micros),
            p99: record.p99_us.map(Duration::from_micros),
        }
    }
}

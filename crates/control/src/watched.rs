//! The evidence about one open rollout: what its candidate has answered since the look that began it.
//!
//! Guaranteed: only requests that this process has ended are evidence. What an older Teal hands over with its books is of
//! any time, also of a version before, and would arrive as if it had happened now (L12).

use std::collections::BTreeMap;

use judge::{BeforeAfter, Counts, Pass, Tolerance, at_most};
use rules::{Color, JudgeSettings, Rollout, RolloutId, ServiceName};
use traffic::{Answers, FailureSum, Publisher};

use crate::swap::{Member, Roster};
use crate::view::Evidence;

/// The share of failures that is bad in any case: a candidate passes once it would have shown.
const BAD: f64 = 0.01;

/// The error of the bound that people are shown.
const SHOWN_ERROR: f64 = 0.05;

/// The evidence about all open rollouts.
pub(crate) type AllWatched = BTreeMap<RolloutId, Watched>;

/// The evidence about one rollout.
#[derive(Debug)]
pub(crate) struct Watched {
    services: Vec<WatchedService>,
}

/// The evidence about one service.
#[derive(Debug)]
struct WatchedService {
    service: ServiceName,
    settings: JudgeSettings,
    /// The requests that had ended at the last look.
    seen: u64,
    judge: BeforeAfter,
    pass: Pass,
    /// The failed requests by client at the beginning.
    first: FailureSum,
    requests: u64,
    failed: u64,
    /// Failed requests that are evidence.
    counted: u64,
    clients: u32,
}

impl Watched {
    /// Begins to watch: what the counters say now is not evidence.
    pub(crate) fn begin(roster: &Roster, publisher: &Publisher, rollout: &Rollout) -> Self {
        let service = |baseline: &rules::Baseline| {
            let member = roster.member(&baseline.service);
            let settings = member.and_then(|member| member.spec.rollout).unwrap_or_default().judge;
            let tolerance = Tolerance {
                ratio: f64::from(settings.tolerance) / 1000.0,
                floor: f64::from(settings.floor) / 1_000_000.0,
            };
            let stable = Counts::new(baseline.requests, baseline.failed);
            let judge = BeforeAfter::new(stable, tolerance);
            WatchedService {
                service: baseline.service.clone(),
                settings,
                seen: member
                    .map(|member| ended(member, rollout.candidate, publisher))
                    .unwrap_or_default(),
                pass: Pass::new(judge.allowed().max(BAD)),
                judge,
                first: member.map(|member| failures(member, rollout.candidate)).unwrap_or_default(),
                requests: 0,
                failed: 0,
                counted: 0,
                clients: 0,
            }
        };
        Self { services: rollout.services.iter().map(service).collect() }
    }

    /// Takes what the counters have grown by.
    pub(crate) fn look(&mut self, roster: &Roster, publisher: &Publisher, rollout: &Rollout) {
        for watched in &mut self.services {
            if let Some(member) = roster.member(&watched.service) {
                let now = ended(member, rollout.candidate, publisher);
                watched.take(now, &failures(member, rollout.candidate));
            }
        }
    }

    /// Returns why the candidate has failed; `None`: it has not.
    pub(crate) fn failed(&self, rollout: &Rollout) -> Option<String> {
        let failed = self.services.iter().find(|one| one.has_failed())?;
        Some(failed.say(rollout))
    }

    /// Returns what is known in words.
    pub(crate) fn verdict(&self, rollout: &Rollout) -> String {
        let all = self.services.iter().map(|one| one.say(rollout));
        all.collect::<Vec<_>>().join("; ")
    }

    /// Returns the decimal logarithm of the e-value against the candidate of a service.
    pub(crate) fn log10_e(&self, service: &ServiceName) -> Option<f64> {
        let watched = self.services.iter().find(|one| one.service == *service)?;
        Some(watched.judge.log10_e(watched.evident()))
    }

    /// Returns the evidence about each service.
    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        self.services.iter().map(WatchedService::evidence).collect()
    }
}

impl WatchedService {
    fn take(&mut self, now: u64, failures: &FailureSum) {
        let before = std::mem::replace(&mut self.seen, now);
        // A reload replaces targets: sums may fall.
        self.requests += now.saturating_sub(before);
        let failures = failures.since(&self.first);
        self.clients = failures.clients();
        self.failed = failures.total().min(self.requests);
        let counted = match self.settings.min_clients {
            0 | 1 => self.failed,
            clients => failures.balanced(clients.into()).min(self.failed),
        };
        self.counted = self.counted.max(counted);
    }

    // lossless: L12
    fn has_failed(&self) -> bool {
        self.counted >= u64::from(self.settings.min_bad) && self.judge.fails(self.evident())
    }

    /// Returns true if a candidate that is bad would hardly look like this: all of its failures count here.
    fn has_passed(&self) -> bool {
        self.pass.passes(Counts::new(self.requests, self.failed))
    }

    /// Returns the counts without failures that may all be of one client.
    fn evident(&self) -> Counts {
        Counts::new(self.requests, self.counted)
    }

    /// Returns what is known in words.
    fn say(&self, rollout: &Rollout) -> String {
        let Self { service, requests, failed, .. } = self;
        let stable = rollout.candidate.other();
        let before = rollout.services.iter().find(|one| one.service == *service);
        let (had, of) = before.map_or((0, 0), |one| (one.failed, one.requests));
        let allowed = percent(self.judge.allowed());
        if self.has_failed() {
            return format!(
                "{service}: {failed} of {requests} requests failed; {stable} had {had} of {of}, so at most {allowed} may"
            );
        }
        if *requests == 0 {
            return format!("{service}: no request has ended yet");
        }
        let at_most = percent(at_most(Counts::new(*requests, *failed), SHOWN_ERROR));
        let known = format!(
            "{service}: {requests} requests, {failed} failed; at most {at_most} with 95 % confidence"
        );
        match self.lacks() {
            None => known,
            Some(lacks) => format!("{known}; {lacks}"),
        }
    }

    /// Returns why there is no verdict yet; `None`: the candidate passes.
    fn lacks(&self) -> Option<String> {
        if self.has_passed() {
            return None;
        }
        let JudgeSettings { min_bad, min_clients, .. } = self.settings;
        if self.counted * 2 < self.failed {
            let clients = self.clients;
            return Some(format!(
                "inconclusive: most of the failed requests are of fewer than {min_clients} clients of {clients}"
            ));
        }
        if self.judge.fails(self.evident()) {
            let failed = self.counted;
            return Some(format!("inconclusive: {failed} failed requests, fewer than {min_bad}"));
        }
        if !self.judge.can_fail() {
            return Some(
                "inconclusive: too few requests before the switch to compare with".to_owned(),
            );
        }
        Some("inconclusive: too few requests".to_owned())
    }

    fn evidence(&self) -> Evidence {
        Evidence {
            service: self.service.clone(),
            requests: self.requests,
            failed: self.failed,
            clients: self.clients,
            allowed: self.judge.allowed(),
            at_most: at_most(Counts::new(self.requests, self.failed), SHOWN_ERROR),
            log10_e: self.judge.log10_e(self.evident()),
            passes: self.has_passed(),
        }
    }
}

/// Returns the number of requests of a color that the workers of this process have ended.
// lossless: L12
fn ended(member: &Member, color: Color, publisher: &Publisher) -> u64 {
    let is_here = |worker| publisher.is_here(worker);
    let answers = member.color(color).targets.iter();
    let answers = answers.map(|target| Answers::of_workers(&target.books, is_here));
    answers.map(|Answers { whole, failed }| whole + failed).sum()
}

/// Returns the failed requests of a color by client, of this process alone: they are not handed over.
fn failures(member: &Member, color: Color) -> FailureSum {
    FailureSum::of(&member.color(color).books)
}

/// Returns a share as people read it.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = if percent < 1.0 { 2 } else { 1 };
    format!("{percent:.digits$} %")
}

//! The times at which the command lines of open deploys last reported. They are in memory only: after a start, or
//! after control was taken back, each counts as heard at that moment.

use std::collections::BTreeMap;
use std::time::Duration;

use rules::{Deploy, DeployId};

/// The last signs of life, as times since the process started.
#[derive(Debug, Default)]
pub(crate) struct Heartbeats {
    since: Duration,
    heard: BTreeMap<DeployId, Duration>,
}

impl Heartbeats {
    /// Notes a sign of life.
    pub(crate) fn hear(&mut self, id: DeployId, now: Duration) {
        self.heard.insert(id, now);
    }

    /// Forgets a deploy that has ended.
    pub(crate) fn forget(&mut self, id: DeployId) {
        self.heard.remove(&id);
    }

    /// Forgets all of them: from now on each counts as heard now.
    pub(crate) fn begin_anew(&mut self, now: Duration) {
        *self = Self { since: now, heard: BTreeMap::new() };
    }

    /// Returns the time since the last sign of life of a deploy.
    pub(crate) fn silent(&self, id: DeployId, now: Duration) -> Duration {
        now.saturating_sub(*self.heard.get(&id).unwrap_or(&self.since))
    }

    /// The same, for people: `None` if nobody is expected to report, because it has ended or is paused.
    pub(crate) fn shown(&self, deploy: &Deploy, now: Duration) -> Option<Duration> {
        (deploy.is_open() && !deploy.paused).then(|| self.silent(deploy.id, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deploy_is_silent_since_it_was_heard_or_since_the_start() {
        let (one, second) = (DeployId(1), Duration::from_secs(1));
        let mut heartbeats = Heartbeats::default();
        assert_eq!(heartbeats.silent(one, second * 3), second * 3);
        heartbeats.hear(one, second * 2);
        assert_eq!(heartbeats.silent(one, second * 3), second);
        heartbeats.begin_anew(second * 5);
        assert_eq!(heartbeats.silent(one, second * 6), second);
    }
}

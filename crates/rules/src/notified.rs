//! The events that a notification can be about: one list for the configuration, the messages and the reference.

use std::fmt;

/// A kind of event that somebody can be notified of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotifiedEvent {
    /// An operator switched a service.
    Switch,
    /// An operator switched a service back.
    Rollback,
    /// Teal switched a service, since every target of its active color was down.
    Failover,
    /// A call was refused.
    Refused,
    /// A drain cut what outlived its deadline.
    Drained,
    /// The health of a target of an active color changed.
    Health,
    /// New requests are held.
    Hold,
    /// Held requests were released.
    Resume,
    /// A maintenance began, or has another notice.
    MaintenanceOn,
    /// A maintenance ended.
    MaintenanceOff,
    /// A deploy began, waits before its switch, or ended.
    Deploy,
    /// A rollout began or ended: its candidate stays, was taken back, or nobody could.
    Rollout,
    /// There is a problem with certificates, or there is none any more.
    Certificate,
    /// A newer Teal took over, or the older one has left.
    Upgrade,
    /// The configuration was reloaded.
    Reload,
    /// A color was retired.
    Retire,
    /// A runner told the targets of a color.
    Targets,
    /// A preview was made.
    PreviewMade,
    /// Preview tokens were revoked.
    PreviewsRevoked,
}

impl NotifiedEvent {
    /// All of them, those of the default first.
    pub const ALL: [Self; 19] = [
        Self::Switch,
        Self::Rollback,
        Self::Failover,
        Self::Refused,
        Self::Drained,
        Self::Health,
        Self::Hold,
        Self::Resume,
        Self::MaintenanceOn,
        Self::MaintenanceOff,
        Self::Deploy,
        Self::Rollout,
        Self::Certificate,
        Self::Upgrade,
        Self::Reload,
        Self::Retire,
        Self::Targets,
        Self::PreviewMade,
        Self::PreviewsRevoked,
    ];

    /// Those that are notified unless a list is configured: what a person should hear of.
    pub const DEFAULT: &'static [Self] = Self::ALL.split_at(14).0;

    /// The name, which is that of the event in `GET /admin/events` if there is one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Rollback => "rollback",
            Self::Failover => "failover",
            Self::Refused => "refused",
            Self::Drained => "drained",
            Self::Health => "health",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::MaintenanceOn => "maintenance_on",
            Self::MaintenanceOff => "maintenance_off",
            Self::Deploy => "deploy",
            Self::Rollout => "rollout",
            Self::Certificate => "certificate",
            Self::Upgrade => "upgrade",
            Self::Reload => "reload",
            Self::Retire => "retire",
            Self::Targets => "targets",
            Self::PreviewMade => "preview_made",
            Self::PreviewsRevoked => "previews_revoked",
        }
    }

    /// The event of this name; `None`: nobody can be notified of such an event.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }
}

impl fmt::Display for NotifiedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_those_of_the_default_come_first() {
        for (at, event) in NotifiedEvent::ALL.into_iter().enumerate() {
            assert_eq!(NotifiedEvent::parse(event.as_str()), Some(event), "{event}");
            assert_eq!(NotifiedEvent::DEFAULT.contains(&event), at < 14, "{event}");
        }
        assert_eq!(NotifiedEvent::DEFAULT.last(), Some(&NotifiedEvent::Upgrade));
        assert_eq!(NotifiedEvent::parse("published"), None, "nobody needs to hear of it");
    }
}

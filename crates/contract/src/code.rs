//! The codes of problem documents (RFC 9457): every one that the admin API answers, with its HTTP status and
//! the case in which it is answered.
//!
//! Guaranteed: a code never changes once it is published, and has one status. The admin API can answer no code
//! that is not here, because a problem is made from a [`Code`].

use std::fmt;

use rules::{DeployRefusal, Refusal};

/// Declares the codes: the case in which each is answered, its HTTP status and its text.
macro_rules! codes {
    ($($(#[doc = $case:literal])+ $name:ident = $status:literal $text:literal,)+) => {
        /// The code of a problem document.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $case])+ $name,)+
        }

        impl Code {
            /// All codes, in the order in which a call is checked.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns the text of the code, for scripts.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// Returns the HTTP status that it is answered with.
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)+
                }
            }

            /// Returns the case in which it is answered, for the reference.
            pub fn case(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($case),+).trim_ascii_start(),)+
                }
            }
        }
    };
}

codes! {
    /// `Host` is not a name of the admin API.
    ForbiddenHost = 403 "forbidden_host",
    /// `Origin` is not the admin API.
    ForbiddenOrigin = 403 "forbidden_origin",
    /// A browser sent the call from another site.
    ForbiddenSite = 403 "forbidden_site",
    /// The admin API has no such path.
    NotFound = 404 "not_found",
    /// The path has no such method; `Allow` lists those it has.
    MethodNotAllowed = 405 "method_not_allowed",
    /// The call needs a token.
    TokenRequired = 401 "token_required",
    /// The token is not valid.
    InvalidToken = 401 "invalid_token",
    /// The token is not valid, and too many others from this address were not either.
    LockedOut = 429 "locked_out",
    /// The token's role may not make this change.
    OperatorRequired = 403 "operator_required",
    /// The call has no parameter of this name.
    UnknownParameter = 400 "unknown_parameter",
    /// A parameter occurs more than once.
    DuplicateParameter = 400 "duplicate_parameter",
    /// A parameter has an invalid value, or is missing.
    InvalidParameter = 400 "invalid_parameter",
    /// The color of a switch is neither `blue` nor `green`.
    InvalidTarget = 400 "invalid_target",
    /// The call takes no body, but has one.
    UnexpectedBody = 400 "unexpected_body",
    /// The body did not arrive in time, or was cut short.
    BodyIncomplete = 408 "body_incomplete",
    /// The body is larger than 64 KiB.
    BodyTooLarge = 413 "body_too_large",
    /// The call needs a JSON object as its body, or a field of it has an invalid value.
    InvalidBody = 400 "invalid_body",
    /// The body has a field that the call does not know.
    UnknownField = 400 "unknown_field",
    /// Targets that a runner told cannot be used, such as one that the other color has.
    InvalidTargets = 400 "invalid_targets",
    /// There is more than one service, and none was named.
    ServiceRequired = 400 "service_required",
    /// The new configuration is invalid; `problems` lists why.
    ReloadProblems = 400 "reload_problems",
    /// No service has this name.
    UnknownService = 404 "unknown_service",
    /// No group has this name.
    UnknownGroup = 404 "unknown_group",
    /// No kept receipt has this generation.
    NoReceipt = 404 "no_receipt",
    /// No kept rollout has this number.
    UnknownRollout = 404 "unknown_rollout",
    /// No kept deploy has this number.
    UnknownDeploy = 404 "unknown_deploy",
    /// No endpoint of notifications has this name.
    UnknownEndpoint = 404 "unknown_endpoint",
    /// Another change is between its gate and its publish.
    SwitchInProgress = 409 "switch_in_progress",
    /// The services have never had another active color.
    NothingToRollBack = 409 "nothing_to_roll_back",
    /// The color is active, so it does not drain.
    ColorActive = 409 "color_active",
    /// The color is idle, but a lease or a connection is left on it.
    ColorDraining = 409 "color_draining",
    /// The color is retired, so it may be stopped at any moment: no rollback or failover goes to it, nor a switch while
    /// a deploy of the service is open.
    ColorRetired = 409 "color_retired",
    /// The configuration names the targets of the color, so that no runner tells them.
    TargetsConfigured = 409 "targets_configured",
    /// One Teal is being replaced by another.
    UpgradeInProgress = 409 "upgrade_in_progress",
    /// A drain goes on for too long to wait for it before Teal is replaced.
    DrainUnderWay = 409 "drain_under_way",
    /// The service is held already.
    AlreadyHeld = 409 "already_held",
    /// The service is not held.
    NotHeld = 409 "not_held",
    /// The service is in maintenance, so it cannot be held.
    InMaintenance = 409 "in_maintenance",
    /// None of the services is in maintenance.
    NotInMaintenance = 409 "not_in_maintenance",
    /// The service has no previews.
    NoPreviews = 409 "no_previews",
    /// A later call about the same service came while this one waited.
    Superseded = 409 "superseded",
    /// The caller went away before anything was decided.
    Abandoned = 409 "abandoned",
    /// A service is in a deploy that has not ended.
    DeployInProgress = 409 "deploy_in_progress",
    /// A service was rolled back, and no deploy has superseded that.
    RolledBack = 409 "rolled_back",
    /// Teal has taken the version back, and nobody has superseded that.
    Quarantined = 409 "quarantined",
    /// The services of a group have different active colors.
    ColorsDiffer = 409 "colors_differ",
    /// The deploy has ended.
    DeployEnded = 409 "deploy_ended",
    /// Another command line has taken the deploy over.
    DeployTakenOver = 409 "deploy_taken_over",
    /// The command line of the deploy is alive, so another one may not take it over.
    ClientAlive = 409 "client_alive",
    /// The deploy cannot come to this step or result.
    DeployStep = 409 "deploy_step",
    /// The last failover was less than a minute ago; in events only.
    FailoverCooling = 409 "failover_cooling",
    /// The color is not proven healthy now.
    Unhealthy = 412 "unhealthy",
    /// Requests of the warm-up of the color have failed.
    WarmUpFailed = 412 "warm_up_failed",
    /// The service has another generation than `If-Match` says.
    GenerationMismatch = 412 "generation_mismatch",
    /// The change is decided, but not every worker has applied it yet.
    PublishIncomplete = 500 "publish_incomplete",
    /// The disk has not confirmed the decision yet, which is neither done nor refused.
    JournalSlow = 500 "journal_slow",
    /// The newer Teal did not take over.
    UpgradeFailed = 500 "upgrade_failed",
    /// Teal failed; its log has the reason.
    Internal = 500 "internal",
    /// The decision could not be made durable.
    JournalUnavailable = 503 "journal_unavailable",
    /// Teal is stopping.
    Stopping = 503 "stopping",
    /// The controller does not respond.
    NoAnswer = 503 "no_answer",
    /// No test of an endpoint of notifications can be sent at present.
    NotificationsUnavailable = 503 "notifications_unavailable",
    /// Workers are still starting.
    NotReady = 503 "not_ready",
    /// As many event streams as allowed are open.
    TooManyStreams = 503 "too_many_streams",
    /// As many traces as allowed are running.
    TooManyTraces = 503 "too_many_traces",
    /// As many scrapes as allowed are being served.
    TooManyScrapes = 503 "too_many_scrapes",
}

impl Code {
    /// Returns the code of this text; `None`: no code of this version.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&Refusal> for Code {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::ServiceRequired { .. } => Self::ServiceRequired,
            Refusal::UnknownService { .. } => Self::UnknownService,
            Refusal::UnknownGroup { .. } => Self::UnknownGroup,
            Refusal::NoReceipt { .. } => Self::NoReceipt,
            Refusal::Unhealthy { .. } => Self::Unhealthy,
            Refusal::WarmUpFailed { .. } => Self::WarmUpFailed,
            Refusal::GenerationMismatch { .. } => Self::GenerationMismatch,
            Refusal::SwitchInProgress { .. } => Self::SwitchInProgress,
            Refusal::NothingToRollBack { .. } => Self::NothingToRollBack,
            Refusal::ColorActive { .. } => Self::ColorActive,
            Refusal::ColorDraining { .. } => Self::ColorDraining,
            Refusal::ColorRetired { .. } => Self::ColorRetired,
            Refusal::Quarantined { .. } => Self::Quarantined,
            Refusal::UnknownRollout { .. } => Self::UnknownRollout,
            Refusal::PublishIncomplete { .. } => Self::PublishIncomplete,
            Refusal::JournalUnavailable { .. } => Self::JournalUnavailable,
            Refusal::UpgradeInProgress => Self::UpgradeInProgress,
            Refusal::DrainUnderWay => Self::DrainUnderWay,
            Refusal::UpgradeFailed { .. } => Self::UpgradeFailed,
            Refusal::AlreadyHeld { .. } => Self::AlreadyHeld,
            Refusal::NotHeld { .. } => Self::NotHeld,
            Refusal::InMaintenance { .. } => Self::InMaintenance,
            Refusal::NotInMaintenance { .. } => Self::NotInMaintenance,
            Refusal::NoPreviews { .. } => Self::NoPreviews,
            Refusal::ReloadProblems { .. } => Self::ReloadProblems,
            Refusal::FailoverCooling { .. } => Self::FailoverCooling,
            Refusal::Superseded { .. } => Self::Superseded,
            Refusal::Abandoned => Self::Abandoned,
            Refusal::JournalSlow { .. } => Self::JournalSlow,
            Refusal::TargetsConfigured { .. } => Self::TargetsConfigured,
            Refusal::InvalidTargets { .. } => Self::InvalidTargets,
            Refusal::Deploy(refusal) => Self::from(refusal),
            Refusal::Stopping => Self::Stopping,
        }
    }
}

impl From<&DeployRefusal> for Code {
    fn from(refusal: &DeployRefusal) -> Self {
        match refusal {
            DeployRefusal::InProgress { .. } => Self::DeployInProgress,
            DeployRefusal::RolledBack { .. } => Self::RolledBack,
            DeployRefusal::ColorsDiffer { .. } => Self::ColorsDiffer,
            DeployRefusal::Unknown { .. } => Self::UnknownDeploy,
            DeployRefusal::Ended { .. } => Self::DeployEnded,
            DeployRefusal::TakenOver { .. } => Self::DeployTakenOver,
            DeployRefusal::ClientAlive { .. } => Self::ClientAlive,
            DeployRefusal::Step { .. } => Self::DeployStep,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use rules::{
        Actor, Color, Deploy, DeployId, DeployResult, Generation, GroupName, ServiceName, Verb,
    };

    use super::*;

    fn every_refusal_of_deploys() -> Vec<Refusal> {
        let service = ServiceName::new("web").expect("a name");
        let (id, by) = (DeployId(7), || "ci@host".to_owned());
        let deploy = Box::new(Deploy {
            id,
            services: vec![service.clone()],
            group: None,
            color: Color::Green,
            version: None,
            from_version: None,
            actor: Actor::Teal,
            by: None,
            reason: None,
            emergency: false,
            sweep: false,
            claim: 1,
            steps: Vec::new(),
            paused: false,
            generation: None,
            ended: None,
        });
        let (active, other) = (Color::Blue, service.clone());
        [
            DeployRefusal::InProgress { deploy, age: Duration::ZERO },
            DeployRefusal::RolledBack { service: service.clone(), generation: Generation(7) },
            DeployRefusal::ColorsDiffer { service, active, other },
            DeployRefusal::Unknown { id },
            DeployRefusal::Ended { id, result: DeployResult::Failed },
            DeployRefusal::TakenOver { id, claim: 2, by: by() },
            DeployRefusal::ClientAlive { id, by: by(), silent: Duration::ZERO },
            DeployRefusal::Step { id, reason: by() },
        ]
        .map(Refusal::Deploy)
        .into()
    }

    fn every_refusal() -> Vec<Refusal> {
        let service = ServiceName::new("web").expect("a name");
        let group = GroupName::new("shop").expect("a name");
        let (generation, color) = (Generation(7), Color::Blue);
        let reason = || "reason".to_owned();
        vec![
            Refusal::ServiceRequired { services: Vec::new() },
            Refusal::UnknownService { name: service.clone(), services: Vec::new() },
            Refusal::UnknownGroup { name: group, groups: Vec::new() },
            Refusal::NoReceipt { generation, service: None },
            Refusal::Unhealthy { service: service.clone(), color, reason: reason() },
            Refusal::WarmUpFailed { service: service.clone(), color, reason: reason() },
            Refusal::GenerationMismatch {
                service: service.clone(),
                expected: generation,
                actual: generation,
            },
            Refusal::SwitchInProgress { generation: None },
            Refusal::NothingToRollBack { services: Vec::new() },
            Refusal::ColorActive { service: service.clone(), color },
            Refusal::ColorDraining { service: service.clone(), color, leases: 1, connections: 1 },
            Refusal::ColorRetired { service: service.clone(), color, deploy: None },
            Refusal::PublishIncomplete { generation, workers: Vec::new() },
            Refusal::JournalUnavailable { reason: reason() },
            Refusal::UpgradeInProgress,
            Refusal::DrainUnderWay,
            Refusal::UpgradeFailed { reason: reason() },
            Refusal::AlreadyHeld { service: service.clone() },
            Refusal::NotHeld { service: service.clone() },
            Refusal::InMaintenance { service: service.clone() },
            Refusal::NotInMaintenance { services: Vec::new() },
            Refusal::NoPreviews { service: service.clone() },
            Refusal::ReloadProblems { problems: Vec::new() },
            Refusal::TargetsConfigured { service: service.clone(), color },
            Refusal::InvalidTargets { reason: reason() },
            Refusal::FailoverCooling { service, left: Duration::ZERO },
            Refusal::Superseded { by: Verb::Reload, actor: Actor::Teal },
            Refusal::Abandoned,
            Refusal::JournalSlow { silent: Duration::ZERO },
            Refusal::Stopping,
        ]
    }

    #[test]
    fn codes_are_unique_words_with_the_status_of_an_error() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!(code.as_str().bytes().all(|c| c.is_ascii_lowercase() || c == b'_'), "{code}");
            assert!((400..600).contains(&code.status()), "{code}");
            assert!(code.case().ends_with('.'), "{code}: {}", code.case());
        }
        assert_eq!(Code::parse("of_a_later_version"), None);
    }

    #[test]
    fn a_refusal_has_the_same_code_in_events_and_in_answers() {
        let mut refusals = every_refusal();
        refusals.extend(every_refusal_of_deploys());
        for refusal in &refusals {
            assert_eq!(Code::from(refusal).as_str(), refusal.code());
        }
        let codes: BTreeSet<_> = refusals.iter().map(Code::from).collect();
        assert_eq!(codes.len(), refusals.len());
    }
}

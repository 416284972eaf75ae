//! Conversions between deploys of the domain and their JSON.

use std::time::Duration;

use crate::unit::rfc3339;

use super::{Deploy, DeployResult, DeployStep, DeployStepRecord};

impl Deploy {
    /// Converts a record. `silent` is the time since its command line last reported, unless it is paused or has
    /// ended.
    pub fn of(deploy: &rules::Deploy, silent: Option<Duration>, now: rules::Time) -> Self {
        let (step, at) = deploy.step();
        let record = |(step, at): &(rules::DeployStep, _)| DeployStepRecord {
            step: (*step).into(),
            at: rfc3339(*at),
        };
        let version = |version: &Option<rules::Version>| version.as_ref().map(ToString::to_string);
        let keep_until = deploy.ended.as_ref().and_then(|end| end.keep_until);
        Self {
            id: deploy.id.0,
            services: deploy.services.iter().map(ToString::to_string).collect(),
            group: deploy.group.as_ref().map(ToString::to_string),
            color: deploy.color.into(),
            version: version(&deploy.version),
            from_version: version(&deploy.from_version),
            actor: (&deploy.actor).into(),
            by: deploy.by.clone(),
            reason: deploy.reason.clone(),
            emergency: deploy.emergency,
            sweep: deploy.sweep,
            claim: deploy.claim,
            step: step.into(),
            step_seconds: deploy.is_open().then(|| now.since(at).as_secs()),
            paused: deploy.paused,
            steps: deploy.steps.iter().map(record).collect(),
            started: rfc3339(deploy.started()),
            silent_seconds: silent.map(|silent| silent.as_secs()),
            client_gone: silent.is_some_and(|silent| silent >= rules::GONE_AFTER),
            generation: deploy.generation.map(|generation| generation.0),
            result: deploy.ended.as_ref().map(|end| end.result.into()),
            ended: deploy.ended.as_ref().map(|end| rfc3339(end.at)),
            detail: deploy.ended.as_ref().and_then(|end| end.detail.clone()),
            keep_until: keep_until.map(rfc3339),
            keep_seconds: keep_until.map(|until| until.since(now).as_secs()),
        }
    }
}

/// Converts between two enums of the same variants.
macro_rules! same {
    ($name:ident: $($variant:ident)+) => {
        impl From<rules::$name> for $name {
            fn from(domain: rules::$name) -> Self {
                match domain {
                    $(rules::$name::$variant => Self::$variant,)+
                }
            }
        }

        impl From<$name> for rules::$name {
            fn from(wire: $name) -> Self {
                match wire {
                    $($name::$variant => Self::$variant,)+
                }
            }
        }
    };
}

same!(DeployStep: Lock Before Start Gate Smoke Switch Drain Outside After Keep);
same!(DeployResult: Succeeded Failed Reverted Unknown Abandoned Swept);

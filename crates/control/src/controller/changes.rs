//! The last change of each service, and what a rollback would go back to: for status, from the history and the deploys.

use std::collections::HashMap;

use rules::{Deploy, DeployResult, HistoryEntry, Service, ServiceName, State};

use crate::view::{ChangeStatus, RollbackStatus};

/// The last change and the last deploy of each service.
pub(super) struct Changes<'s> {
    last: HashMap<&'s ServiceName, &'s HistoryEntry>,
    deploys: HashMap<&'s ServiceName, &'s Deploy>,
}

impl<'s> Changes<'s> {
    /// Finds them in one pass.
    pub(super) fn of(state: &'s State) -> Self {
        let mut last = HashMap::new();
        for entry in state.history().iter() {
            match entry {
                HistoryEntry::Switch(receipt) => drop(last.insert(&receipt.service, entry)),
                HistoryEntry::Reload { services, .. } => {
                    last.extend(services.iter().map(|service| (service, entry)));
                }
                _ => {}
            }
        }
        let mut deploys = HashMap::new();
        for deploy in state.deploys().iter() {
            deploys.extend(deploy.services.iter().map(|service| (service, deploy)));
        }
        Self { last, deploys }
    }

    /// Returns the last change of where the traffic of a service goes, as far as it is in the history.
    pub(super) fn last(&self, service: &ServiceName) -> Option<ChangeStatus> {
        Some(match self.last.get(service)? {
            HistoryEntry::Switch(receipt) => ChangeStatus {
                at: receipt.decided,
                actor: receipt.actor.clone(),
                verb: receipt.cause.as_str(),
                reason: receipt.reason.clone(),
            },
            HistoryEntry::Reload { at, actor, .. } => {
                ChangeStatus { at: *at, actor: actor.clone(), verb: "reload", reason: None }
            }
            _ => return None,
        })
    }

    /// Returns the color to which a rollback would go; `None`: there is none, or it is retired.
    pub(super) fn rollback(&self, name: &ServiceName, service: &Service) -> Option<RollbackStatus> {
        let to = service.split.stable().other();
        if service.left_other.is_none() || service.retired[to.index()] {
            return None;
        }
        let kept = self.deploys.get(name).filter(|deploy| deploy.color == to.other());
        let end = kept.and_then(|deploy| deploy.ended.as_ref());
        let until = end.filter(|end| end.result == DeployResult::Succeeded);
        let until = until.and_then(|end| end.keep_until);
        Some(RollbackStatus { to, version: service.versions[to.index()].clone(), until })
    }
}

//! The JSON of `GET /admin/events`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time::rfc3339;
use super::{Actor, Color, Drain, Health};
use crate::ask::Scope;
use crate::news::{News, NewsItem};

/// One thing that happened. Which members are there depends on the kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Grows by one from event to event, from 1; starts anew with the process.
    pub id: u64,
    /// When.
    pub at: String,
    /// `switch`, `rollback`, `failover`, `published`, `drained`, `refused`, `health`, `hold`,
    /// `resume` or `reload`.
    pub kind: String,
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The group, of a refusal to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The color that was active before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Color>,
    /// The color that is active now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Color>,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// What a call that waits asks for: `switch` or `rollback`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// How a drain ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,
    /// The stable word for a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why: of a refusal, or of the last probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The color of a target whose health changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// The target whose health changed, or that alone was drained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Its address, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What probes say about it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What a reload changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
}

impl From<&NewsItem> for Event {
    fn from(item: &NewsItem) -> Self {
        let mut event = Self {
            id: item.id,
            at: rfc3339(item.at),
            kind: item.news.name().to_owned(),
            ..Self::default()
        };
        event.fill(&item.news);
        event
    }
}

impl Event {
    fn about(&mut self, scope: &Scope) {
        match scope {
            Scope::Only => {}
            Scope::Service(service) => self.service = Some(service.to_string()),
            Scope::Group(group) => self.group = Some(group.to_string()),
        }
    }

    fn about_target(&mut self, target: &rules::TargetName) {
        self.target = Some(target.url.to_string());
        self.address = target.address.map(|address| address.to_string());
    }

    fn fill(&mut self, news: &News) {
        match news {
            News::Switch { service, from, to, generation, cause: _, actor } => {
                self.service = Some(service.to_string());
                self.from = Some((*from).into());
                self.to = Some((*to).into());
                self.generation = Some(generation.0);
                self.actor = Some(actor.into());
            }
            News::Published { generation } => self.generation = Some(generation.0),
            News::DrainEnded { service, color, target, generation, end } => {
                self.service = Some(service.to_string());
                if let Some(target) = target {
                    self.about_target(target);
                }
                self.generation = Some(generation.0);
                self.drain = Some(Drain::ended(*color, *end));
            }
            News::Waiting { verb, scope, actor } => {
                self.about(scope);
                self.verb = Some(verb.as_str().to_owned());
                self.to = verb.color().map(Into::into);
                self.actor = Some(actor.into());
            }
            News::Refused { scope, actor, code, reason } => {
                self.about(scope);
                self.actor = Some(actor.into());
                self.code = Some((*code).to_owned());
                self.reason = Some(reason.clone());
            }
            News::Health { service, color, target, standing, reason } => {
                self.service = Some(service.to_string());
                self.color = Some((*color).into());
                self.about_target(target);
                self.health = Some((*standing).into());
                self.reason.clone_from(reason);
            }
            News::Held { service, actor } | News::Resumed { service, actor } => {
                self.service = Some(service.to_string());
                self.actor = Some(actor.into());
            }
            News::Reloaded { generation, changes } => {
                self.generation = generation.map(|generation| generation.0);
                self.changes.clone_from(changes);
            }
        }
    }
}

//! The keys of `[[notify]]`.

use std::borrow::Cow;

use rules::NotifiedEvent;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::key::{At, Key};

/// An endpoint that is notified of events by webhook (Standard Webhooks). A message is kept in `state_dir` until the
/// endpoint answers 2xx, and is retried for 24 hours. An endpoint that does not answer delays neither traffic, nor a
/// switch, nor another endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(crate) struct Notify {
    /// The name in status, metrics and logs: 1 to 63 of `A-Z a-z 0-9 . _ -`.
    #[schemars(extend("x-default" = "the host of the URL", "examples" = ["ops"]))]
    pub(crate) name: Key<String>,
    /// The URL that messages are sent to by `POST`. Only its scheme, host and port are ever shown, since the path may be
    /// a secret. Redirects are not followed.
    #[schemars(extend("examples" = ["https://example.com/hooks/teal"]))]
    pub(crate) url: Key<String>,
    /// The secret that messages are signed with: `whsec_` and 24 to 64 bytes in base64, or `env:NAME` for one in the
    /// environment of Teal. Several, separated by spaces, sign each message with all of them, to replace one without
    /// losing messages. Optional only with `format = "slack"`.
    #[schemars(extend("x-default" = "none", "examples" = ["env:TEAL_WEBHOOK_SECRET"]))]
    pub(crate) secret: Key<String>,
    /// A file with the secret, or several on lines of their own, instead of `secret`. Relative to this file, or
    /// `credential:NAME` for one that systemd loads (`LoadCredential=NAME:PATH`). Read
    /// for each message, so that it can be replaced without a reload.
    #[schemars(extend("x-default" = "none", "examples" = ["/etc/teal/webhook.secret"]))]
    pub(crate) secret_file: Key<String>,
    /// The events to send. `drained` is sent only if a drain cut something, `health` only for targets of the active
    /// color, `deploy` only when a deploy begins, waits or ends.
    #[schemars(extend("x-default" = "all of these up to `upgrade`", "examples" = [["switch", "rollback", "failover"]]))]
    pub(crate) events: Key<Vec<At<EventName>>>,
    /// `json`: the type, the time and the data of the event. `slack`: one sentence as `{"text": …}`, which Slack,
    /// Mattermost and Discord (`/slack` after its URL) show.
    #[schemars(extend("default" = "json"))]
    pub(crate) format: Key<NotifyFormat>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NotifyFormat {
    Json,
    Slack,
}

/// The name of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventName(pub(crate) NotifiedEvent);

// === impl EventName ===

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        let known = NotifiedEvent::parse(&name).map(Self);
        known.ok_or_else(|| de::Error::custom("not the name of an event"))
    }
}

impl JsonSchema for EventName {
    fn schema_name() -> Cow<'static, str> {
        "event".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": NotifiedEvent::ALL.map(NotifiedEvent::as_str) })
    }
}

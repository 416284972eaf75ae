//! Serialized forms of types of `rules`, which do not depend on serde.
//!
//! A setting that a message lacks gets its default, since the Teal that sent it does not know it; a [`Cut`] or a
//! [`Split`] must be complete, since there is no default for where traffic goes and what became of it. Fields that
//! this Teal does not know are ignored.

use std::net::SocketAddr;
use std::time::Duration;

use rules::{
    Color, Cut, Drain, ErrorPages, Failover, Hold, Limits, Policy, Preview, Split, Streams,
    Timeouts, Underscores,
};
use serde::{Deserialize, Serialize};

/// All that is set for the requests of a service.
#[derive(Deserialize, Serialize)]
#[serde(remote = "Policy", default = "Policy::default")]
struct PolicyShape {
    strip_prefix: bool,
    #[serde(with = "UnderscoresShape")]
    underscores: Underscores,
    drop_headers: Vec<String>,
    #[serde(with = "DrainShape")]
    drain: Drain,
    #[serde(with = "TimeoutsShape")]
    timeouts: Timeouts,
    #[serde(with = "FailoverShape")]
    failover: Failover,
    #[serde(with = "HoldShape")]
    hold: Hold,
    #[serde(with = "preview")]
    preview: Option<Preview>,
    /// Not sent, since every change of health sends a table: each Teal answers with the pages it has read itself.
    #[serde(skip)]
    error_pages: ErrorPages,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Drain", default = "Drain::default")]
struct DrainShape {
    timeout: Duration,
    #[serde(with = "StreamsShape")]
    streams: Streams,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Failover", rename_all = "lowercase")]
enum FailoverShape {
    Off,
    Auto,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Hold", default = "Hold::default")]
struct HoldShape {
    requests: u64,
    bytes: u64,
    release_per_second: u32,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Preview")]
struct PreviewShape {
    listen: Option<SocketAddr>,
    token: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Streams", rename_all = "lowercase")]
enum StreamsShape {
    Keep,
    Close,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Timeouts", default = "Timeouts::default")]
struct TimeoutsShape {
    tls_hello: Duration,
    request_head: Duration,
    body_progress: Duration,
    body_min_bytes: u64,
    write_stall: Duration,
    connect: Duration,
    response_head: Duration,
    response_idle: Duration,
    idle: Duration,
    target_idle: Duration,
    tunnel_idle: Duration,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Underscores", rename_all = "lowercase")]
enum UnderscoresShape {
    Auto,
    Keep,
    Drop,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Color", rename_all = "lowercase")]
enum ColorShape {
    Blue,
    Green,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Cut")]
pub(crate) struct CutShape {
    unanswered: u64,
    answering: u64,
    tunnels: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Limits", default = "Limits::default")]
pub(crate) struct LimitsShape {
    head_bytes: usize,
    fields: usize,
    uri_bytes: usize,
    body_bytes: Option<u64>,
    connections: usize,
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Split")]
pub(crate) struct SplitShape {
    #[serde(with = "ColorShape", getter = "stable")]
    stable: Color,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn stable(split: &Split) -> Color {
    split.stable()
}

impl From<SplitShape> for Split {
    fn from(shape: SplitShape) -> Self {
        Self::only(shape.stable)
    }
}

/// The previews of a service, if it has any.
mod preview {
    use rules::Preview;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::PreviewShape;

    #[derive(Deserialize, Serialize)]
    struct Sent(#[serde(with = "PreviewShape")] Preview);

    #[allow(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(
        preview: &Option<Preview>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        preview.map(Sent).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Preview>, D::Error> {
        Ok(Option::<Sent>::deserialize(deserializer)?.map(|Sent(preview)| preview))
    }
}

/// A policy that is shared.
pub(crate) mod policy {
    use std::sync::Arc;

    use rules::Policy;
    use serde::{Deserializer, Serializer};

    use super::PolicyShape;

    pub(crate) fn serialize<S: Serializer>(
        policy: &Arc<Policy>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        PolicyShape::serialize(policy, serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Policy>, D::Error> {
        PolicyShape::deserialize(deserializer).map(Arc::new)
    }
}

#[cfg(test)]
#[allow(clippy::needless_update, reason = "a new key changes nothing here")]
mod tests {
    use super::*;

    /// As a message has it.
    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct SentPolicy(#[serde(with = "policy")] std::sync::Arc<Policy>);

    #[test]
    fn a_policy_arrives_as_it_was_sent() {
        let sent = Policy {
            strip_prefix: true,
            underscores: Underscores::Drop,
            drop_headers: vec!["remote-user".to_owned()],
            drain: Drain { timeout: Duration::from_millis(1), streams: Streams::Close },
            failover: Failover::Auto,
            hold: Hold { requests: 7, ..Hold::default() },
            timeouts: Timeouts { body_min_bytes: 1, ..Timeouts::default() },
            preview: Some(Preview { listen: Some(([127, 0, 0, 1], 8090).into()), token: true }),
            ..Policy::default()
        };
        assert!(sent.differences(&Policy::default()).count() >= 8);
        let sent = SentPolicy(sent.into());
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(serde_json::from_str::<SentPolicy>(&text).unwrap(), sent);
    }

    #[test]
    fn a_key_that_only_one_of_the_two_knows_does_no_harm() {
        let text = r#"{"of_tomorrow":true,"strip_prefix":true,"drain":{"streams":"close"}}"#;
        let SentPolicy(policy) = serde_json::from_str(text).unwrap();
        let drain = Drain { streams: Streams::Close, ..Drain::default() };
        assert_eq!(*policy, Policy { strip_prefix: true, drain, ..Policy::default() });
    }
}

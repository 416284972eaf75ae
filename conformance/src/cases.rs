//! The cases in `cases.toml`, and the jobs for clients.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

/// One case: what a client does on one session.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Requests, one after the other.
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    /// The sizes of the WebSocket messages to be echoed.
    pub(crate) websocket: Option<Vec<u64>>,
    /// The gRPC calls, which gRPC clients know by name.
    #[serde(default)]
    pub(crate) grpc: bool,
    /// True if the body lists the fields that the target received; they are compared as fields.
    #[serde(default)]
    pub(crate) request: bool,
    /// Milliseconds before each message of a WebSocket, or before each round of calls.
    #[serde(default)]
    pub(crate) pause: u64,
    /// Servers that cannot set a standard for it, and why.
    #[serde(default)]
    pub(crate) left_out: Vec<String>,
    #[serde(default)]
    pub(crate) why: String,
    /// Rounds of the gRPC calls.
    #[serde(default = "once")]
    pub(crate) repeat: usize,
}

/// One request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) fields: Vec<(String, String)>,
    /// The length of its body; without it, no body.
    pub(crate) body: Option<u64>,
    #[serde(default)]
    pub(crate) chunked: bool,
    /// Milliseconds before it.
    #[serde(default)]
    pub(crate) pause: u64,
    /// Milliseconds that the target delays a 200 answer.
    #[serde(default)]
    pub(crate) waits: u64,
}

/// Protocols that a client supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Http,
    WebSocket,
    Grpc,
}

#[derive(Deserialize)]
struct File {
    case: Vec<Case>,
}

fn once() -> usize {
    1
}

/// All cases in the order of the file.
pub(crate) fn read(text: &str) -> Result<Vec<Case>, toml::de::Error> {
    let file: File = toml::from_str(text)?;
    Ok(file.case)
}

impl Case {
    /// A case with requests only.
    pub(crate) fn of_steps(name: &str, steps: Vec<Step>) -> Self {
        let name = name.to_owned();
        Self {
            name,
            steps,
            websocket: None,
            grpc: false,
            request: false,
            pause: 0,
            left_out: Vec::new(),
            why: String::new(),
            repeat: 1,
        }
    }

    /// The protocol that a client needs to play it.
    pub(crate) fn speech(&self) -> Speech {
        match (&self.websocket, self.grpc) {
            (Some(_), _) => Speech::WebSocket,
            (None, true) => Speech::Grpc,
            (None, false) => Speech::Http,
        }
    }

    /// The shortest time in which it can have been played with these results: the sum of its waits. A
    /// client that gave up, or a server without the path, waits less.
    pub(crate) fn least(&self, results: &[Value]) -> Duration {
        if results.iter().any(|result| result.get("error").is_some()) {
            return Duration::ZERO;
        }
        let answered = |index: usize| results.get(index).is_some_and(|one| one["status"] == 200);
        let steps = self.steps.iter().enumerate();
        let steps: u64 = steps
            .map(|(index, step)| step.pause + if answered(index) { step.waits } else { 0 })
            .sum();
        let rounds = match &self.websocket {
            Some(sizes) => sizes.len(),
            None if self.grpc => self.repeat,
            None => 0,
        };
        Duration::from_millis(steps + self.pause * u64::try_from(rounds).unwrap_or_default())
    }

    /// The job for a client, except for place and protocol.
    pub(crate) fn job(&self) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(Step::job).collect();
        match &self.websocket {
            Some(sizes) => json!({ "websocket": sizes, "pause": self.pause }),
            None if self.grpc => json!({ "repeat": self.repeat, "pause": self.pause }),
            None => json!({ "steps": steps }),
        }
    }
}

impl Step {
    /// A request without a body.
    pub(crate) fn get(path: &str, pause: u64) -> Self {
        let (method, path) = ("GET".to_owned(), path.to_owned());
        Self { method, path, fields: Vec::new(), body: None, chunked: false, pause, waits: 0 }
    }

    /// An upload.
    pub(crate) fn post(path: &str, body: u64, pause: u64) -> Self {
        Self { method: "POST".to_owned(), body: Some(body), ..Self::get(path, pause) }
    }

    fn job(&self) -> Value {
        let fields: Vec<_> = self.fields.iter().map(|(n, v)| json!([n, expand(v)])).collect();
        json!({
            "method": self.method, "path": self.path, "fields": fields,
            "body": self.body, "chunked": self.chunked, "pause": self.pause,
        })
    }
}

/// `{x*3}` becomes `xxx`.
fn expand(text: &str) -> String {
    let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let repeated = inside.and_then(|inside| {
        let (what, times) = inside.rsplit_once('*')?;
        Some(what.repeat(times.parse().ok()?))
    });
    repeated.unwrap_or_else(|| text.to_owned())
}

//! The cases as they are written down in `requests.toml`, which says what each key means.

use serde::Deserialize;

/// One attack and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) row: String,
    pub(crate) name: String,
    pub(crate) send: String,
    #[serde(default)]
    pub(crate) status: Vec<u16>,
    pub(crate) close: Option<bool>,
    pub(crate) upstream: Option<Upstream>,
    #[serde(default)]
    pub(crate) has: Vec<String>,
    #[serde(default)]
    pub(crate) lacks: Vec<String>,
}

/// The requests that targets must have received.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Upstream {
    /// Exactly these.
    Requests(Vec<String>),
    /// `"incomplete"`: no whole request.
    Incomplete(#[allow(dead_code, reason = "the word is only there to be read")] String),
}

#[derive(Deserialize)]
struct File {
    case: Vec<Case>,
}

/// All cases, in the order of the file.
pub(crate) fn all() -> Vec<Case> {
    let file: File = toml::from_str(include_str!("requests.toml")).expect("a table of cases");
    file.case
}

impl Case {
    /// The bytes to be sent, and whether the client closes its side behind them.
    pub(crate) fn bytes(&self) -> (Vec<u8>, bool) {
        let (text, closes) = match self.send.strip_suffix("{FIN}") {
            Some(text) => (text, true),
            None => (&*self.send, false),
        };
        let text = expand(text);
        let byte = |c: char| u8::try_from(u32::from(c)).expect("a character below U+0100");
        (text.chars().map(byte).collect(), closes)
    }
}

/// `{x*3}` becomes `xxx`; braces without a number behind a star stay what they are.
pub(crate) fn expand(text: &str) -> String {
    let Some((before, rest)) = text.split_once('{') else { return text.to_owned() };
    let repeated = rest.split_once('}').and_then(|(inside, behind)| {
        let (what, times) = inside.rsplit_once('*')?;
        Some((what.repeat(times.parse().ok()?), behind))
    });
    match repeated {
        Some((repeated, behind)) => format!("{before}{repeated}{}", expand(behind)),
        None => format!("{before}{{{}", expand(rest)),
    }
}

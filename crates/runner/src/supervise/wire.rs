//! The messages between the command line and a supervisor: one JSON document per line.
//!
//! A supervisor outlives the `teal` that started it and is asked by newer ones. So fields are only ever added, with a
//! default, and what is not known is left alone.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use rules::Version;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::status::{Exit, State, Status};

/// The longest document, in bytes.
const DOCUMENT_MAX: u64 = 1 << 20;

/// The program to supervise: the first document on the standard input of a supervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The folder of the environment.
    pub(crate) folder: PathBuf,
    pub(crate) version: Option<String>,
    pub(crate) port: Option<u16>,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Variables beside the inherited ones.
    pub(crate) variables: BTreeMap<String, String>,
    /// The working directory of the program.
    pub(crate) directory: PathBuf,
    pub(crate) log: PathBuf,
    /// The size at which the log is rotated.
    pub(crate) log_bytes: u64,
    /// The time from SIGTERM to SIGKILL.
    pub(crate) stop_timeout_ms: u64,
}

/// The answer of a supervisor to its order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Begun {
    /// The program has been started.
    Started,
    /// Nothing has been started, for this reason.
    Refused(String),
}

/// A question to a running supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Report the state.
    Status,
    /// Stop the program, then report the state and end.
    Stop,
}

/// The answer to each question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) state: State,
    pub(crate) version: Option<String>,
    pub(crate) port: Option<u16>,
    /// The process id of the supervisor, which is the session of what it has started.
    pub(crate) session: u32,
    pub(crate) restarts: u32,
    /// The last exit of the program.
    pub(crate) exit: Option<Exit>,
    /// True if the program had to be killed when it was stopped.
    #[serde(default)]
    pub(crate) killed: bool,
}

impl From<Report> for Status {
    fn from(report: Report) -> Self {
        Self {
            state: report.state,
            version: report.version.and_then(|version| Version::new(&version).ok()),
            port: report.port,
            restarts: report.restarts,
            exit: report.exit,
            detail: None,
        }
    }
}

/// Writes a document.
pub(crate) async fn send(stream: &mut UnixStream, document: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(document)?;
    bytes.push(b'\n');
    stream.write_all(&bytes).await
}

/// Reads a document. The end of the stream before it is an error.
pub(crate) async fn receive<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<T> {
    let mut line = Vec::new();
    BufReader::new(stream.take(DOCUMENT_MAX)).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&line)?)
}

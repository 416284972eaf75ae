//! The commands that call a running Teal: one file each, over the admin API.
//!
//! Every command asks for JSON and prints either that, unchanged, or the text that the API itself
//! would have sent, so that both say the same. A refusal ends with the exit code that matches
//! its status.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod deploys;
pub(crate) mod history;
pub(crate) mod hold;
mod http;
pub(crate) mod init;
mod interrupt;
pub(crate) mod journal;
pub(crate) mod log_level;
pub(crate) mod maintenance;
pub(crate) mod notify;
pub(crate) mod preview;
mod progress;
pub(crate) mod reach;
pub(crate) mod receipt;
pub(crate) mod reload;
pub(crate) mod retire;
pub(crate) mod rollout;
pub(crate) mod status;
pub(crate) mod switch;
pub(crate) mod token;
pub(crate) mod top;
pub(crate) mod trace;
mod trust;
pub(crate) mod upgrade;
pub(crate) mod version;
pub(crate) mod wait;

use std::fmt::Write as _;

use contract::Code;
use contract::wire::ProblemDocument;
use serde::de::DeserializeOwned;

use crate::Outcome;
use crate::cli::ReachArgs;
use crate::exit::{Exit, Failure};
use crate::show;

use http::AdminResponse;
use reach::{Intent, Teal};

/// Runs the task of a command.
pub(crate) fn block_on<T>(task: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(task))
        .map_err(|error| Failure::failed(format!("cannot start the async runtime: {error}")))
}

/// Prints the answer of a GET, which is all that most reading commands do.
fn read<T: DeserializeOwned>(
    reach: &ReachArgs,
    path: &str,
    text: impl FnOnce(&T) -> String,
) -> Outcome {
    let answer = block_on(async { Teal::find(reach, Intent::Read).await?.get(path).await })??;
    print(reach, &answer, text)?;
    Ok(Exit::Done)
}

/// Prints an answer as JSON or as text; a problem becomes a failure.
fn print<T: DeserializeOwned>(
    reach: &ReachArgs,
    answer: &AdminResponse,
    text: impl FnOnce(&T) -> String,
) -> Result<T, Failure> {
    let value = understood(reach, answer)?;
    if reach.json {
        show::json(&answer.body);
    } else {
        show::text(&text(&value));
    }
    Ok(value)
}

/// The value of a good answer; a problem becomes a failure.
fn understood<T: DeserializeOwned>(
    reach: &ReachArgs,
    answer: &AdminResponse,
) -> Result<T, Failure> {
    if answer.status != 200 {
        return Err(refused(reach, answer));
    }
    serde_json::from_slice(&answer.body).map_err(|error| {
        Failure::failed(format!(
            "cannot understand Teal's answer ({error}); is it a different version from this \
             command?"
        ))
    })
}

/// Turns a problem document into the failure of this process.
fn refused(reach: &ReachArgs, answer: &AdminResponse) -> Failure {
    let problem = serde_json::from_slice::<ProblemDocument>(&answer.body);
    let code = problem.as_ref().ok().and_then(|problem| Code::parse(&problem.code));
    let exit = match answer.status {
        _ if matches!(code, Some(Code::UnknownService | Code::UnknownGroup)) => Exit::Usage,
        400 | 405 | 413 | 414 => Exit::Usage,
        409 | 412 => Exit::Refused,
        _ => Exit::Failed,
    };
    if reach.json && problem.is_ok() {
        show::json(&answer.body);
        return Failure::new(exit, "");
    }
    let message = match problem {
        Ok(problem) => match problem.detail {
            Some(detail) => format!("{}\n{detail}", problem.title),
            None => problem.title,
        },
        Err(_) => format!(
            "status {} without a problem document from the server there; is it Teal?",
            answer.status
        ),
    };
    Failure::new(exit, message)
}

/// Writes a query string; values are escaped.
fn query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = path.to_owned();
    let mut separator = '?';
    for (name, value) in parameters {
        let Some(value) = value else { continue };
        query.push(separator);
        separator = '&';
        query.push_str(name);
        query.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    query.push(char::from(byte));
                }
                other => {
                    let _never_fails = write!(query, "%{other:02X}");
                }
            }
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn a_query_carries_the_typed_values_and_nothing_else() {
        let parameters =
            [("to", Some("green")), ("service", Some("a&to=blue #é")), ("drain", None)];
        let query = query("/admin/switch", &parameters);
        assert_eq!(query, "/admin/switch?to=green&service=a%26to%3Dblue%20%23%C3%A9");
    }
}

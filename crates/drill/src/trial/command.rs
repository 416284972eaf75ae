//! The user's commands, run by the shell. A command that fails is reported with its output, and ends the
//! trial: nothing can be judged after it.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::time::timeout;

/// The time limit of a command.
const PATIENCE: Duration = Duration::from_secs(120);

/// The error of a command.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The shell could not be started.
    #[error("cannot run `{command}`: {source}")]
    Start {
        /// The command line.
        command: String,
        /// The system's error.
        source: io::Error,
    },
    /// It exited with an error.
    #[error("`{command}` failed ({status}); output:\n{said}")]
    Failed {
        /// The command line.
        command: String,
        /// Its exit status.
        status: ExitStatus,
        /// Its output.
        said: String,
    },
    /// It did not exit in time.
    #[error("`{command}` did not end within {PATIENCE:?}")]
    TooLate {
        /// The command line.
        command: String,
    },
}

/// A command line with a placeholder for a color.
#[derive(Debug, Clone)]
pub(super) struct Command {
    line: String,
    place: &'static str,
}

impl Command {
    pub(super) fn new(line: &str, place: &'static str) -> Self {
        Self { line: line.to_owned(), place }
    }

    /// Runs it for a color and waits for its end.
    pub(super) async fn run(&self, color: &str) -> Result<(), CommandError> {
        let command = self.line.replace(self.place, color);
        let running = tokio::process::Command::new("/bin/sh")
            .args(["-c", &command])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = match timeout(PATIENCE, running).await {
            Err(_) => return Err(CommandError::TooLate { command }),
            Ok(Err(source)) => return Err(CommandError::Start { command, source }),
            Ok(Ok(output)) => output,
        };
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stderr, output.stdout].concat();
        let said = String::from_utf8_lossy(&said).trim_end().to_owned();
        let said = if said.is_empty() { "  (nothing)".to_owned() } else { said };
        Err(CommandError::Failed { command, status: output.status, said })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_is_run_with_its_color_and_a_failing_one_is_reported_with_its_output() {
        Command::new("test {to} = green", "{to}").run("green").await.unwrap();
        let failing = Command::new("echo no {color} here >&2; exit 7", "{color}");
        let error = failing.run("blue").await.unwrap_err().to_string();
        for words in ["no blue here", "echo no blue", "exit status: 7"] {
            assert!(error.contains(words), "{error}");
        }
    }
}

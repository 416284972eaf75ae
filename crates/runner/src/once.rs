//! A command that a deploy runs once: a migration, a smoke check, an announcement.
//!
//! It has a deadline, gets the variables of the environment, and does not inherit the operator's token.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::process::{NoEnd, Program, executable, in_path, unstarted};
use crate::status::{Exit, State};

/// Runs a command until it ends, in a directory. A program with a slash in its name is relative to that directory,
/// others are found in `PATH`.
///
/// # Errors
/// It cannot be started, ended with another code than 0, or was killed after `patience`; with its last lines.
pub async fn run_once(
    command: &[String],
    directory: &Path,
    environment: &Environment,
    patience: Duration,
) -> Result<(), Failure> {
    let Some((name, arguments)) = command.split_first() else {
        return Err(Failure::usage("the command is empty: name a program and its arguments"));
    };
    let path = if name.contains('/') { executable(&directory.join(name)) } else { in_path(name) };
    let path = path.map_err(|why| Failure::not_started(format!("cannot run {name}: {why}")))?;
    let program = Program {
        path: &path,
        arguments: arguments.iter().map(OsStr::new).collect(),
        variables: environment.variables(environment.port.number()).to_vec(),
        directory: Some(directory),
        input: Vec::new(),
    };
    match program.run(Instant::now() + patience).await {
        Ok(ended) if ended.exit == Exit::Code(0) => Ok(()),
        Ok(ended) => {
            let message = format!("{name} ended with {}", ended.exit);
            let failure = Failure::failed(State::Stopped, Some(ended.exit), message);
            Err(failure.with_lines(ended.lines))
        }
        Err(NoEnd::Unstarted(error)) => Err(Failure::not_started(unstarted(&path, &error))),
        Err(NoEnd::Late(lines)) => {
            let message = format!("{name} did not end within {patience:?} and was killed");
            Err(Failure::failed(State::Stopped, None, message).with_lines(lines))
        }
    }
}

#[cfg(test)]
mod tests {
    use rules::{Color, ServiceName, Version};

    use super::*;
    use crate::environment::Port;
    use crate::failure::FailureKind;

    async fn run(script: &str, patience: Duration) -> Result<(), Failure> {
        let environment = Environment {
            service: ServiceName::new("web").expect("a name"),
            color: Color::Green,
            version: Version::new("v42").ok(),
            port: Port::Fixed(8082),
        };
        let command = ["sh", "-c", script].map(str::to_owned);
        run_once(&command, Path::new("/tmp"), &environment, patience).await
    }

    #[tokio::test]
    async fn a_command_is_told_its_environment_and_runs_in_its_directory() {
        let script = "test \"$TEAL_SERVICE $TEAL_COLOR $TEAL_VERSION $TEAL_PORT $PWD\" = \
                      'web green v42 8082 /tmp' && test -z \"$TEAL_TOKEN\"";
        run(script, Duration::from_secs(60)).await.expect("it passes");
        let failure = run("echo why >&2; exit 3", Duration::from_secs(60)).await;
        let failure = failure.expect_err("it fails");
        assert_eq!(failure.message, "sh ended with exit code 3");
        assert_eq!(failure.lines, ["why"]);
    }

    // L10
    #[tokio::test]
    async fn a_command_that_does_not_end_is_killed() {
        let failure = run("sleep 60", Duration::from_millis(300)).await.expect_err("it is killed");
        assert_eq!(failure.message, "sh did not end within 300ms and was killed");
        let missing = ["./no-such-program".to_owned()];
        let environment = Environment {
            service: ServiceName::new("web").expect("a name"),
            color: Color::Blue,
            version: None,
            port: Port::None,
        };
        let patience = Duration::from_secs(60);
        let failure = run_once(&missing, Path::new("/tmp"), &environment, patience).await;
        let failure = failure.expect_err("there is none");
        assert_eq!(failure.kind, FailureKind::NotStarted);
        assert!(failure.message.contains("does not exist"), "{failure}");
    }
}

//! The order for a supervisor, made of the runner's settings and the environment.

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::failure::Failure;
use crate::process::{executable, in_path};
use crate::supervise::{Order, Place};

use super::{Processes, place_in};

/// The longest path of a socket that the kernel takes (unix(7)).
const SOCKET_PATH_MAX: usize = 107;
/// Stands in for a port that is not chosen yet.
const ANY_PORT: u16 = 1;

impl Processes {
    /// Checks everything that can be known before the start.
    pub(super) fn usable(&self, environment: &Environment) -> Result<(), Failure> {
        executable(&self.supervisor.0)
            .map_err(|why| Failure::usage(format!("cannot start a supervisor: {why}")))?;
        let port = environment.port.number().unwrap_or(ANY_PORT);
        self.order(environment, Some(port)).map(drop)
    }

    pub(super) fn order(
        &self,
        environment: &Environment,
        port: Option<u16>,
    ) -> Result<Order, Failure> {
        let filled = |text: &str| environment.fill(text, port).map_err(Failure::usage);
        let directory = filled(&text_of(self.directory.as_deref().unwrap_or(Path::new(".")))?)?;
        let directory = std::path::absolute(&directory)
            .ok()
            .filter(|directory| directory.is_dir())
            .ok_or_else(|| {
                Failure::usage(format!("the working directory {directory:?} does not exist"))
            })?;
        let command: Result<Vec<String>, Failure> =
            self.command.iter().map(|part| filled(part)).collect();
        let mut command = command?;
        let Some(program) = command.first_mut() else {
            return Err(Failure::usage("the command is empty: name a program and its arguments"));
        };
        let found = if program.contains('/') {
            executable(&directory.join(&*program))
        } else {
            in_path(program)
        };
        let found =
            found.map_err(|why| Failure::usage(format!("cannot run the command: {why}")))?;
        *program = text_of(&found)?;
        let own: Result<Vec<(String, String)>, Failure> = self
            .variables
            .iter()
            .map(|(name, value)| {
                if name.is_empty() || name.contains(['=', '\0']) {
                    return Err(Failure::usage(format!("{name:?} is not the name of a variable")));
                }
                Ok((name.clone(), filled(value)?))
            })
            .collect();
        let told = environment.variables(port).map(|(name, value)| (name.to_owned(), value));
        let variables = own?.into_iter().chain(told).collect();
        Ok(Order {
            folder: self.place(environment)?.folder().to_owned(),
            version: environment.version.as_ref().map(ToString::to_string),
            port,
            command,
            variables,
            directory,
            log: self.log_of(environment)?,
            log_bytes: self.log_bytes,
            stop_timeout_ms: self.stop_timeout.as_millis() as u64,
        })
    }

    /// The folder of an environment.
    pub(super) fn place(&self, environment: &Environment) -> Result<Place, Failure> {
        let state_dir = std::path::absolute(&self.state_dir)
            .map_err(|error| Failure::usage(format!("cannot use the state directory: {error}")))?;
        let place = place_in(&state_dir, environment);
        let bytes = place.control().as_os_str().len();
        if bytes > SOCKET_PATH_MAX {
            return Err(Failure::usage(format!(
                "{} has {bytes} bytes, and a socket may have {SOCKET_PATH_MAX}: use a state \
                 directory with a shorter path",
                place.control().display()
            )));
        }
        Ok(place)
    }

    /// The log of an environment.
    pub(super) fn log_of(&self, environment: &Environment) -> Result<PathBuf, Failure> {
        let Some(log) = &self.log else {
            return Ok(self.place(environment)?.folder().join("log"));
        };
        let log = environment.fill(&text_of(log)?, environment.port.number());
        let log = log.map_err(Failure::usage)?;
        std::path::absolute(&log)
            .map_err(|error| Failure::usage(format!("cannot use the log {log:?}: {error}")))
    }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::usage(format!("{} is not UTF-8", path.display())))
}

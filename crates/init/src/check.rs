//! The check of answers: what `teal check` says of the configuration that they make, and what a runner needs besides.

use config::Config;

use crate::answer::{Answers, Place, Runner};
use crate::command_line;
use crate::files;

impl Answers {
    /// The configuration that the answers make.
    ///
    /// # Errors
    /// The first problem that `teal check` would report, or one of what the runner needs besides.
    pub fn check(&self, place: &Place) -> Result<Config, String> {
        let parsed = |text: &str| {
            config::parse(text, &place.config(), &place.environment).map_err(|problems| {
                problems.iter().next().map(|first| first.message.clone()).unwrap_or_default()
            })
        };
        if let Runner::Hooks(line) | Runner::Systemd(line) | Runner::Command(line) = &self.runner {
            let words = command_line::words(line)?;
            if matches!(self.runner, Runner::Systemd(_)) {
                command_line::of_unit(&words)?;
            }
        }
        if let Runner::Hooks(line) | Runner::Systemd(line) = &self.runner {
            // The words of a command are checked where the configuration has one.
            let runner = Runner::Command(line.clone());
            parsed(&files::config(&Self { runner, ..self.clone() }, place))?;
        }
        if let Runner::Compose(_) = self.runner {
            self.targets.iter().try_for_each(|target| files::compose_port(target).map(drop))?;
        }
        parsed(&files::config(self, place))
    }
}

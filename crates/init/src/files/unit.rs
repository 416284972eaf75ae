//! The template unit of a service: one instance for each color.

use crate::answer::Answers;
use crate::command_line;

/// The name of the template.
pub(super) fn name(answers: &Answers) -> String {
    of_color(answers, "")
}

/// The name of an instance.
pub(super) fn of_color(answers: &Answers, color: &str) -> String {
    format!("{}@{color}.service", answers.service)
}

/// The environment file of an instance. It outlives a restart of the machine.
pub(super) fn environment(answers: &Answers, color: &str) -> String {
    format!("/etc/{}/{color}.env", answers.service)
}

/// The text of the template.
pub(super) fn unit(answers: &Answers, line: &str) -> String {
    let service = &answers.service;
    let environment = environment(answers, "%i");
    let words = command_line::words(line).unwrap_or_default(); // an empty line is refused earlier
    let command = command_line::for_unit(&words, service);
    format!(
        "# One environment of {service}: {service}@blue or {service}@green.\n\
         \n\
         [Unit]\n\
         Description={service}, %i\n\
         # A color that nothing was deployed to is left alone when the machine starts.\n\
         ConditionPathExists={environment}\n\
         Wants=network-online.target\n\
         After=network-online.target\n\
         \n\
         [Service]\n\
         # `teal deploy` writes COLOR, VERSION and PORT here before each start.\n\
         EnvironmentFile={environment}\n\
         ExecStart={command}\n\
         # A user of its own for each color. If the program needs files of a certain user, write User= instead.\n\
         DynamicUser=yes\n\
         Restart=on-failure\n\
         # Shorter than the 30 s of deploy.stop_timeout.\n\
         TimeoutStopSec=25\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}

//! The programs of the runner `hooks`: for a program of the application, and for Docker Compose.
//!
//! Each gets `TEAL_SERVICE`, `TEAL_COLOR`, `TEAL_VERSION` and `TEAL_PORT`, and works in the directory of the
//! configuration.

use super::File;
use crate::answer::Answers;
use crate::command_line;

/// Programs that run a command line in a session of its own.
pub(super) fn of_a_program(answers: &Answers, line: &str) -> [File; 4] {
    let words = command_line::words(line).unwrap_or_default(); // an empty line is refused earlier
    let command = command_line::for_shell(&words);
    let service = &answers.service;
    [
        hook(
            "start",
            &format!(
                "# Starts an environment of {service} in a session of its own, with its output in a file. It does not\n\
                 # wait until the environment is healthy: the gate of Teal does.\n"
            ),
            &format!(
                "setsid {command} >\"hooks/$TEAL_COLOR.log\" 2>&1 </dev/null &\n\
                 echo $! >\"hooks/$TEAL_COLOR.pid\"\n"
            ),
        ),
        hook(
            "stop",
            &format!(
                "# Stops an environment of {service}, if it runs, and returns once it is gone. `teal deploy` gives it \n\
                 # 30 s (stop_timeout).\n"
            )
            .replace(" \n", "\n"),
            "test -f \"hooks/$TEAL_COLOR.pid\" || exit 0\n\
             pid=$(cat \"hooks/$TEAL_COLOR.pid\")\n\
             kill \"$pid\" 2>/dev/null || true\n\
             while kill -0 \"$pid\" 2>/dev/null; do sleep 0.1; done\n\
             rm \"hooks/$TEAL_COLOR.pid\"\n",
        ),
        hook(
            "status",
            &format!("# Exits with 0 if an environment of {service} runs, and with 3 if it does not.\n"),
            "test -f \"hooks/$TEAL_COLOR.pid\" || exit 3\n\
             kill -0 \"$(cat \"hooks/$TEAL_COLOR.pid\")\" 2>/dev/null || exit 3\n",
        ),
        hook(
            "logs",
            &format!("# Prints the last lines of the log of an environment of {service}.\n"),
            "tail -n 20 \"hooks/$TEAL_COLOR.log\"\n",
        ),
    ]
}

/// Programs that call Docker Compose.
pub(super) fn of_compose(answers: &Answers) -> [File; 4] {
    let service = &answers.service;
    let name = format!("\"{}\"", super::compose::of_color(answers, "$TEAL_COLOR"));
    [
        hook(
            "start",
            &format!(
                "# Starts the container of one color of {service}, of the image of this version.\n"
            ),
            &format!("VERSION=$TEAL_VERSION exec docker compose up --detach --no-deps {name}\n"),
        ),
        hook(
            "stop",
            &format!("# Stops and removes the container of one color of {service}.\n"),
            &format!("exec docker compose rm --stop --force {name}\n"),
        ),
        hook(
            "status",
            &format!(
                "# Exits with 0 if the container of one color of {service} runs, and with 3 if it does not.\n"
            ),
            &format!(
                "running=$(docker compose ps --filter status=running --quiet {name})\n\
                 test -n \"$running\" || exit 3\n"
            ),
        ),
        hook(
            "logs",
            &format!("# Prints the last lines of the container of one color of {service}.\n"),
            &format!("exec docker compose logs --no-color --no-log-prefix --tail 20 {name}\n"),
        ),
    ]
}

/// A script with its purpose, which works beside the configuration.
fn hook(name: &str, purpose: &str, script: &str) -> File {
    File {
        path: format!("hooks/{name}"),
        text: format!("#!/bin/sh\n{purpose}set -eu\ncd \"$(dirname \"$0\")/..\"\n{script}"),
        executable: true,
    }
}

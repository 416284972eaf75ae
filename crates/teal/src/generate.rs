//! `teal generate`: the reference documents generated from the code of the binary.

use std::fmt::Write as _;

use admin::METRICS;
use clap::{Arg, Command, CommandFactory};
use contract::Code;

use crate::Outcome;
use crate::cli::{Cli, Document, GenerateArgs};
use crate::exit::{Exit, Failure};
use crate::manual;
use crate::show;

/// Prints one document.
pub(crate) fn generate(args: &GenerateArgs) -> Outcome {
    show::document(&match args.document {
        Document::Cli => cli_page(),
        Document::Openapi => admin::openapi_document(),
        Document::Metrics => metrics_page(),
        Document::Problems => problems_page(),
        Document::Man => {
            let pages = manual::pages()
                .map_err(|error| Failure::failed(format!("cannot write the manual: {error}")))?;
            show::value(&pages)?;
            return Ok(Exit::Done);
        }
    });
    Ok(Exit::Done)
}

const CLI_OPENING: &str = "\
# Command line

`teal run` is the server; the other commands call its admin API, or need no server at all. Every
command that prints an answer has `--json`. On a terminal, a command that waits shows its progress, in color
unless `NO_COLOR` is set; elsewhere it writes a line to standard error when that changes, and every 10 s.
There is no `--force`.

This page is generated from the code.

## Exit codes

| code | meaning |
|---|---|
";

/// `docs/reference/cli.md`.
fn cli_page() -> String {
    let mut page = CLI_OPENING.to_owned();
    for (exit, meaning) in Exit::ALL {
        let _never_fails = writeln!(page, "| {} | {meaning} |", exit as u8);
    }
    let mut root = Cli::command();
    root.build();
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        verb(&mut page, command, &format!("teal {}", command.get_name()));
    }
    page
}

fn verb(page: &mut String, command: &Command, name: &str) {
    let inner: Vec<&Command> =
        command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
    if !inner.is_empty() {
        for inner in inner {
            verb(page, inner, &format!("{name} {}", inner.get_name()));
        }
        return;
    }
    let about = command.get_long_about().or(command.get_about());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let about = about.map(ToString::to_string).unwrap_or_default();
    let _never_fails = write!(page, "\n## `{name}`\n\n{about}\n\n```text\n{usage}\n```\n");
    let arguments: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && arg.get_id() != "help")
        .collect();
    if !arguments.is_empty() {
        page.push_str("\n| argument | meaning |\n|---|---|\n");
    }
    for argument in arguments {
        let _never_fails = writeln!(page, "| {} | {} |", written(argument), meaning(argument));
    }
}

fn written(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default().join(" ");
    match (argument.get_long(), argument.get_action().takes_values()) {
        (Some(long), true) => format!("`--{long} {}`", values.replace('|', "\\|")),
        (Some(long), false) => format!("`--{long}`"),
        (None, _) => format!("`{values}`"),
    }
}

fn meaning(argument: &Arg) -> String {
    let mut meaning = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|_| argument.get_action().takes_values())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() {
        let _never_fails = write!(meaning, ": {}", values.join(", "));
    }
    if let [default] = argument.get_default_values()
        && argument.get_action().takes_values()
    {
        let _never_fails = write!(meaning, " [default: {}]", default.to_string_lossy());
    }
    meaning.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

const METRICS_OPENING: &str = "\
# Metrics

`GET /metrics` on the admin listener and on the admin socket, for Prometheus. The answer is OpenMetrics
1.0 for a scraper that asks for it (`Accept: application/openmetrics-text`, as Prometheus does), else the
text format 0.0.4. Names and labels are part of the contract. Label values come from the configuration
only, so their number is bounded. At most four scrapes are served at once; a further one waits up to two
seconds for its turn, then gets 503 with `Retry-After`. A scraper has 30 seconds to read a page.

The counts of every service balance: accepted = answered + aborted + in flight. `service=\"\"` counts
requests that matched no service.

`address` is the address of a target that traffic uses, empty for a Unix socket and for a name that is
not resolved.

An unused service costs few series, since a series appears (column *appears*)

- *always*: metrics of the process, and states, from the start;
- *first request*: with the first request of its service, color or target, so that the first loss is a
  step from 0 to 1 for `increase()`;
- *first event*: with the first event that it counts. `increase()` does not see the step from no series
  to 1; where one event matters, write
  `increase(X[10m]) > 0 or (X unless X offset 10m) > 0`.

A series that has appeared stays until its subject is removed from the configuration. Counts continue
across a reload and across `teal upgrade`; a restart begins at 0.

This page is generated from the code.

| metric | kind | labels | appears | meaning |
|---|---|---|---|---|
";

/// `docs/reference/metrics.md`.
fn metrics_page() -> String {
    let mut page = METRICS_OPENING.to_owned();
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels) = (metric.name, metric.kind.as_str(), labels.join(", "));
        let (appears, help) = (metric.appears.as_str(), metric.help);
        let _never_fails = writeln!(page, "| `{name}` | {kind} | {labels} | {appears} | {help} |");
    }
    page
}

const PROBLEMS_OPENING: &str = "\
# Problems

With `Accept: application/json`, the admin API answers errors as problem documents (RFC 9457, media type
`application/problem+json`). Scripts may rely on their `code`, which never changes, and always has the same HTTP
status. The codes are listed in the order in which a call is checked. A newer Teal may have further ones.

This page is generated from the code.

| code | status | answered when |
|---|---|---|
";

/// `docs/reference/problems.md`.
fn problems_page() -> String {
    let mut page = PROBLEMS_OPENING.to_owned();
    for code in Code::ALL {
        let _never_fails = writeln!(page, "| `{code}` | {} | {} |", code.status(), code.case());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_matches_the_code() {
        let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference");
        for (name, text) in [
            ("cli.md", cli_page()),
            ("metrics.md", metrics_page()),
            ("problems.md", problems_page()),
            ("openapi.json", admin::openapi_document()),
        ] {
            let there = std::fs::read_to_string(format!("{reference}/{name}"));
            assert!(there.is_ok_and(|there| there == text), "{name}: run `make reference`");
        }
    }
}

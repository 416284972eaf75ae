//! `teal init`: asks on the terminal, checks as `teal check` does, and writes the files.

use std::io::{self, IsTerminal, Write as _};
use std::path::Path;
use std::time::Duration;

use config::{Config, KeyPositions, Problems};
use init::{Answers, File, Person, Place, RunnerKind, Unanswered};
use serde::Serialize;

use super::block_on;
use super::interrupt::Interrupts;
use crate::Outcome;
use crate::cli::InitArgs;
use crate::environment::state_environment;
use crate::exit::{Exit, Failure};
use crate::run::precondition;
use crate::show;

/// The time for a signal that came while files were written to be seen.
const NOTICED: Duration = Duration::from_millis(10);

/// The directory that exists where systemd is process 1.
const SYSTEMD: &str = "/run/systemd/system";

#[derive(Serialize)]
struct InitReport<'r> {
    directory: String,
    files: Vec<FileReport<'r>>,
    /// The things that `teal run` would miss on this machine, and others that need attention.
    warnings: &'r [String],
    next: &'r [String],
}

#[derive(Serialize)]
struct FileReport<'r> {
    path: &'r str,
    executable: bool,
}

/// A person at the terminal.
struct Terminal;

/// Answers the questions and writes the files.
pub(crate) fn init(args: &InitArgs) -> Outcome {
    let directory = std::path::absolute(&args.directory)
        .map_err(|error| Failure::failed(format!("cannot find the directory: {error}")))?;
    let place = Place { directory, environment: state_environment() };
    // The one file that every set has. It is better to know before the questions.
    refuse(init::existing(&place.directory, &[configuration()]).as_slice())?;
    let answers = answered(args, &place)?;
    let config = answers.check(&place).map_err(Failure::usage)?;
    let files = init::files(&answers, &place);
    refuse(init::existing(&place.directory, &files).as_slice())?;
    let warnings = warnings(&answers, &config, &place, &files);
    write(&place.directory, &files)?;
    let next = init::next_steps(&answers, &place);
    if args.json {
        let directory = place.directory.display().to_string();
        let reports = files.iter();
        let reports =
            reports.map(|file| FileReport { path: &file.path, executable: file.executable });
        let files = reports.collect();
        show::value(&InitReport { directory, files, warnings: &warnings, next: &next })?;
    } else {
        show::text(&report(&place.directory, &files, &next));
        for warning in &warnings {
            show::warning(warning);
        }
    }
    Ok(Exit::Done)
}

/// The configuration by its name alone.
fn configuration() -> File {
    File { path: init::CONFIG.to_owned(), text: String::new(), executable: false }
}

fn refuse(existing: &[std::path::PathBuf]) -> Result<(), Failure> {
    if existing.is_empty() {
        return Ok(());
    }
    let paths: Vec<String> = existing.iter().map(|path| path.display().to_string()).collect();
    let exist = if paths.len() == 1 { "exists" } else { "exist" };
    Err(Failure::failed(format!(
        "{} {exist}, and `teal init` overwrites nothing: name another directory, or move it away",
        paths.join(", ")
    )))
}

fn answered(args: &InitArgs, place: &Place) -> Result<Answers, Failure> {
    let usual = if Path::new(SYSTEMD).is_dir() { RunnerKind::Systemd } else { RunnerKind::Command };
    let watched = io::stdin().is_terminal() && io::stderr().is_terminal() && !args.yes;
    let mut terminal = Terminal;
    if watched {
        let directory = place.directory.display();
        say(&format!(
            "Five questions, then files in {directory}. Enter takes the answer in brackets; Ctrl-C writes nothing."
        ));
    }
    let person = watched.then_some(&mut terminal as &mut dyn Person);
    init::ask(&args.given(), person, args.yes, usual, place).map_err(
        |unanswered| match unanswered {
            Unanswered::Left => Failure::failed(unanswered.to_string()),
            Unanswered::Missing(_) | Unanswered::Wrong(_) => Failure::usage(unanswered.to_string()),
        },
    )
}

/// Lists the problems that `teal check` would find on this machine. The files are valid all the same.
fn warnings(answers: &Answers, config: &Config, place: &Place, files: &[File]) -> Vec<String> {
    let text = files.first().map(|file| file.text.clone()).unwrap_or_default();
    let places = KeyPositions::of_file(&place.config(), text);
    let both = |said: Result<Vec<config::Problem>, Problems>| match said {
        Ok(warnings) => warnings,
        Err(problems) => problems.iter().cloned().collect(),
    };
    let mut problems = both(precondition::examine(config, &places));
    problems.extend(both(precondition::examine_ports(config, &places)));
    problems.extend(precondition::examine_names(config, &places));
    let here = problems.iter().map(ToString::to_string);
    here.chain(init::in_use(answers)).collect()
}

/// Writes the files. An interruption meanwhile takes them back.
fn write(directory: &Path, files: &[File]) -> Result<(), Failure> {
    block_on(async {
        let mut interrupts = Interrupts::listen()?;
        let written =
            init::write(directory, files).map_err(|why| Failure::failed(why.to_string()))?;
        if tokio::time::timeout(NOTICED, interrupts.next()).await.is_ok() {
            written.undo();
            return Err(Failure::new(Exit::Interrupted, "interrupted: nothing was written"));
        }
        Ok(())
    })?
}

fn report(directory: &Path, files: &[File], next: &[String]) -> String {
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut lines = vec![format!("Wrote to {}: {}", directory.display(), paths.join(", "))];
    lines.push("Next, in that directory:".to_owned());
    lines.extend(next.iter().enumerate().map(|(index, step)| format!("  {}. {step}", index + 1)));
    lines.join("\n")
}

/// Writes a line for the person.
fn say(line: &str) {
    let _nobody_reads = writeln!(io::stderr().lock(), "{line}");
}

// === impl Terminal ===

impl Person for Terminal {
    fn answer(&mut self, question: &str, default: &str) -> Option<String> {
        let mut err = io::stderr().lock();
        let _nobody_reads = write!(err, "{question} [{default}]: ").and_then(|()| err.flush());
        let mut line = String::new();
        if let Ok(1..) = io::stdin().read_line(&mut line) {
            return Some(line);
        }
        let _nobody_reads = writeln!(err); // the prompt has no end of its own
        None
    }

    fn hear(&mut self, text: &str) {
        say(&format!("    {text}"));
    }
}

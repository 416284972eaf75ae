//! `teal check`.

use config::{Config, Problems};
use serde::Serialize;

use crate::Outcome;
use crate::cli::CheckArgs;
use crate::environment::state_environment;
use crate::exit::{Exit, Failure};
use crate::run::precondition;
use crate::show;

#[derive(Serialize)]
struct CheckReport {
    ok: bool,
    /// Problems that `teal run` refuses.
    problems: Vec<Problem>,
    /// Problems that it runs with, but that deserve attention.
    warnings: Vec<Problem>,
}

#[derive(Serialize)]
struct Problem {
    path: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    message: String,
}

/// Checks a configuration file and everything that it names, and reports all problems.
pub(crate) fn check(args: &CheckArgs) -> Outcome {
    let checked = examine(args);
    if args.json {
        let (problems, warnings) = match &checked {
            Ok((_, warnings)) => (Vec::new(), warnings.iter().map(problem).collect()),
            Err(problems) => (problems.iter().map(problem).collect(), Vec::new()),
        };
        let ok = checked.is_ok();
        show::value(&CheckReport { ok, problems, warnings })?;
        return Ok(if ok { Exit::Done } else { Exit::Usage });
    }
    let (config, warnings) = checked.map_err(|problems| Failure::usage(problems.to_string()))?;
    for warning in &warnings {
        show::warning(&warning.to_string());
    }
    let (services, listeners) = (config.services.len(), config.listeners.len());
    let with = match warnings.len() {
        0 => String::new(),
        1 => ", with 1 warning".to_owned(),
        more => format!(", with {more} warnings"),
    };
    show::text(&format!(
        "{} is valid{with}: {services} {}, {listeners} {}; checked as {}",
        args.config.display(),
        if services == 1 { "service" } else { "services" },
        if listeners == 1 { "listener" } else { "listeners" },
        precondition::looks_as(),
    ));
    Ok(Exit::Done)
}

/// Returns the configuration and its warnings.
fn examine(args: &CheckArgs) -> Result<(Config, Vec<config::Problem>), Problems> {
    let (config, places) = config::load_with_places(&args.config, &state_environment())?;
    let mut warnings = precondition::examine(&config, &places)?;
    warnings.extend(precondition::examine_ports(&config, &places)?);
    warnings.extend(precondition::examine_names(&config, &places));
    Ok((config, warnings))
}

fn problem(problem: &config::Problem) -> Problem {
    Problem {
        path: problem.path.as_ref().map(|path| path.display().to_string()),
        line: problem.line,
        column: problem.column,
        message: problem.message.clone(),
    }
}

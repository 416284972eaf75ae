//! `teal check`.

use serde::Serialize;

use super::reach::state_environment;
use crate::Outcome;
use crate::cli::CheckArgs;
use crate::exit::{Exit, Failure};
use crate::show;

#[derive(Serialize)]
struct Answer {
    ok: bool,
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Problem {
    path: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    message: String,
}

/// Checks a configuration file and reports all problems.
pub(crate) fn check(args: &CheckArgs) -> Outcome {
    let checked = config::load(&args.config, &state_environment());
    if args.json {
        let problems = checked.as_ref().err().map_or_else(Vec::new, |problems| {
            let problem = |problem: &config::Problem| Problem {
                path: problem.path.as_ref().map(|path| path.display().to_string()),
                line: problem.line,
                column: problem.column,
                message: problem.message.clone(),
            };
            problems.iter().map(problem).collect()
        });
        show::value(&Answer { ok: checked.is_ok(), problems })?;
        return Ok(if checked.is_ok() { Exit::Done } else { Exit::Usage });
    }
    let config = checked.map_err(|problems| Failure::usage(problems.to_string()))?;
    let (services, listeners) = (config.services.len(), config.listeners.len());
    show::text(&format!(
        "{} is good: {services} {}, {listeners} {}",
        args.config.display(),
        if services == 1 { "service" } else { "services" },
        if listeners == 1 { "listener" } else { "listeners" },
    ));
    Ok(Exit::Done)
}

//! `teal check`.

use serde::Serialize;

use super::reach::state_environment;
use crate::Outcome;
use crate::cli::CheckArgs;
use crate::exit::{Exit, Failure};
use crate::{run, show};

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

/// Checks a configuration file, and the certificates that it names, and reports all problems.
pub(crate) fn check(args: &CheckArgs) -> Outcome {
    let checked = config::load(&args.config, &state_environment());
    let served = checked.as_ref().ok().and_then(|config| run::tls::check(config).err());
    if args.json {
        let of_file = checked.as_ref().err().map(problems).unwrap_or_default();
        let of_tls =
            served.map(|message| Problem { path: None, line: None, column: None, message });
        let problems: Vec<_> = of_file.into_iter().chain(of_tls).collect();
        let ok = problems.is_empty();
        show::value(&Answer { ok, problems })?;
        return Ok(if ok { Exit::Done } else { Exit::Usage });
    }
    let config = checked.map_err(|problems| Failure::usage(problems.to_string()))?;
    if let Some(message) = served {
        return Err(Failure::usage(message));
    }
    let (services, listeners) = (config.services.len(), config.listeners.len());
    show::text(&format!(
        "{} is good: {services} {}, {listeners} {}",
        args.config.display(),
        if services == 1 { "service" } else { "services" },
        if listeners == 1 { "listener" } else { "listeners" },
    ));
    Ok(Exit::Done)
}

fn problems(problems: &config::Problems) -> Vec<Problem> {
    let problem = |problem: &config::Problem| Problem {
        path: problem.path.as_ref().map(|path| path.display().to_string()),
        line: problem.line,
        column: problem.column,
        message: problem.message.clone(),
    };
    problems.iter().map(problem).collect()
}

//! All arguments. The reference page and the completions are made from here, so a help text
//! is written as documentation.

mod client;
mod local;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::level::Levels;

pub(crate) use client::{
    ActiveArgs, ColorOfArgs, DrainedArgs, HistoryArgs, HoldArgs, HowArgs, IdleArgs, LogLevelArgs,
    ReachArgs, ReceiptArgs, ReloadArgs, ResumeArgs, RollbackArgs, StatusArgs, SwitchArgs,
    TraceArgs, UpgradeArgs, WaitArgs, WaitFor,
};
pub(crate) use local::{
    CompletionsArgs, DemoArgs, DemoTargetArgs, Document, DrillArgs, GenerateArgs, JournalArgs,
    JournalDumpArgs, JournalVerb, RoleArg, TokenArgs, TokenNewArgs, TokenVerb,
};

/// Lossless blue-green deployment: one program in front of two environments of a service.
#[derive(Debug, Parser)]
#[command(
    name = "teal",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = AFTER_HELP
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 refused by the gate, 4 Teal could not be \
reached, 5 switched but requests were cut.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Run(RunArgs),
    Check(CheckArgs),
    Status(StatusArgs),
    Active(ActiveArgs),
    Idle(IdleArgs),
    Switch(SwitchArgs),
    Rollback(RollbackArgs),
    Wait(WaitArgs),
    History(HistoryArgs),
    Receipt(ReceiptArgs),
    Hold(HoldArgs),
    Resume(ResumeArgs),
    Reload(ReloadArgs),
    Trace(TraceArgs),
    LogLevel(LogLevelArgs),
    Upgrade(UpgradeArgs),
    Token(TokenArgs),
    Journal(JournalArgs),
    Drill(DrillArgs),
    Demo(DemoArgs),
    Completions(CompletionsArgs),
    #[command(hide = true)]
    DemoTarget(DemoTargetArgs),
    #[command(hide = true)]
    Generate(GenerateArgs),
}

/// Serve: take requests and send each to the active color.
///
/// With a file everything comes from there. Without one, a single service named `web` is
/// served, and the flags say where. Logs go to standard error.
///
/// SIGTERM and SIGINT stop gracefully, a second one at once. SIGHUP reads the configuration
/// again, SIGUSR1 opens the access log again, SIGUSR2 has a newer Teal take over.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "blue", "green", "admin", "state_dir"])]
    pub(crate) config: Option<PathBuf>,
    /// Where clients are served [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// The target of blue [default: http://127.0.0.1:8081].
    #[arg(long, value_name = "URL")]
    pub(crate) blue: Option<String>,
    /// The target of green [default: http://127.0.0.1:8082].
    #[arg(long, value_name = "URL")]
    pub(crate) green: Option<String>,
    /// Where the admin API listens [default: 127.0.0.1:9900].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<String>,
    /// Where the journal and the admin socket live [default: $STATE_DIRECTORY, else
    /// $XDG_STATE_HOME/teal, else ~/.local/state/teal].
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Accept the state up to this generation although later decisions are damaged. Only after
    /// Teal refused to start and named it.
    #[arg(long, value_name = "GENERATION")]
    pub(crate) adopt: Option<u64>,
    /// How logs are written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log: LogFormat,
    /// Which events are logged: off, error, warn, info, debug or trace, for all or for modules, such as
    /// "info,proxy=debug" [default: $TEAL_LOG, else info].
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<Levels>,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line per event, for people.
    Text,
    /// One JSON object per line, for programs.
    Json,
}

/// Check a configuration file and report all problems, with line and column.
///
/// Starts nothing, resolves no name and leaves nothing behind. Exits with 2 if there is a
/// problem.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A color.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorArg {
    /// The first environment.
    Blue,
    /// The second environment.
    Green,
}

/// A duration, and the text that it was written as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    /// As it goes to the admin API.
    pub(crate) text: String,
    pub(crate) duration: Duration,
}

fn time(text: &str) -> Result<Time, String> {
    let duration = contract::duration::parse(text)?;
    Ok(Time { text: text.to_owned(), duration })
}

impl ColorArg {
    /// The word used in every interface.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("teal").chain(line.split_whitespace()))
    }

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_deploy_script_is_understood() {
        let line = "switch green --wait-healthy 60s --drain 1m30s --if-generation 7 --service web";
        let Ok(Cli { verb: Verb::Switch(switch) }) = parse(line) else { panic!("{line}") };
        assert_eq!(switch.color, ColorArg::Green);
        assert_eq!(switch.how.if_generation, Some(7));
        assert_eq!(switch.how.drain.map(|time| time.duration), Some(Duration::from_secs(90)));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_meant() {
        for (line, words) in [
            ("switch purple", &["purple", "blue", "green"][..]),
            ("switch blu", &["a similar value exists: 'blue'"]),
            ("swich green", &["swich", "switch"]),
            ("run --lisen x", &["--lisen", "--listen"]),
            ("switch green --drain soon", &["soon", "--drain", "30s"]),
            ("switch green --drain 0s", &["from 1ms to 720h"]),
            ("hold --max-wait 721h", &["--max-wait", "from 1ms to 720h"]),
            ("switch green --force", &["--force"]),
            ("receipt first", &["first"]),
            ("run --config a --blue b", &["--config", "--blue"]),
            ("token new --role root", &["viewer", "operator"]),
            ("wait", &["drained"]),
        ] {
            let Err(error) = parse(line) else { panic!("{line} was understood") };
            assert_eq!(error.exit_code(), 2, "{line}");
            let message = error.to_string();
            for word in words {
                assert!(message.contains(word), "{word:?} is missing in {message}");
            }
        }
    }
}

//! Command-line arguments. The reference page and the completions are generated from here, so
//! help texts are written as documentation.

mod client;
mod deploy;
mod init;
mod local;
mod rollout;
mod top;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::level::Levels;

pub(crate) use client::{
    ActiveArgs, ColorOfArgs, DeploysArgs, DrainedArgs, HistoryArgs, HoldArgs, IdleArgs,
    LogLevelArgs, MaintenanceArgs, MaintenanceOffArgs, MaintenanceOnArgs, MaintenanceVerb,
    NotifyArgs, NotifyTestArgs, NotifyVerb, PreviewArgs, ReachArgs, ReceiptArgs, ReloadArgs,
    ResumeArgs, RetireArgs, RollbackArgs, StatusArgs, SwitchArgs, SwitchOptionArgs, TraceArgs,
    UpgradeArgs, WaitArgs, WaitFor,
};
pub(crate) use deploy::{DeployArgs, SweepArgs};
pub(crate) use init::InitArgs;
pub(crate) use local::{
    CompletionsArgs, DemoArgs, DemoTargetArgs, Document, DrillArgs, GenerateArgs, JournalArgs,
    JournalDumpArgs, JournalVerb, RoleArg, TokenArgs, TokenNewArgs, TokenVerb, VersionArgs,
};
pub(crate) use rollout::{RolloutArgs, RolloutStatusArgs, RolloutVerb};
pub(crate) use top::TopArgs;

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
reached, 5 switched but requests were cut, 6 switched and switched back, 7 it is not known what runs.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(InitArgs),
    Run(RunArgs),
    Check(CheckArgs),
    Status(StatusArgs),
    Top(TopArgs),
    Active(ActiveArgs),
    Idle(IdleArgs),
    Switch(SwitchArgs),
    Rollback(RollbackArgs),
    Deploy(DeployArgs),
    Sweep(SweepArgs),
    Wait(WaitArgs),
    History(HistoryArgs),
    Receipt(ReceiptArgs),
    Deploys(DeploysArgs),
    Rollout(RolloutArgs),
    Retire(RetireArgs),
    Preview(PreviewArgs),
    Hold(HoldArgs),
    Resume(ResumeArgs),
    Maintenance(MaintenanceArgs),
    Notify(NotifyArgs),
    Reload(ReloadArgs),
    Trace(TraceArgs),
    LogLevel(LogLevelArgs),
    Upgrade(UpgradeArgs),
    Token(TokenArgs),
    Journal(JournalArgs),
    Drill(DrillArgs),
    Demo(DemoArgs),
    Completions(CompletionsArgs),
    Version(VersionArgs),
    /// Keep a program running for the runner `command`. Started by `teal deploy`.
    #[command(hide = true)]
    Supervise,
    #[command(hide = true)]
    DemoTarget(DemoTargetArgs),
    #[command(hide = true)]
    Generate(GenerateArgs),
}

/// Run the proxy: send each request to the active color.
///
/// With --config, all settings come from the file. Without it, Teal serves a single service
/// named `web`, set up by the other flags. Logs go to standard error.
///
/// SIGTERM and SIGINT stop Teal gracefully, a second one at once. SIGHUP reloads the
/// configuration, SIGUSR1 reopens the access log, SIGUSR2 upgrades to a newer Teal.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "blue", "green", "admin", "state_dir"])]
    pub(crate) config: Option<PathBuf>,
    /// The address to serve clients on [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// The target of blue [default: http://127.0.0.1:8081].
    #[arg(long, value_name = "URL")]
    pub(crate) blue: Option<String>,
    /// The target of green [default: http://127.0.0.1:8082].
    #[arg(long, value_name = "URL")]
    pub(crate) green: Option<String>,
    /// The address of the admin API [default: 127.0.0.1:9900].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<String>,
    /// The directory for the journal and the admin socket [default: $STATE_DIRECTORY, else
    /// $XDG_STATE_HOME/teal, else ~/.local/state/teal].
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Start from the state at this generation although later decisions are damaged. Use it only
    /// after Teal refused to start and named the generation.
    #[arg(long, value_name = "GENERATION")]
    pub(crate) adopt: Option<u64>,
    /// The log format.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log: LogFormat,
    /// The log level: off, error, warn, info, debug or trace, for all of Teal or per module, such as
    /// "info,proxy=debug" [default: $TEAL_LOG, else info].
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<Levels>,
}

/// A log format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line per event, for people.
    Text,
    /// One JSON object per line, for programs.
    Json,
}

/// Check a configuration file and report all problems, with line and column.
///
/// Starts nothing, resolves no names and leaves nothing behind. Exits with 2 if there is a
/// problem.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print JSON.
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

/// A duration and its original text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    /// The text as sent to the admin API.
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
    fn a_wrong_argument_is_named_with_a_suggestion() {
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
            ("token new --role root", &["viewer", "deployer", "operator"]),
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

//! All arguments. The reference page and the completions are made from here, so a help text
//! is written as documentation.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

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
    Switch(SwitchArgs),
    Rollback(RollbackArgs),
    Wait(WaitArgs),
    History(HistoryArgs),
    Receipt(ReceiptArgs),
    Hold(HoldArgs),
    Resume(ResumeArgs),
    Reload(ReloadArgs),
    Token(TokenArgs),
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
/// again. SIGUSR1 opens log files again.
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

/// How a running Teal is found and asked.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Reaching Teal")]
pub(crate) struct ReachArgs {
    /// The admin API of Teal: http://HOST:PORT or unix:PATH [default: $TEAL_ADMIN, else the
    /// socket in the state directory if it answers, else http://127.0.0.1:9900].
    #[arg(long, value_name = "URL|unix:PATH")]
    pub(crate) admin: Option<String>,
    /// A file with the token [default: $TEAL_TOKEN, else the file named by $TEAL_TOKEN_FILE,
    /// else admin.token in the state directory if readable]. The socket needs none from Teal's
    /// user, root and the socket group.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Answer in JSON, as the admin API does.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Say where traffic goes and which color may be stopped.
///
/// Per color: active, draining with what is left and the age of the oldest, or drained and
/// safe to stop; per target the last probe and its reason.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Move a service to a color, once that is proven healthy, and wait until the other is drained.
///
/// Ends with 0 when the old color is safe to stop; 3 if the switch was refused, with the reason;
/// 5 if the drain deadline cut requests. The switch goes on if this command is interrupted.
#[derive(Args, Debug)]
pub(crate) struct SwitchArgs {
    /// Where to.
    #[arg(value_name = "COLOR", value_enum)]
    pub(crate) color: ColorArg,
    #[command(flatten)]
    pub(crate) how: HowArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Move a service back to its previous color.
///
/// The same gate, drain and exit codes as for a switch.
#[derive(Args, Debug)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) how: HowArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// How to switch.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct HowArgs {
    /// Which service; not needed if there is one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Go on probing for this long until the color is healthy, such as 60s; without it the first
    /// failed probe refuses.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) wait_healthy: Option<Time>,
    /// Cut what is left on the old color after this time [default: drain.timeout of the service].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) drain: Option<Time>,
    /// End when no new request goes to the old color; do not wait until it is drained.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Refuse if the service has another generation: it was changed meanwhile.
    #[arg(long, value_name = "GENERATION")]
    pub(crate) if_generation: Option<u64>,
    /// Only pass the gate, change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Wait for something.
#[derive(Args, Debug)]
pub(crate) struct WaitArgs {
    #[command(subcommand)]
    pub(crate) what: WaitFor,
}

/// What to wait for.
#[derive(Debug, Subcommand)]
pub(crate) enum WaitFor {
    Drained(DrainedArgs),
}

/// Wait until nothing is left on a color, so that it is safe to stop.
///
/// Ends with 1 when the time is over, and with 3 if the color is active, since then it does not
/// drain.
#[derive(Args, Debug)]
pub(crate) struct DrainedArgs {
    /// Which color.
    #[arg(value_name = "COLOR", value_enum)]
    pub(crate) color: ColorArg,
    /// Which service; not needed if there is one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// How long to wait.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "60s")]
    pub(crate) timeout: Time,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// List what was decided, newest first.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Show the record of one switch: who, when, on what evidence, what it cost.
#[derive(Args, Debug)]
pub(crate) struct ReceiptArgs {
    /// The generation that the switch made [default: the newest].
    #[arg(value_name = "GENERATION")]
    pub(crate) generation: Option<u64>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Keep new requests waiting at Teal instead of failing them, until `teal resume`.
///
/// For a change that no version survives, such as a migration: hold, change, switch, resume.
#[derive(Args, Debug)]
pub(crate) struct HoldArgs {
    /// Which service; not needed if there is one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// How long one request may wait before it is answered 503 [default: 30s].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) max_wait: Option<Time>,
    /// Cut what is left on the active color after this time [default: drain.timeout of the
    /// service].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) drain: Option<Time>,
    /// End when new requests wait; do not wait until the active color is drained.
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Let the waiting requests of a service go.
#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// Which service; not needed if there is one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Read the configuration again and put it in force, all or nothing.
#[derive(Args, Debug)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Make tokens for the admin API.
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) what: TokenVerb,
}

/// What to do about tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    New(TokenNewArgs),
}

/// Make a token and print it once, with the line for the configuration.
///
/// Needs no running Teal. The configuration keeps only the SHA-256; `teal reload` puts it in
/// force.
#[derive(Args, Debug)]
pub(crate) struct TokenNewArgs {
    /// Who will hold it, as it will stand in receipts.
    #[arg(long, value_name = "NAME", default_value = "ci")]
    pub(crate) name: String,
    /// What the holder may do.
    #[arg(long, value_name = "ROLE", value_enum, default_value_t = RoleArg::Operator)]
    pub(crate) role: RoleArg,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Read.
    Viewer,
    /// Read and change.
    Operator,
}

/// Load one page of any server for a while and say what was lost.
///
/// Strict about every byte, never sends a request twice. Ends with 1 if something was lost.
#[derive(Args, Debug)]
pub(crate) struct DrillArgs {
    /// The page: http://HOST:PORT/PATH.
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// How long.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    pub(crate) time: Time,
    /// Connections at once, each with one request after the other.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) connections: u16,
    /// Requests per second at most; without it as fast as it goes.
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u32>,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Watch a switch under load: two real targets, Teal in front, a strict client.
///
/// Goes on until Ctrl-C, with the admin API open to play with, and ends with the ledger.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// End by itself after at least 50,000 requests and 20 switches; exit 1 if anything was lost,
    /// doubled or late.
    #[arg(long)]
    pub(crate) once: bool,
    /// Print only the ledger, as JSON. Implies --once.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the completions of a shell.
///
/// For bash: teal completions bash > /etc/bash_completion.d/teal
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// Which shell.
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}

/// Be a target of the demo.
#[derive(Args, Debug)]
pub(crate) struct DemoTargetArgs {
    /// Where to listen; the address is the first line of standard output.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: std::net::SocketAddr,
    /// What to call itself.
    #[arg(long, value_name = "NAME")]
    pub(crate) version: String,
    /// Where to write down what was asked.
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
}

/// Print a reference document that is made from the code.
#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {
    /// Which one.
    #[arg(value_name = "DOCUMENT", value_enum)]
    pub(crate) document: Document,
}

/// The reference documents that the binary knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    /// The command line, as Markdown.
    Cli,
    /// The admin API, as OpenAPI.
    Openapi,
    /// The metrics, as Markdown.
    Metrics,
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
    let duration = control::api::duration::parse(text)?;
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
            ("switch green --drain 0s", &["from 1ms to 24h"]),
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

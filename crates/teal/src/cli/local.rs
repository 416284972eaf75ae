//! Arguments of the commands that need no running Teal.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::Shell;
use drill::load::Protocol;

use super::{Time, time};

/// Create tokens for the admin API.
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) what: TokenVerb,
}

/// The subcommands of `teal token`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    New(TokenNewArgs),
}

/// Inspect the journal, the log of all decisions.
#[derive(Args, Debug)]
pub(crate) struct JournalArgs {
    #[command(subcommand)]
    pub(crate) what: JournalVerb,
}

/// The subcommands of `teal journal`.
#[derive(Debug, Subcommand)]
pub(crate) enum JournalVerb {
    Dump(JournalDumpArgs),
}

/// Print every record of the journal, one JSON object per line.
///
/// Needs no running Teal and changes nothing; it is safe while Teal writes the journal. Each record is printed
/// with its position (`end`, the offset after it), whether it is certain to be durable, its generation, whether
/// it is a decision, and its content. An incomplete record at the end of the file is reported on standard error.
#[derive(Args, Debug)]
pub(crate) struct JournalDumpArgs {
    /// The state directory [default: $STATE_DIRECTORY, else $XDG_STATE_HOME/teal, else
    /// ~/.local/state/teal].
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// Create a token and print it once, with the line for the configuration.
///
/// Needs no running Teal. The configuration keeps only the SHA-256; `teal reload` puts it into
/// effect.
#[derive(Args, Debug)]
pub(crate) struct TokenNewArgs {
    /// The name of the holder, as shown in receipts.
    #[arg(long, value_name = "NAME", default_value = "ci")]
    pub(crate) name: String,
    /// The role of the holder.
    #[arg(long, value_name = "ROLE", value_enum, default_value_t = RoleArg::Operator)]
    pub(crate) role: RoleArg,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The role of a token's holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Read.
    Viewer,
    /// Read, deploy, switch, hold.
    Deployer,
    /// Read and change.
    Operator,
}

/// Load a server for a while and report what was lost.
///
/// Checks every byte, and never sends a request twice unless a response says that it was not processed.
/// Exits with 1 if anything was lost. Without a URL it starts its own Teal and two targets, keeps switching
/// between them and upgrading Teal, stops, kills and freezes the targets, and compares their ledgers with
/// its own: over HTTP/1.1 and HTTP/2, with and without TLS, all at once.
///
/// With --switch it tests any proxy: it starts a blue and a green target, switches the proxy with the given
/// command, kills the old target as soon as the command returns, and compares the ledgers.
/// For example, with Teal's defaults:
///
///   teal drill http://127.0.0.1:8080 --switch 'teal switch {to} --wait-healthy 10s'
#[derive(Args, Debug)]
pub(crate) struct DrillArgs {
    /// The URL to load: http://HOST:PORT/PATH or https://. Without it, the drill starts its own Teal and targets.
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The protocols, separated by commas; connections take them in turn [default: all four without a
    /// URL, else http1 or tls as its scheme says].
    #[arg(long, value_name = "LIST", value_enum, value_delimiter = ',')]
    pub(crate) over: Vec<ProtocolArg>,
    /// The CA certificates, in PEM, to verify an https:// URL against [default: the system's CAs].
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) ca: Option<PathBuf>,
    /// Without a URL: the seed of the schedule of switches and faults; the same seed gives the same schedule.
    #[arg(long, value_name = "N", conflicts_with = "url")]
    pub(crate) seed: Option<u64>,
    /// Without a URL: also kill (-9) the active color and Teal itself, during switches. Requests in flight
    /// at that moment are counted separately.
    #[arg(long, conflicts_with = "url")]
    pub(crate) harsh: bool,
    /// Without a URL: upgrade Teal to itself N times, with a switch after each, and do nothing else.
    #[arg(long, value_name = "N", conflicts_with_all = ["url", "harsh", "time"], value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) upgrades: Option<u32>,
    /// The command that switches the proxy at URL, with {to} replaced by the color. The old target is
    /// killed the instant it returns.
    #[arg(long, value_name = "COMMAND", requires = "url", value_parser = command_with("{to}"))]
    pub(crate) switch: Option<String>,
    /// The number of switches.
    #[arg(long, value_name = "N", default_value_t = 20, requires = "switch", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) switches: u32,
    /// The address of the drill's own blue target, which the proxy must be configured with.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081", requires = "switch")]
    pub(crate) blue: std::net::SocketAddr,
    /// The address of the drill's own green target.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8082", requires = "switch")]
    pub(crate) green: std::net::SocketAddr,
    /// Instead of the drill's own targets: the command that stops yours, with {color} replaced.
    #[arg(long, value_name = "COMMAND", requires_all = ["switch", "start"], conflicts_with_all = ["blue", "green"], value_parser = command_with("{color}"))]
    pub(crate) stop: Option<String>,
    /// The command that starts yours again.
    #[arg(long, value_name = "COMMAND", requires_all = ["switch", "stop"], value_parser = command_with("{color}"))]
    pub(crate) start: Option<String>,
    /// The duration of the drill.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    pub(crate) time: Time,
    /// The number of concurrent requests; over HTTP/1.1 each has its own connection, over HTTP/2 up to
    /// four share one.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) connections: u16,
    /// The maximum number of requests per second [default: no limit].
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u32>,
    /// Keep to the rate however slow responses are (open loop), and time each request from when it was due.
    #[arg(long, requires_all = ["rate", "url"])]
    pub(crate) open: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A protocol of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProtocolArg {
    /// HTTP/1.1 in plain text.
    Http1,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
    /// HTTP/2 in plain text, with prior knowledge.
    H2c,
}

impl From<ProtocolArg> for Protocol {
    fn from(over: ProtocolArg) -> Self {
        match over {
            ProtocolArg::Http1 => Self::Http1,
            ProtocolArg::Tls => Self::Tls,
            ProtocolArg::Http2 => Self::Http2,
            ProtocolArg::H2c => Self::H2c,
        }
    }
}

/// Parses a command line with a placeholder for a color.
fn command_with(place: &'static str) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |line| {
        let found = line.contains(place).then(|| line.to_owned());
        found.ok_or_else(|| format!("it must contain {place}, which is replaced by blue or green"))
    }
}

/// Watch a switch under load: two real targets, Teal in front, a strict client.
///
/// Runs until Ctrl-C, with the admin API open to try out, and ends with the ledger.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Stop after at least 50,000 requests and 20 switches; exit with 1 if anything was lost,
    /// duplicated or late.
    #[arg(long)]
    pub(crate) once: bool,
    /// Show deploys with `teal deploy` instead: a good one, one that never becomes healthy, and one that fails and goes
    /// back. Ends by itself.
    #[arg(long)]
    pub(crate) deploy: bool,
    /// Print only the ledger, as JSON. Implies --once.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print shell completions.
///
/// For bash: teal completions bash > /etc/bash_completion.d/teal
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}

/// Print the version, and what this program was built from and how.
///
/// A build that is not a release, and was not told its commit by TEAL_COMMIT, does not record it.
#[derive(Args, Debug)]
pub(crate) struct VersionArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Serve as a target of the demo.
#[derive(Args, Debug)]
pub(crate) struct DemoTargetArgs {
    /// The address to listen on; printed as the first line of standard output.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: std::net::SocketAddr,
    /// The name of this target.
    #[arg(long, value_name = "NAME")]
    pub(crate) version: String,
    /// The file to record requests in.
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
    /// The idle timeout of a connection.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) idle: Option<Time>,
    /// The socket of the demo that had it deployed: it ends, with its supervisor, when the demo is gone.
    #[arg(long, value_name = "PATH")]
    pub(crate) link: Option<PathBuf>,
    /// The version whose health checks fail.
    #[arg(long, value_name = "NAME")]
    pub(crate) unhealthy: Option<String>,
    /// The version that answers `/ready` with 500.
    #[arg(long, value_name = "NAME")]
    pub(crate) faulty: Option<String>,
    /// The version that answers every other request of a load with 500.
    #[arg(long, value_name = "NAME")]
    pub(crate) broken: Option<String>,
}

/// Print a reference document generated from the code.
#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {
    /// The document to print.
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
    /// The codes of problems, as Markdown.
    Problems,
    /// The manual pages, as JSON by the name of their file.
    Man,
}

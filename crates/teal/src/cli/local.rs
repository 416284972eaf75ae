//! Arguments of the verbs that need no running Teal.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::Shell;
use drill::load::Over;

use super::{Time, time};

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

/// Look into the journal, the log of all decisions.
#[derive(Args, Debug)]
pub(crate) struct JournalArgs {
    #[command(subcommand)]
    pub(crate) what: JournalVerb,
}

/// The verbs of `teal journal`.
#[derive(Debug, Subcommand)]
pub(crate) enum JournalVerb {
    Dump(JournalDumpArgs),
}

/// Print every record of the journal, one JSON object per line.
///
/// Needs no running Teal and changes nothing: it may be read while Teal writes it. Each record has its place
/// (`end`, the offset behind it), whether it is durable for certain, the generation, whether it is a decision,
/// and what it says. What is not a complete record at the end of the file is named on standard error.
#[derive(Args, Debug)]
pub(crate) struct JournalDumpArgs {
    /// The state directory [default: $STATE_DIRECTORY, else $XDG_STATE_HOME/teal, else
    /// ~/.local/state/teal].
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
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

/// Load a server for a while and say what was lost.
///
/// Strict about every byte; never sends a request twice, unless an answer says that it was not taken.
/// Ends with 1 if something was lost. Without a URL it starts two targets and a Teal of its own, switches
/// between them and replaces Teal all the time, stops, kills and freezes the targets, and joins their
/// ledgers with its own: over HTTP/1.1 and HTTP/2, with TLS and without, all at once.
///
/// With --switch it tries any proxy: it starts a blue and a green target for it, switches it by the
/// command given, kills the old target as soon as the command has returned, and joins the ledgers.
/// For example, with Teal at its defaults:
///
///   teal drill http://127.0.0.1:8080 --switch 'teal switch {to} --wait-healthy 10s'
#[derive(Args, Debug)]
pub(crate) struct DrillArgs {
    /// The page: http://HOST:PORT/PATH, or https://. Without it: targets and a Teal of its own.
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
    /// What to speak, separated by commas; connections are dealt to it in turn. Without it all four
    /// with a Teal of the drill's own, and with a URL what its scheme says: http1 or tls.
    #[arg(long, value_name = "LIST", value_enum, value_delimiter = ',')]
    pub(crate) over: Vec<OverArg>,
    /// Who must have signed the certificate of an https:// URL; without it: whom this machine trusts.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) ca: Option<PathBuf>,
    /// Without a URL: the schedule of switches and faults; the same seed is the same schedule.
    #[arg(long, value_name = "N", conflicts_with = "url")]
    pub(crate) seed: Option<u64>,
    /// Without a URL: kill (-9) the active color and Teal itself, within switches. What was under
    /// way then is counted apart.
    #[arg(long, conflicts_with = "url")]
    pub(crate) harsh: bool,
    /// Without a URL: replace Teal by itself N times, each time with a switch behind, and do nothing
    /// else.
    #[arg(long, value_name = "N", conflicts_with_all = ["url", "harsh", "time"], value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) upgrades: Option<u32>,
    /// Switch whatever proxy is at URL by this command, {to} replaced by the color, and kill the old
    /// target in the instant when it returns.
    #[arg(long, value_name = "COMMAND", requires = "url", value_parser = command_with("{to}"))]
    pub(crate) switch: Option<String>,
    /// How many switches.
    #[arg(long, value_name = "N", default_value_t = 20, requires = "switch", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) switches: u32,
    /// Where the drill's own blue target listens, which the proxy must know.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081", requires = "switch")]
    pub(crate) blue: std::net::SocketAddr,
    /// Where the drill's own green target listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8082", requires = "switch")]
    pub(crate) green: std::net::SocketAddr,
    /// Instead of the drill's own targets: the command that ends yours, {color} replaced.
    #[arg(long, value_name = "COMMAND", requires_all = ["switch", "start"], conflicts_with_all = ["blue", "green"], value_parser = command_with("{color}"))]
    pub(crate) stop: Option<String>,
    /// The command that starts yours again.
    #[arg(long, value_name = "COMMAND", requires_all = ["switch", "stop"], value_parser = command_with("{color}"))]
    pub(crate) start: Option<String>,
    /// How long.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    pub(crate) time: Time,
    /// Requests at once, each behind the one before; over HTTP/1.1 each on a connection of its own,
    /// over HTTP/2 up to four on one.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) connections: u16,
    /// Requests per second at most; without it as fast as it goes.
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u32>,
    /// Keep to the rate whatever the answers do, and count the time of each from when it was due.
    #[arg(long, requires_all = ["rate", "url"])]
    pub(crate) open: bool,
    /// Answer in JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a drill speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OverArg {
    /// HTTP/1.1 in plain text.
    Http1,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
    /// HTTP/2 in plain text, with prior knowledge.
    H2c,
}

impl From<OverArg> for Over {
    fn from(over: OverArg) -> Self {
        match over {
            OverArg::Http1 => Self::Http1,
            OverArg::Tls => Self::Tls,
            OverArg::Http2 => Self::Http2,
            OverArg::H2c => Self::H2c,
        }
    }
}

/// A command line that has a place for a color.
fn command_with(place: &'static str) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |line| {
        let found = line.contains(place).then(|| line.to_owned());
        found.ok_or_else(|| format!("it must contain {place}, to be replaced by blue or green"))
    }
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
    /// How long a connection may be idle before it is closed.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) idle: Option<Time>,
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

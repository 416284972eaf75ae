//! Arguments of the verbs that ask a running Teal.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ColorArg, Time, time};
use crate::level::Levels;

/// How a running Teal is found and asked.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Reaching Teal")]
pub(crate) struct ReachArgs {
    /// The admin API of Teal: http://HOST:PORT, https://HOST:PORT or unix:PATH [default: $TEAL_ADMIN,
    /// else the socket in the state directory or in /run/teal if it answers, else http://127.0.0.1:9900].
    #[arg(long, value_name = "URL|unix:PATH")]
    pub(crate) admin: Option<String>,
    /// Who must have signed the certificate of an https admin API, in PEM [default: $TEAL_CA, else
    /// whom this machine trusts].
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
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
/// safe to stop; per target the last probe and its reason. Of more than 10 services: those with a
/// problem first, then a line for each of the others, if there are at most 100. Ends with 0 whatever the
/// status is.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// Only this service, with all that is known of it; several times or with commas for several.
    #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
    pub(crate) service: Vec<String>,
    /// Only services with a problem, the most severe first.
    #[arg(long)]
    pub(crate) problems: bool,
    /// A line for each service, however many there are.
    #[arg(long, conflicts_with_all = ["problems", "service"])]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Print the active color of a service, as one word for scripts.
#[derive(Args, Debug)]
pub(crate) struct ActiveArgs {
    #[command(flatten)]
    pub(crate) of: ColorOfArgs,
}

/// Print the color of a service that is not active, as one word for scripts.
///
/// To be deployed to: `app-$(teal idle)`. Whether it may be stopped says `teal status`.
#[derive(Args, Debug)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    pub(crate) of: ColorOfArgs,
}

/// A color of which service.
#[derive(Args, Debug)]
pub(crate) struct ColorOfArgs {
    /// Which service; not needed if there is one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Move a service to a color, once that is proven healthy, and wait until the other is drained.
///
/// With --group, all services of a group move in one step, or none does.
///
/// Ends with 0 when the old color is safe to stop; 3 if the switch was refused, with the reason;
/// 5 if the drain deadline cut requests. Interrupting it ends a switch that is not decided yet; one
/// that is decided goes on, and the message says which (130).
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
/// With --group, what the newest switch of the group has moved goes back in one step.
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
    /// Which group of services, instead of one service.
    #[arg(long, value_name = "GROUP", conflicts_with = "service")]
    pub(crate) group: Option<String>,
    /// Go on probing for this long until the color is healthy, such as 60s; without it the first
    /// failed probe refuses.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) wait_healthy: Option<Time>,
    /// Cut what is left on the old color after this time [default: drain.timeout of each service].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) drain: Option<Time>,
    /// End when no new request goes to the old color; do not wait until it is drained.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Refuse if the service has another generation: it was changed meanwhile. Of a group the
    /// highest generation of its services counts.
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
    /// Which group of services, instead of one service.
    #[arg(long, value_name = "GROUP", conflicts_with = "service")]
    pub(crate) group: Option<String>,
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
    /// Which service, if the switch moved several [default: all; with --json it must be named].
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
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

/// Replace the running Teal by a newer one; clients notice nothing.
///
/// Put the new program where the running one was started from (or where upgrade.binary says), then
/// run this. It ends when the new Teal serves. The older one goes when its last request has ended.
/// If the new one can't take over, the older one goes on as before, and this ends with 1.
#[derive(Args, Debug)]
pub(crate) struct UpgradeArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Follow single requests through their steps, as they come.
///
/// Each step is a line: accepted, for which service, waiting, color and target, connection, sent, answer,
/// end and why. Nothing is shown of bodies, of fields and of what stands behind the ? of a target. Ends
/// when all of them have ended, or after --for. Requests that are not followed cost no more than before.
#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    /// Only requests with this field and exactly this value.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) header: Option<String>,
    /// Only requests of the client with this address.
    #[arg(long, value_name = "IP")]
    pub(crate) client: Option<IpAddr>,
    /// Only requests whose path begins so.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) path: Option<String>,
    /// The number of requests, up to 1000.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) count: u64,
    /// The time until it ends, up to 10m.
    #[arg(long = "for", value_name = "TIME", value_parser = time, default_value = "60s")]
    pub(crate) time: Time,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Show which events the running Teal logs, or change that until it is started again or upgraded.
///
/// Levels are off, error, warn, info, debug and trace, for all or for modules: "info,proxy=debug".
#[derive(Args, Debug)]
pub(crate) struct LogLevelArgs {
    /// The new levels [default: show those in force].
    #[arg(value_name = "LEVEL")]
    pub(crate) level: Option<Levels>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Read the configuration again and put it in force, all or nothing.
#[derive(Args, Debug)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

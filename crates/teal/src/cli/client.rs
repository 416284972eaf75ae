//! Arguments of the commands that call a running Teal.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ColorArg, Time, time};
use crate::level::Levels;

/// Options for reaching a running Teal.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Reaching Teal")]
pub(crate) struct ReachArgs {
    /// The admin API of Teal: http://HOST:PORT, https://HOST:PORT or unix:PATH [default: $TEAL_ADMIN,
    /// else the socket in the state directory or in /run/teal if it answers, else http://127.0.0.1:9900].
    #[arg(long, value_name = "URL|unix:PATH")]
    pub(crate) admin: Option<String>,
    /// The CA certificates, in PEM, to verify an https admin API against [default: $TEAL_CA, else
    /// the system's CAs].
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// A file with the token [default: $TEAL_TOKEN, else the file named by $TEAL_TOKEN_FILE,
    /// else admin.token in the state directory if readable]. On the socket, Teal's user, root and
    /// the socket group need no token.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print JSON, as the admin API sends it.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show where traffic goes and which color may be stopped.
///
/// For each color: active, draining (with what is left and the age of the oldest), or drained and
/// safe to stop. For each target: the last probe and its reason. With more than 10 services, those with a
/// problem come first, then one line for each of the others if there are at most 100. Exits with 0
/// whatever the status is.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// Only this service, with every detail; repeat it or use commas for several.
    #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
    pub(crate) service: Vec<String>,
    /// Only services with a problem, the most severe first.
    #[arg(long)]
    pub(crate) problems: bool,
    /// One line for each service, however many there are.
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

/// Print the idle color of a service, as one word for scripts.
///
/// This is the color to deploy to: `app-$(teal idle)`. `teal status` shows if it may be stopped.
#[derive(Args, Debug)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    pub(crate) of: ColorOfArgs,
}

/// The service to print a color of.
#[derive(Args, Debug)]
pub(crate) struct ColorOfArgs {
    /// The service; may be omitted if there is only one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Move a service to a color once it is proven healthy, and wait until the other is drained.
///
/// With --group, all services of a group move in one step, or none do.
///
/// Exits with 0 when the old color is safe to stop, with 3 and the reason if the switch was refused,
/// and with 5 if the drain deadline cut requests. Interrupting it (130) cancels a switch that is not
/// decided yet; one that is decided goes on. The message says which.
#[derive(Args, Debug)]
pub(crate) struct SwitchArgs {
    /// The color to move to.
    #[arg(value_name = "COLOR", value_enum)]
    pub(crate) color: ColorArg,
    /// The version that runs in it, such as v42, for status, metrics, logs and the receipt.
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    #[command(flatten)]
    pub(crate) how: SwitchOptionArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Move a service back to its previous color.
///
/// With --group, everything that the newest switch of the group moved goes back in one step.
///
/// The gate, the drain and the exit codes are those of a switch.
///
/// If the previous color was stopped (by a deploy with keep = "no", or by `teal sweep`), its version is started again as
/// the `deploy` table of the service says, and then switched to: a deploy of its own, with its steps and exit codes.
#[derive(Args, Debug)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) how: SwitchOptionArgs,
    /// The configuration file, as the running Teal uses it: needed to start a version again [default:
    /// /etc/teal/teal.toml].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Options of a switch.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SwitchOptionArgs {
    /// The service; may be omitted if there is only one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// The group of services, instead of a single service.
    #[arg(long, value_name = "GROUP", conflicts_with = "service")]
    pub(crate) group: Option<String>,
    /// Keep probing for up to this time until the color is healthy, such as 60s. Without it, the
    /// first failed probe refuses the switch.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) wait_healthy: Option<Time>,
    /// Cut whatever is left on the old color after this time [default: drain.timeout of each service]. If traffic goes to
    /// that color already, it brings the deadline of a drain under way closer.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) drain: Option<Time>,
    /// Go even to a version that Teal has taken back after its rollout failed. It is watched again, and not taken back
    /// a second time.
    #[arg(long)]
    pub(crate) supersede: bool,
    /// Return once no new request goes to the old color, without waiting until it is drained.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Refuse if the service is not at this generation, because it was changed meanwhile. For a group,
    /// the highest generation of its services counts.
    #[arg(long, value_name = "GENERATION")]
    pub(crate) if_generation: Option<u64>,
    /// Only check the gate; change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The reason, one line, for the receipt and the history.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// Wait for a state.
#[derive(Args, Debug)]
pub(crate) struct WaitArgs {
    #[command(subcommand)]
    pub(crate) what: WaitFor,
}

/// The subcommands of `teal wait`.
#[derive(Debug, Subcommand)]
pub(crate) enum WaitFor {
    Drained(DrainedArgs),
}

/// Wait until nothing is left on a color, so that it is safe to stop.
///
/// Exits with 1 if it is not drained in time, and with 3 if the color is active and so does not
/// drain.
#[derive(Args, Debug)]
pub(crate) struct DrainedArgs {
    /// The color that drains.
    #[arg(value_name = "COLOR", value_enum)]
    pub(crate) color: ColorArg,
    /// The service; may be omitted if there is only one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// The group of services, instead of a single service.
    #[arg(long, value_name = "GROUP", conflicts_with = "service")]
    pub(crate) group: Option<String>,
    /// The maximum time to wait.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "60s")]
    pub(crate) timeout: Time,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// List past decisions, newest first.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Show the record of one switch: who made it and when, the evidence, and what it cost.
#[derive(Args, Debug)]
pub(crate) struct ReceiptArgs {
    /// The generation that the switch created [default: the newest].
    #[arg(value_name = "GENERATION")]
    pub(crate) generation: Option<u64>,
    /// The service, if the switch moved several [default: all; required with --json].
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// List the deploys, newest first, or show one in full.
///
/// The record of a deploy is also its lock: while one is in progress, its services cannot be deployed by
/// another. One whose command line has gone is resumed or abandoned by `teal deploy`.
#[derive(Args, Debug)]
pub(crate) struct DeploysArgs {
    /// The number of one deploy [default: all that are kept].
    #[arg(value_name = "ID")]
    pub(crate) id: Option<u64>,
    /// Only those of this service.
    #[arg(long, value_name = "SERVICE", conflicts_with = "id")]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Send nothing to an idle color any more, not even a probe, so that it may be stopped for good.
///
/// Exits with 3 if the color is active or not drained. A switch or a deploy to the color ends this.
#[derive(Args, Debug)]
pub(crate) struct RetireArgs {
    /// The color to retire.
    #[arg(value_name = "COLOR", value_enum)]
    pub(crate) color: ColorArg,
    /// The service; may be omitted if there is only one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Refuse if the service is not at this generation, because it was changed meanwhile.
    #[arg(long, value_name = "GENERATION")]
    pub(crate) if_generation: Option<u64>,
    /// Say what would happen; change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Let testers see the idle color of a service, while everybody else stays on the active one.
///
/// Prints links to open in a browser, and a token for other clients. They are valid until --for is over, and end with the
/// next switch of the service. The service needs `preview` in the configuration. Exits with 3 if it has none, or if the
/// idle color is retired.
#[derive(Args, Debug)]
pub(crate) struct PreviewArgs {
    /// The service; may be omitted if there is only one.
    #[arg(value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// The time that the links are valid for, up to 168h [default: 1h].
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    pub(crate) valid: Option<Time>,
    /// Make all links and tokens of the service void that were made until now, and print no new ones.
    #[arg(long, conflicts_with = "valid")]
    pub(crate) revoke: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Keep new requests waiting at Teal instead of failing them, until `teal resume`.
///
/// For a change that neither version can run through, such as a migration: hold, change, switch, resume.
#[derive(Args, Debug)]
pub(crate) struct HoldArgs {
    /// The service; may be omitted if there is only one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// The maximum time one request waits before it gets a 503 [default: 30s].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) max_wait: Option<Time>,
    /// Cut whatever is left on the active color after this time [default: drain.timeout of the
    /// service].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) drain: Option<Time>,
    /// Return once new requests wait, without waiting until the active color is drained.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Refuse if the service is not at this generation, because it was changed meanwhile.
    #[arg(long, value_name = "GENERATION")]
    pub(crate) if_generation: Option<u64>,
    /// Say what would happen; change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Release the waiting requests of a service.
#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// The service; may be omitted if there is only one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Refuse if the service is not at this generation, because it was changed meanwhile.
    #[arg(long, value_name = "GENERATION")]
    pub(crate) if_generation: Option<u64>,
    /// Say what would happen; change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Answer new requests of a service by Teal itself, while it is down for maintenance.
#[derive(Args, Debug)]
pub(crate) struct MaintenanceArgs {
    #[command(subcommand)]
    pub(crate) verb: MaintenanceVerb,
}

/// The commands about a maintenance.
#[derive(Debug, Subcommand)]
pub(crate) enum MaintenanceVerb {
    On(MaintenanceOnArgs),
    Off(MaintenanceOffArgs),
}

/// Answer new requests 503 with Retry-After, until `teal maintenance off`.
///
/// Requests in flight and tunnels end by themselves, health checks go on, and a switch is possible. Requests that
/// `teal hold` keeps waiting are answered, too. Clients that accept HTML get the page of --page, else
/// maintenance.html of error_pages, else a short one; "{{message}}" in a page stands for the message. Called again, it
/// replaces message, page and clients.
#[derive(Args, Debug)]
pub(crate) struct MaintenanceOnArgs {
    /// The sentence for clients.
    #[arg(long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// A page of HTML for clients that accept it, at most 64 KiB.
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,
    /// Clients whose requests go to the service as always: an address or a range such as 10.0.0.0/8. May be repeated.
    #[arg(long, value_name = "CIDR")]
    pub(crate) allow: Vec<String>,
    #[command(flatten)]
    pub(crate) of: MaintenanceScopeArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Send new requests to the service again.
#[derive(Args, Debug)]
pub(crate) struct MaintenanceOffArgs {
    #[command(flatten)]
    pub(crate) of: MaintenanceScopeArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// The services of a maintenance.
#[derive(Args, Debug)]
pub(crate) struct MaintenanceScopeArgs {
    /// The service; may be omitted if there is only one.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// The group of services, instead of a service.
    #[arg(long, value_name = "GROUP", conflicts_with = "service")]
    pub(crate) group: Option<String>,
}

/// Show the endpoints that are notified of events, or send one a test message.
///
/// Shows what waits for each endpoint of [[notify]], and how its last attempts ended.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct NotifyArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<NotifyVerb>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// The commands about notifications.
#[derive(Debug, Subcommand)]
pub(crate) enum NotifyVerb {
    Test(NotifyTestArgs),
}

/// Send a test message to an endpoint now, and print its answer.
///
/// Exits with 1 if the message was not delivered.
#[derive(Args, Debug)]
pub(crate) struct NotifyTestArgs {
    /// The name of the endpoint.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Replace the running Teal with a newer one, unnoticed by clients.
///
/// Install the new binary at the path the running one was started from (or at upgrade.binary), then
/// run this. It returns once the new Teal serves. The old one exits when its last request has ended.
/// If the new one cannot take over, the old one keeps serving, and this exits with 1.
#[derive(Args, Debug)]
pub(crate) struct UpgradeArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Follow single requests through their steps, live.
///
/// Each step is a line: accepted, service, waiting, color and target, connection, sent, answer, and end with
/// its reason. Bodies, header fields and query strings are never shown. Exits when all followed requests have
/// ended, or after --for. Other requests are not slowed down.
#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    /// Only requests with this header field and exactly this value.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) header: Option<String>,
    /// Only requests from this client address.
    #[arg(long, value_name = "IP")]
    pub(crate) client: Option<IpAddr>,
    /// Only requests whose path begins with this.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) path: Option<String>,
    /// The number of requests, up to 1000.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) count: u64,
    /// The maximum time to follow requests, up to 10m.
    #[arg(long = "for", value_name = "TIME", value_parser = time, default_value = "60s")]
    pub(crate) time: Time,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Show the log level of the running Teal, or change it until it is restarted or upgraded.
///
/// Levels are off, error, warn, info, debug and trace, for all of Teal or per module: "info,proxy=debug".
#[derive(Args, Debug)]
pub(crate) struct LogLevelArgs {
    /// The new level [default: show the current one].
    #[arg(value_name = "LEVEL")]
    pub(crate) level: Option<Levels>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Reload the configuration: either all of it takes effect or nothing does.
#[derive(Args, Debug)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

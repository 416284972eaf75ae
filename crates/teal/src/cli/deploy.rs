//! Arguments of `teal deploy` and `teal sweep`.

use std::path::PathBuf;

use clap::Args;

use super::{ReachArgs, Time, time};

/// Deploy a version: start it in the idle color, prove it, switch, and see to the old one.
///
/// The steps are lock, before, start, gate, smoke, switch, drain, outside, after and keep. What they run is in the
/// `deploy` table of the service; it runs here, as the user of this command. Until the switch nothing changes for
/// clients, and whatever fails stops the new environment again (exit code 3). If the service fails its checks through
/// the public listener after the switch, traffic is switched back (6). If it is not known what runs, nothing is
/// stopped (7).
///
/// Interrupting it before the switch puts everything back; a second time, or after the switch, it leaves the deploy
/// open for --resume or --abandon.
#[derive(Args, Debug)]
pub(crate) struct DeployArgs {
    /// The service; may be omitted if there is only one.
    #[arg(value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// The group of services, instead of a single service. All of them take each step together.
    #[arg(long, value_name = "GROUP", conflicts_with = "service")]
    pub(crate) group: Option<String>,
    /// The version, such as v42: given to the runner and to every command, and shown in status and receipts.
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(crate) version: Option<rules::Version>,
    /// The configuration file, as the running Teal uses it [default: /etc/teal/teal.toml].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The time for the new environment to become healthy.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "120s")]
    pub(crate) wait_healthy: Time,
    /// Cut whatever is left on the old color after this time [default: drain.timeout of each service].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) drain: Option<Time>,
    /// The handling of the old environment: until-next, no, or the time that it stays up at least [default:
    /// deploy.keep of each service].
    #[arg(long, value_name = "KEEP", value_parser = keep)]
    pub(crate) keep: Option<config::Keep>,
    /// Print the plan and change nothing.
    #[arg(long, conflicts_with_all = ["resume", "abandon", "no_switch"])]
    pub(crate) dry_run: bool,
    /// Pause before the switch; --resume goes on.
    #[arg(long, conflicts_with_all = ["resume", "abandon"])]
    pub(crate) no_switch: bool,
    /// Deploy although the service was rolled back since its last deploy.
    #[arg(long, conflicts_with_all = ["resume", "abandon"])]
    pub(crate) supersede: bool,
    /// Deploy inside a freeze window. The reason is recorded.
    #[arg(long, requires = "reason", conflicts_with_all = ["resume", "abandon"])]
    pub(crate) emergency: bool,
    /// The reason for the deploy, for its record.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["resume", "abandon"])]
    pub(crate) reason: Option<String>,
    /// Go on with this deploy, whose command line is gone, or which was paused.
    #[arg(long, value_name = "ID", conflicts_with_all = ["service", "group", "version", "abandon"])]
    pub(crate) resume: Option<u64>,
    /// Put back this deploy: stop its environment, after switching back if it has traffic.
    #[arg(long, value_name = "ID", conflicts_with_all = ["service", "group", "version"])]
    pub(crate) abandon: Option<u64>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// Stop the old environments whose time is over: a timer's job.
///
/// A deploy with keep = DURATION leaves the old environment up and records until when. This stops those whose time is
/// over, by their runners, as the user of this command; it prints a line for each service. Nothing is stopped that is
/// active or in use, or to which traffic has moved since, or while a deploy of the service is in progress.
///
/// Exits with 0 if there is nothing to do, and with 7 if it is not known what runs.
#[derive(Args, Debug)]
pub(crate) struct SweepArgs {
    /// Only this service [default: all with a deploy table].
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// The configuration file, as the running Teal uses it [default: /etc/teal/teal.toml].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print what would be stopped and stop nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

fn version(text: &str) -> Result<rules::Version, String> {
    rules::Version::new(text).map_err(|error| error.to_string())
}

fn keep(text: &str) -> Result<config::Keep, String> {
    match text {
        "until-next" => Ok(config::Keep::UntilNext),
        "no" => Ok(config::Keep::No),
        text => match time(text) {
            Ok(time) => Ok(config::Keep::For(time.duration)),
            Err(error) => Err(format!("must be until-next, no, or a time, which {error}")),
        },
    }
}

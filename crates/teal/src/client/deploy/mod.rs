//! `teal deploy`: the steps are in the crate `deploy`; this connects them to Teal, the terminal and signals.

mod admin;
mod rollback;

use std::cell::Cell;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

use config::Config;
use deploy::{
    Context, Ended, Options, Pace, Reporter, Request, Supervision, Verdict, Write, runner_of,
};
use tokio::sync::watch;

use super::block_on;
use super::interrupt::Interrupts;
use super::reach::{Intent, Teal};
use crate::Outcome;
use crate::cli::{DeployArgs, ReachArgs, SweepArgs};
use crate::environment::state_environment;
use crate::exit::{Exit, Failure};
use crate::show;

use admin::AdminApi;

pub(super) use rollback::rollback;

/// The file that is read if none is named.
const CONFIG: &str = "/etc/teal/teal.toml";

/// Deploys a version, or goes on with a deploy, or puts one back.
pub(crate) fn deploy(args: &DeployArgs) -> Outcome {
    let config = configuration(args.config.as_deref())?;
    let intent = if args.dry_run { Intent::Read } else { Intent::Change };
    let ended =
        carried_out(&config, &args.reach, intent, async |context| asked(args, context).await)?;
    finished(ended, args.reach.json)
}

/// Stops the old environments whose time is over.
pub(crate) fn sweep(args: &SweepArgs) -> Outcome {
    let config = configuration(args.config.as_deref())?;
    let intent = if args.dry_run { Intent::Read } else { Intent::Change };
    let work = async |context: &Context<'_>| {
        deploy::sweep(context, args.service.as_deref(), args.dry_run).await
    };
    let ended = carried_out(&config, &args.reach, intent, work)?;
    finished(ended, args.reach.json)
}

/// Keeps a program running. Its order comes from `teal deploy` through standard input.
pub(crate) fn supervise() -> Outcome {
    runner::supervise().map(|()| Exit::Done).map_err(Failure::failed)
}

/// Carries out a command about deploys, connected to Teal, the terminal and signals.
fn carried_out(
    config: &Config,
    reach: &ReachArgs,
    intent: Intent,
    work: impl AsyncFnOnce(&Context<'_>) -> Ended,
) -> Result<Ended, Failure> {
    let supervisor = std::env::current_exe().map_err(|error| {
        Failure::failed(format!("cannot find the program of this command: {error}"))
    })?;
    let supervision = Supervision {
        supervisor: (supervisor, vec!["supervise".into()]),
        state_dir: config.state_dir.clone(),
    };
    block_on(connected(config, reach, intent, &supervision, work))?
}

async fn connected(
    config: &Config,
    reach: &ReachArgs,
    intent: Intent,
    supervision: &Supervision,
    work: impl AsyncFnOnce(&Context<'_>) -> Ended,
) -> Result<Ended, Failure> {
    let (way, unanswered) = to_reach(reach, config);
    let found = Teal::find(&way, intent).await.map_err(|failure| match unanswered {
        None => failure,
        Some(why) => {
            let socket = config.admin.socket.display();
            let message = format!(
                "{}\nThe socket of the configuration, unix:{socket}: {why}",
                failure.message
            );
            Failure { message, ..failure }
        }
    });
    let admin = AdminApi(found?);
    let draw: Option<Write> = show::is_watched().then(|| Box::new(show::progress) as Write);
    let reporter = Reporter {
        print: Box::new(show::text),
        draw,
        json: reach.json,
        actions: std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
        printed: Cell::new(0),
    };
    let (count, interrupts) = watch::channel(0);
    let mut signals = Interrupts::listen()?;
    let counting = async {
        loop {
            signals.next().await;
            count.send_modify(|count| *count += 1);
        }
    };
    let runners = |settings: &config::Deploy| runner_of(settings, supervision);
    let context = Context {
        admin: &admin,
        config,
        runners: &runners,
        reporter: &reporter,
        interrupts,
        by: by(),
        pace: Pace::default(),
    };
    tokio::select! {
        ended = work(&context) => Ok(ended),
        () = counting => Err(Failure::failed("cannot listen for signals")),
    }
}

async fn asked(args: &DeployArgs, context: &Context<'_>) -> Ended {
    let options = Options {
        wait_healthy: args.wait_healthy.duration,
        drain: args.drain.as_ref().map(|drain| drain.duration),
        keep: args.keep,
        no_switch: args.no_switch,
    };
    match (args.resume, args.abandon) {
        (Some(id), _) => Box::pin(deploy::resume(context, id, &options)).await,
        (None, Some(id)) => Box::pin(deploy::abandon(context, id, &options)).await,
        (None, None) => {
            let request = Request {
                service: args.service.clone(),
                group: args.group.clone(),
                version: args.version.clone(),
                options,
                supersede: args.supersede,
                emergency: args.emergency,
                reason: args.reason.clone(),
                rollback: false,
            };
            if args.dry_run {
                return deploy::dry_run(context, &request).await;
            }
            Box::pin(deploy::deploy(context, &request)).await
        }
    }
}

/// The exit code of a deploy. With JSON everything was printed already.
fn finished(ended: Ended, json: bool) -> Outcome {
    let exit = match ended.verdict {
        Verdict::Done => return Ok(Exit::Done),
        Verdict::Failed => Exit::Failed,
        Verdict::Usage => Exit::Usage,
        Verdict::Refused => Exit::Refused,
        Verdict::Unreachable => Exit::Unreachable,
        Verdict::Cut => Exit::Cut,
        Verdict::Reverted => Exit::Reverted,
        Verdict::Unknown => Exit::Unknown,
        Verdict::Interrupted => Exit::Interrupted,
    };
    Err(Failure::new(exit, if json { String::new() } else { ended.message }))
}

/// The way to Teal: if none is named, the socket of the configuration if it answers, else as for any command; and why
/// that socket does not answer.
fn to_reach(args: &ReachArgs, config: &Config) -> (ReachArgs, Option<io::Error>) {
    let mut reach = args.clone();
    if reach.admin.is_some() || std::env::var_os("TEAL_ADMIN").is_some() {
        return (reach, None);
    }
    let unanswered = UnixStream::connect(&config.admin.socket).err();
    if unanswered.is_none() {
        reach.admin = Some(format!("unix:{}", config.admin.socket.display()));
    }
    (reach, unanswered)
}

fn configuration(named: Option<&Path>) -> Result<Config, Failure> {
    let path = named.unwrap_or(Path::new(CONFIG));
    if named.is_none() && !path.exists() {
        return Err(Failure::usage(format!(
            "there is no configuration at {CONFIG}; name the file of the running Teal with --config FILE"
        )));
    }
    config::load(path, &state_environment())
        .map_err(|problems| Failure::usage(problems.to_string()))
}

/// The user and the host of this command, as `ci@runner-3`.
fn by() -> String {
    let named = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = named("USER").or_else(|| named("LOGNAME"));
    let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::geteuid().as_raw()));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "unknown host" } else { host.trim() };
    let text: String = format!("{user}@{host}").chars().filter(|c| !c.is_control()).collect();
    text.chars().take(128).collect()
}

//! `teal run`: the wiring of the two planes, in one screen.
//!
//! The order is chosen so that a failed start leaves nothing behind and serves no client: read the
//! configuration, take the state directory, bind every socket, start the controller (which
//! publishes the first table), start the workers.

mod admin;
mod books;
mod certificate_orders;
mod collector;
mod contents;
mod copied;
mod descriptors;
mod error_pages;
mod expiring;
mod files;
mod follow;
mod notifications;
mod observers;
mod parent;
pub(crate) mod precondition;
mod preview_key;
mod reload;
mod signal;
mod sockets;
mod state;
mod systemd;
pub(crate) mod tls;
mod token;
mod upgrade;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use ::admin::{AdminTls, ApiSettings};
use ::parent::{ControlSocket, KeptDescriptors, StartMode};
use certificate::{Certificates, Challenges, ClientCas};
use config::{Config, Problems};
use connect::{AddressHistory, FilesRead, TlsConfigCache};
use control::{Handle, PendingUpgrade, Reloader, Resolver, Settings};
use journal::Opened;
use notify::Notifier;
use peer::{Host, OfferedColor, SeriesMailbox};
use preview::PreviewKeyCell;
use proxy::{Options, Proxy, takes_ipv4};
use rules::Token;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use traffic::{Publisher, Subscription, Table, Versions, table_channel};

use crate::cli::{LogFormat, RunArgs};
use crate::exit::{Exit, Failure};
use crate::level::Levels;
use crate::{Outcome, log};

pub(crate) use state::group::name as group_name;

use admin::Admin;
use parent::Parent;
use reload::{InForce, Source};
use signal::SignalContext;
use sockets::{BoundSockets, InheritedSockets};
use upgrade::{Leaving, Older, Takeover, TealSockets};

/// The interval at which the workers are polled at the start, until they serve.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Serves until it is stopped.
pub(crate) fn run(args: &RunArgs) -> Outcome {
    log::start(args.log, &Levels::chosen(args.log_level.as_ref())?);
    let served = serve(args);
    log::finish();
    served.map(|()| Exit::Done)
}

fn serve(args: &RunArgs) -> Result<(), Failure> {
    let _ = std::fs::write("/proc/self/comm", "teal"); // ignored: only a name
    let (link, begin) = ControlSocket::from_stdin().map_err(|error| {
        Failure::usage(format!(
            "TEAL_PROCESS is set, but standard input is not connected to a parent process of Teal: \
             {error}; only Teal itself sets it, so remove it from the environment"
        ))
    })?;
    let parent = Parent::new(link, args.log == LogFormat::Json);
    let takeover = match begin {
        StartMode::Start { mut kept, activated, died, older, behind } => {
            let inherited = |kept, config: &Config| match TealSockets::kept(kept, config) {
                Some(handed) => InheritedSockets::FromTeal(handed),
                None => InheritedSockets::FromServiceManager(systemd::handed_over(activated)),
            };
            if died.is_empty() {
                let (source, config) = read(args)?;
                let handed = inherited(kept, &config);
                let teals = (parent, Vec::new(), handed);
                return start(source, config, args.adopt, teals, (FilesRead::new(), None));
            }
            tracing::error!("{died}; this one serves in its place");
            let (source, config, before) = read_again(args, &mut kept)?;
            let handed = inherited(kept, &config);
            let mut older: Vec<_> = older.into_iter().map(Older::leaving).collect();
            if let Some(newest) = older.last_mut() {
                newest.through = behind;
            }
            return start(source, config, None, (parent, older, handed), before);
        }
        StartMode::TakeOver(socket) => Takeover::from_socket(socket)?,
    };
    let ready = read(args).and_then(|(source, config)| {
        takeover.check(&config)?;
        Ok((source, config))
    });
    match ready {
        Ok((source, config)) => {
            let (older, handed) = takeover.take(&config)?;
            let failure_channel = older.failure_channel()?;
            let teals = (parent, vec![older], InheritedSockets::FromTeal(handed));
            let started = start(source, config, None, teals, (FilesRead::new(), None));
            started.inspect_err(|failure| failure_channel.give_up(&failure.message))
        }
        Err(failure) => {
            takeover.refuse(&failure.message);
            Err(failure)
        }
    }
}

/// Reads everything that can fail before anything is started.
fn read(args: &RunArgs) -> Result<(Source, Config), Failure> {
    let source = Source::of(args);
    let wrong = |problems: Problems| Failure::usage(problems.to_string());
    let (config, places) = source.read().map_err(wrong)?;
    precondition::examine(&config, &places).map_err(wrong)?;
    Ok((source.with_copy(&places), config))
}

/// The contents of the TLS files in use before a crash, and the reason why the current configuration file is
/// not used.
type InUseBefore = (FilesRead, Option<String>);

/// The same after a crash: a file that is invalid or gone meanwhile must not cause an outage.
fn read_again(
    args: &RunArgs,
    kept: &mut KeptDescriptors,
) -> Result<(Source, Config, InUseBefore), Failure> {
    let source = Source::of(args);
    let Some(before) = copied::after_crash(&source, kept) else {
        return read(args).map(|(source, config)| (source, config, (FilesRead::new(), None)));
    };
    let copied::CopiedConfig { config, places, files, not_in_force } = before;
    Ok((source.with_copy(&places), config, (files, not_in_force)))
}

/// Everything that can fail before anything is published.
struct Prepared {
    /// The number of client connections that there are descriptors for.
    room: usize,
    runtime: Runtime,
    certificates: Certificates,
    /// The CAs of clients.
    clients: ClientCas,
    /// TLS on the admin API.
    admin: Option<AdminTls>,
    tls_configs: TlsConfigCache,
    opened: Opened,
    tokens: Vec<Token>,
    /// The key of preview tokens.
    preview_key: PreviewKeyCell,
    sockets: BoundSockets,
}

impl Prepared {
    fn prepare(
        config: &mut Config,
        adopt: Option<u64>,
        (older, handed): (&[Older], &InheritedSockets),
    ) -> Result<Self, Failure> {
        error_pages::fill(config);
        let room = descriptors::room(config)?;
        let certificates = tls::load(config).map_err(Failure::usage)?;
        tls::warn(&certificates);
        let clients = tls::load_clients(config).map_err(Failure::usage)?;
        let admin = tls::load_for_admin(config).map_err(Failure::usage)?;
        let tls_configs = TlsConfigCache::default();
        tls_configs.put(tls::load_for_targets(config, &tls_configs).map_err(Failure::usage)?);
        let passed = older.iter().find_map(|older| older.passed.as_ref());
        let opened = state::open(&config.state_dir, adopt, passed)?;
        let tokens = token::tokens(config)?;
        let preview_key = PreviewKeyCell::default();
        preview_key::put(config, &preview_key).map_err(Failure::failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(cannot("start the control plane"))?;
        let entered = runtime.enter(); // sockets belong to it
        let sockets = BoundSockets::bind(config, handed)?;
        drop(entered);
        Ok(Self {
            room,
            runtime,
            certificates,
            clients,
            admin,
            tls_configs,
            opened,
            tokens,
            preview_key,
            sockets,
        })
    }
}

/// Turns an error into a failure that says what could not be done.
fn cannot(what: &str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::failed(format!("cannot {what}: {error}"))
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(error.to_string())
}

fn start(
    source: Source,
    mut config: Config,
    adopt: Option<u64>,
    (parent, older, handed): (Parent, Vec<Older>, InheritedSockets),
    (in_force_before, not_in_force): InUseBefore,
) -> Result<(), Failure> {
    let prepare = || Prepared::prepare(&mut config, adopt, (&older, &handed));
    let (prepared, files) = connect::reading(in_force_before, prepare);
    drop(handed);
    let prepared = prepared?;
    let Prepared { room, runtime, opened, tokens, sockets, .. } = prepared;
    let Prepared { certificates, clients, admin, tls_configs, preview_key, .. } = prepared;
    runtime.block_on(async {
        let challenges = Challenges::default();
        let own = (challenges.clone(), preview_key);
        let in_force = InForce::new(
            &config,
            tokens,
            sockets.public.addresses(),
            (certificates, clients),
            admin,
            (tls_configs.clone(), own.clone()),
            files,
        );
        let listeners = in_force.listeners(sockets.public.addresses())?;
        let (options, writers) = observers::open(&config, listeners, tls_configs.clone(), own)?;
        let OlderSummary { waits, leaving, up, used } = OlderSummary::of(&older);
        let mut planes = Planes::new(&config, room, options, leaving);
        let series = SeriesMailbox::default();
        let guests = std::mem::take(&mut planes.guests);
        let older = Older::host(older, guests, &parent, series.clone())?;
        let (upgrades, pending_upgrades) = mpsc::channel(1);
        let (copy, reloader) = (source.copy(), source.reloader(in_force.clone()));
        let resolver = Resolver::default().without(sockets.own());
        let known = (tls_configs, planes.options.history.clone());
        let settings = settings(&config, (reloader, resolver), used, known, upgrades);
        let versions = writers.versions.clone();
        let settings = Settings { not_in_force, versions, series, ..settings };
        let publisher = planes.publisher.clone();
        let handle = control::start(settings, planes.publisher, opened).await.map_err(failed)?;
        let notifier = notifications::start(&in_force, &handle)?;
        let live = in_force.live.subscribe();
        let settings = sockets.settings(&config, &planes.options, live, notifier.handle());
        upgrade::confirm(&up, &handle, older.as_ref()).await?;
        let mut replaceable =
            sockets.replaceable(&config, pending_upgrades, (older, parent.clone()))?;
        let mut proxy = Proxy::start(sockets.public, planes.subscriptions, &planes.options)
            .map_err(cannot("start the workers"))?;
        announce(&settings, &proxy);
        let mut admin = Admin::opened(sockets.admin, handle.clone(), settings)?;
        replaceable.keep(&admin, copy.as_deref(), &in_force.contents)?;
        let watching = tokio::spawn(files::watch(in_force.clone(), handle.clone()));
        let orders = signal::Signals::watch(&parent).map_err(cannot("watch for signals"))?;
        if let Some(older) = &replaceable.older {
            take_over(older, waits, &in_force, (&handle, &parent)).await;
        }
        let ordering = certificate_orders::start(&in_force, challenges)?;
        let telling = tokio::spawn(tell_ready(handle.clone(), parent.clone(), !waits));
        let context =
            SignalContext { log: writers.log.as_ref(), parent: &parent, pulse: proxy.pulse() };
        let leaving = Leaving {
            handle: &handle,
            proxy: &mut proxy,
            admin: &mut admin,
            replaceable: &mut replaceable,
            in_force: &in_force,
            copy,
            publisher: &publisher,
            serving_newer: None,
        };
        let stopped = signal::until_stopped(leaving, orders, &context).await;
        writers.finish();
        stopped?;
        end(&handle, notifier, &mut admin, (ordering, [watching, telling])).await;
        Ok(())
    })
}

/// Ends everything but the data plane, which has ended.
async fn end(
    handle: &Handle,
    notifier: Notifier,
    admin: &mut Admin,
    (ordering, tasks): (oneshot::Sender<Infallible>, [JoinHandle<()>; 2]),
) {
    drop(ordering);
    tasks.iter().for_each(JoinHandle::abort);
    handle.stop().await;
    notifier.finish();
    admin.close().await;
    state::leave(handle).await;
}

/// Older Teals that have announced themselves.
#[derive(Debug)]
struct OlderSummary {
    /// True if one has handed over and waits for this one; those that only leave do not.
    waits: bool,
    /// The number of those that leave.
    leaving: usize,
    up: Vec<OfferedColor>,
    used: Vec<OfferedColor>,
}

impl OlderSummary {
    fn of(older: &[Older]) -> Self {
        Self {
            waits: older.iter().any(|older| older.passed.is_some()),
            leaving: older.iter().map(|older| 1 + older.through).sum(),
            up: older.iter().flat_map(|older| older.up.clone()).collect(),
            used: older.iter().flat_map(|older| older.used.clone()).collect(),
        }
    }
}

/// The parts of the controller.
fn settings(
    config: &Config,
    (reloader, resolver): (Reloader, Resolver),
    used: Vec<OfferedColor>,
    (tls_configs, history): (TlsConfigCache, AddressHistory),
    upgrades: mpsc::Sender<PendingUpgrade>,
) -> Settings {
    Settings {
        services: config.services.clone(),
        groups: config.groups.clone(),
        limits: config.limits,
        reloader,
        resolver,
        used,
        tls_configs,
        history,
        upgrades,
        versions: Versions::default(), // replaced by its caller
        log_dropped: log::dropped,
        not_in_force: None,
        series: SeriesMailbox::default(), // the same
    }
}

/// Reports this Teal as ready once every worker serves, unless that is reported already.
async fn tell_ready(handle: Handle, parent: Parent, unsaid: bool) {
    if unsaid {
        serving(&handle).await;
        parent.ready();
    }
}

/// Takes over from older Teals: once every worker serves, if one of them waits for that.
async fn take_over(
    older: &Host,
    waits: bool,
    in_force: &InForce,
    (handle, parent): (&Handle, &Parent),
) {
    in_force.follow(older.clone());
    if waits {
        serving(handle).await;
        parent.ready();
        older.say_serving();
    }
}

/// Waits until every worker serves. In an upgrade, the older Teal gives up if that takes too long.
async fn serving(handle: &Handle) {
    while !handle.is_ready().await {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// The parts of both planes.
struct Planes {
    publisher: Publisher,
    subscriptions: Vec<Subscription>,
    /// The places of the Teals that leave.
    guests: Vec<Subscription>,
    options: Options,
}

impl Planes {
    fn new(config: &Config, room: usize, mut options: Options, leaving: usize) -> Self {
        let connections = config.limits.connections.min(room);
        // The default is a round number; a few less are not worth a warning.
        if connections < config.limits.connections / 10 * 9 {
            tracing::warn!(
                "limits.connections is {}, but this process may open files for only {room}; \
                 raise its limit (LimitNOFILE= in a systemd unit)",
                config.limits.connections
            );
        }
        let places = config.workers + leaving;
        let (publisher, mut subscriptions) = table_channel(places, Table::empty(config.limits));
        let guests = subscriptions.split_off(config.workers);
        options.connections = connections;
        Self { publisher, subscriptions, guests, options }
    }
}

/// Logs the addresses of Teal. Scripts wait for these lines.
fn announce(settings: &ApiSettings, proxy: &Proxy) {
    let is_preview = |address: &SocketAddr| {
        let mut listeners = settings.previews.listeners.iter();
        listeners.any(|one| one.bound == *address && one.preview.is_some())
    };
    for address in proxy.addresses() {
        if is_preview(address) {
            tracing::info!("previews on {address}");
            continue;
        }
        if takes_ipv4(*address, proxy.addresses()) {
            tracing::info!("listening on {address} (IPv6 and IPv4)");
            continue;
        }
        tracing::info!("listening on {address}");
    }
    tracing::info!("admin on {} and {}", settings.admin, settings.socket.display());
    if let Some(address) = settings.metrics {
        tracing::info!("metrics on {address}");
    }
}

//! `teal run`: the wiring of the two planes, in one screen.
//!
//! In this order, so that a start that fails leaves nothing behind and serves nobody: read the
//! configuration, take the state directory, bind every socket, start the controller (which
//! publishes the first table), start the workers.

mod books;
mod reload;
mod signal;
mod state;
mod systemd;
pub(crate) mod tls;
mod token;

use std::net::SocketAddr;
use std::process::ExitCode;

use config::Config;
use control::api::{self, ApiSettings};
use control::{Resolver, Settings};
use proxy::{
    AccessLog, BindError, Destination, Door, Format, LogWriter, Options, Proxy, Sockets,
    raise_descriptor_limit,
};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;
use traffic::{Publisher, Seat, Table, exchange};

use crate::cli::RunArgs;
use crate::exit::{Exit, Failure};
use crate::{log, show};

use reload::{InForce, Source};
use signal::Around;
use systemd::Manager;

/// Serves until it is stopped.
pub(crate) fn run(args: &RunArgs) -> ExitCode {
    log::start(args.log);
    match serve(args) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            show::failure(&failure);
            failure.exit.into()
        }
    }
}

fn serve(args: &RunArgs) -> Result<(), Failure> {
    let source = Source::of(args);
    let config = source.read().map_err(|problems| Failure::usage(problems.to_string()))?;
    let certificates = tls::load(&config).map_err(Failure::usage)?;
    tls::warn(&certificates);
    let opened = state::open(&config.state_dir, args.adopt)?;
    let tokens = token::tokens(&config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the control plane: {error}")))?;
    runtime.block_on(async {
        let ways = Ways::bind(&config)?;
        let in_force = InForce::new(&config, tokens, ways.public.addresses(), certificates);
        let (access_log, log_writer) = access_log(&config)?.unzip();
        let stage = Stage::set(&config, in_force.doors(ways.public.addresses())?, access_log);
        let reloader = source.reloader(in_force.clone());
        let watching = tokio::spawn(tls::watch(in_force.clone()));
        let settings = Settings {
            services: config.services.clone(),
            limits: config.limits,
            reloader,
            resolver: Resolver::default(),
        };
        let handle = control::start(settings, stage.publisher, opened).await;
        let handle = handle.map_err(|error| Failure::failed(error.to_string()))?;
        let settings = ways.settings(&config, stage.instance.clone(), in_force.live.subscribe());
        let proxy = Proxy::start(ways.public, stage.seats, &stage.options)
            .map_err(|error| Failure::failed(format!("cannot start the workers: {error}")))?;
        announce(&settings, &proxy);
        let manager = Manager::from_environment();
        let telling = tokio::spawn(manager.clone().tell_ready(handle.clone()));
        let (stop, stopped) = oneshot::channel::<()>();
        let admin = ways.admin;
        let api = api::serve(admin, ways.socket, handle.clone(), settings, async {
            drop(stopped.await); // whether told or dropped, it is the end
        });
        let api = tokio::spawn(api);
        let around = Around { log: log_writer.as_ref(), manager: &manager };
        let patience = in_force.patience.subscribe();
        let stopped = signal::until_stopped(&handle, proxy, patience, &around).await;
        if let Some(writer) = log_writer {
            writer.finish();
        }
        stopped?;
        watching.abort();
        telling.abort();
        handle.stop().await;
        drop(stop);
        drop(api.await);
        Ok(())
    })
}

/// What both planes are made of.
struct Stage {
    publisher: Publisher,
    seats: Vec<Seat>,
    instance: String,
    options: Options,
}

/// Everything that is bound.
struct Ways {
    public: Sockets,
    admin: TcpListener,
    socket: UnixListener,
    address: SocketAddr,
    socket_gid: Option<u32>,
}

impl Stage {
    fn set(config: &Config, doors: Vec<Door>, access_log: Option<AccessLog>) -> Self {
        let room = raise_descriptor_limit();
        let connections = config.limits.connections.min(room);
        // The default is a round number; a few less are not worth a word.
        if connections < config.limits.connections / 10 * 9 {
            tracing::warn!(
                "limits.connections is {}, but this process may open files for {room} only; \
                 raise its limit (LimitNOFILE= in a systemd unit)",
                config.limits.connections
            );
        }
        let (publisher, seats) = exchange(config.workers, Table::empty(config.limits));
        let instance = format!("teal-{}", token::random_hex(4));
        let options = Options { instance: instance.clone(), connections, doors, access_log };
        Self { publisher, seats, instance, options }
    }
}

impl Ways {
    fn bind(config: &Config) -> Result<Self, Failure> {
        let listeners: Vec<_> = config.listeners.iter().map(|listener| listener.address).collect();
        let failed = |error: BindError| Failure::failed(error.to_string());
        let handed_over = systemd::handed_over();
        let public = Sockets::bind(&listeners, config.workers, &handed_over).map_err(failed)?;
        for at in handed_over.iter().filter_map(|socket| socket.local_addr().ok()) {
            if !listeners.contains(&at) {
                tracing::warn!(
                    "a socket for {at} was handed over, but no listener has this address"
                );
            }
        }
        let (admin, address) = bind_admin(config.admin.listen).map_err(failed)?;
        let socket_gid = state::socket_gid(config)?;
        let path = state::socket(&config.state_dir);
        let socket = api::bind_socket(&path, socket_gid).map_err(|error| {
            Failure::failed(format!("cannot make the admin socket {}: {error}", path.display()))
        })?;
        Ok(Self { public, admin, socket, address, socket_gid })
    }

    fn settings(
        &self,
        config: &Config,
        instance: String,
        live: tokio::sync::watch::Receiver<api::Live>,
    ) -> ApiSettings {
        ApiSettings {
            version: env!("CARGO_PKG_VERSION"),
            instance,
            admin: self.address,
            socket: state::socket(&config.state_dir),
            uid: rustix::process::getuid().as_raw(),
            socket_gid: self.socket_gid,
            live,
        }
    }
}

fn bind_admin(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let bind = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((TcpListener::from_std(listener)?, bound))
    };
    bind().map_err(|source| BindError { address, source })
}

/// Opens the access log, if there is to be one.
fn access_log(config: &Config) -> Result<Option<(AccessLog, LogWriter)>, Failure> {
    let Some(log) = &config.access_log else { return Ok(None) };
    let format = if log.combined { Format::Combined } else { Format::Json };
    let to = log.file.clone().map_or(Destination::Stdout, Destination::File);
    let opened = AccessLog::start(to, format).map_err(|error| {
        let file = log.file.as_deref().unwrap_or("standard output".as_ref()).display();
        Failure::failed(format!(
            "cannot open the access log {file}: {error}; make its directory, and let Teal's user write there"
        ))
    });
    opened.map(Some)
}

/// Says where Teal can be reached. Scripts wait for these lines.
fn announce(settings: &ApiSettings, proxy: &Proxy) {
    for address in proxy.addresses() {
        tracing::info!("listening on {address}");
    }
    tracing::info!("admin on {} and {}", settings.admin, settings.socket.display());
}

//! All sockets: the public listeners, the admin listener, the admin socket and the metrics listener; bound, or
//! taken over from a service manager or from the Teal that this one replaces.

use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use admin::{ApiSettings, Live, LogControl, PreviewListener, PreviewSettings};
use config::Config;
use control::PendingUpgrade;
use peer::Host;
use proxy::{BindError, HandedOver, Options, Sockets};
use tokio::sync::{mpsc, watch};

use super::admin::AdminSockets;
use super::follow;
use super::parent::Parent;
use super::state;
use super::upgrade::{Replaceable, TealSockets};
use crate::exit::Failure;
use crate::log;

/// Everything that is bound.
pub(super) struct BoundSockets {
    pub(super) public: Sockets,
    pub(super) admin: AdminSockets,
    /// The bound address of the admin listener.
    address: SocketAddr,
    /// The bound address of the metrics listener, if there is one.
    metrics: Option<SocketAddr>,
    socket_gid: Option<u32>,
}

/// Sockets that another process has bound.
#[derive(Debug)]
pub(super) enum InheritedSockets {
    /// Bound by an older Teal.
    FromTeal(TealSockets),
    /// Bound by the service manager; perhaps none.
    FromServiceManager(Vec<HandedOver>),
}

impl BoundSockets {
    pub(super) fn bind(config: &Config, given: &InheritedSockets) -> Result<Self, Failure> {
        let listeners = addresses(config);
        let failed = |error: BindError| Failure::failed(error.to_string());
        let (handed, handed_over) = match given {
            InheritedSockets::FromTeal(handed) => (Some(handed), &handed.listeners),
            InheritedSockets::FromServiceManager(sockets) => (None, sockets),
        };
        let public = Sockets::bind(&listeners, config.workers, handed_over).map_err(failed)?;
        tell_unused(handed_over, &listeners);
        let kept = handed.and_then(|handed| handed.admin.as_ref());
        let (tcp, address) = bind_admin(config.admin.listen, kept).map_err(failed)?;
        let kept = handed.and_then(|handed| handed.metrics.as_ref());
        let metrics = config.metrics.map(|at| bind_admin(at, kept)).transpose().map_err(failed)?;
        let (listener, metrics) = metrics.unzip();
        let socket_gid = state::group::id(config)?;
        let unix = state::bind_socket(config, socket_gid, handed.map(|handed| &handed.socket))?;
        let admin = AdminSockets { tcp, unix, metrics: listener };
        Ok(Self { public, admin, address, metrics, socket_gid })
    }

    /// Every TCP address of Teal itself.
    pub(super) fn own(&self) -> Vec<SocketAddr> {
        self.public.addresses().iter().copied().chain([self.address]).chain(self.metrics).collect()
    }

    pub(super) fn replaceable(
        &self,
        config: &Config,
        pending_upgrades: mpsc::Receiver<PendingUpgrade>,
        older: (Option<Host>, Parent),
    ) -> Result<Replaceable, Failure> {
        let admin = ((config.admin.listen, self.address), config.metrics.zip(self.metrics));
        Replaceable::new(pending_upgrades, &addresses(config), &self.public, admin, older)
            .map_err(|error| Failure::failed(error.to_string()))
    }

    /// The parts of previews that the controller does not have.
    fn previews(&self, config: &Config, options: &Options) -> PreviewSettings {
        let bound = self.public.addresses().iter();
        let listeners =
            config.listeners.iter().zip(bound).map(|(listener, bound)| PreviewListener {
                bound: *bound,
                tls: listener.tls.is_some(),
                redirects: listener.redirect_https.is_some(),
                preview: listener.preview.then_some(listener.address),
            });
        PreviewSettings { key: options.preview_key.clone(), listeners: listeners.collect() }
    }

    pub(super) fn settings(
        &self,
        config: &Config,
        options: &Options,
        live: watch::Receiver<Live>,
        notify: notify::Handle,
    ) -> ApiSettings {
        ApiSettings {
            version: env!("CARGO_PKG_VERSION"),
            instance: options.instance.clone(),
            admin: self.address,
            metrics: self.metrics,
            socket: config.admin.socket.clone(),
            uid: rustix::process::getuid().as_raw(),
            socket_gid: self.socket_gid,
            live,
            connections: options.connections,
            previews: self.previews(config, options),
            follow: follow::of(options.followers.clone()),
            notify,
            log: LogControl { levels: log::levels, change: log::change_levels },
            console: console::FILES,
            since: Instant::now(),
        }
    }
}

/// The public listeners as they are configured, and those for previews.
fn addresses(config: &Config) -> Vec<SocketAddr> {
    config.listeners.iter().map(|listener| listener.address).collect()
}

fn tell_unused(handed_over: &[HandedOver], listeners: &[SocketAddr]) {
    for handed in handed_over {
        let configured = handed.configured;
        let is_used = |at: &SocketAddr| {
            *at == configured
                || handed.is_at(*at)
                || (at.ip().is_unspecified() && handed.shares_port(*at))
        };
        if !listeners.iter().any(is_used) {
            tracing::warn!(
                "a socket for {configured} was handed over, but no listener has this address"
            );
        }
    }
}

fn bind_admin(
    address: SocketAddr,
    kept: Option<&TcpListener>,
) -> Result<(TcpListener, SocketAddr), BindError> {
    let bind = || {
        let listener = match kept {
            Some(listener) => listener.try_clone()?,
            None => TcpListener::bind(address)?,
        };
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bind().map_err(|source| BindError { address, source })
}

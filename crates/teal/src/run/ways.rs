//! Every way in: the public listeners, the admin listener and the admin socket; bound, or taken over
//! from a service manager or from the Teal that this one replaces.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use config::Config;
use control::UpgradeWish;
use control::api::{ApiSettings, Live};
use control::handover::Host;
use proxy::{BindError, HandedOver, Sockets};
use tokio::sync::{mpsc, watch};

use super::parent::Parent;
use super::state;
use super::upgrade::{Handed, Replaceable};
use crate::exit::Failure;

/// Everything that is bound.
pub(super) struct Ways {
    pub(super) public: Sockets,
    pub(super) admin: TcpListener,
    pub(super) socket: UnixListener,
    /// Where the admin listener is bound.
    address: SocketAddr,
    socket_gid: Option<u32>,
}

/// Sockets that somebody else has bound.
#[derive(Debug)]
pub(super) enum Given {
    /// By a Teal before this one.
    By(Handed),
    /// By the service manager; perhaps none.
    ByManager(Vec<HandedOver>),
}

impl Ways {
    pub(super) fn bind(config: &Config, given: &Given) -> Result<Self, Failure> {
        let listeners = addresses(config);
        let failed = |error: BindError| Failure::failed(error.to_string());
        let (handed, handed_over) = match given {
            Given::By(handed) => (Some(handed), &handed.listeners),
            Given::ByManager(sockets) => (None, sockets),
        };
        let public = Sockets::bind(&listeners, config.workers, handed_over).map_err(failed)?;
        tell_unused(handed_over, &listeners);
        let kept = handed.and_then(|handed| handed.admin.as_ref());
        let (admin, address) = bind_admin(config.admin.listen, kept).map_err(failed)?;
        let socket_gid = state::group::id(config)?;
        let socket = state::bind_socket(config, socket_gid, handed.map(|handed| &handed.socket))?;
        Ok(Self { public, admin, socket, address, socket_gid })
    }

    /// Every address at which Teal itself is reached by TCP.
    pub(super) fn own(&self) -> Vec<SocketAddr> {
        self.public.addresses().iter().copied().chain([self.address]).collect()
    }

    pub(super) fn replaceable(
        &self,
        config: &Config,
        wishes: mpsc::Receiver<UpgradeWish>,
        lock: OwnedFd,
        older: (Option<Host>, Parent),
    ) -> Result<Replaceable, Failure> {
        let admin = (config.admin.listen, self.address);
        Replaceable::new(wishes, lock, &addresses(config), &self.public, admin, older)
            .map_err(|error| Failure::failed(error.to_string()))
    }

    pub(super) fn settings(
        &self,
        config: &Config,
        instance: String,
        live: watch::Receiver<Live>,
    ) -> ApiSettings {
        ApiSettings {
            version: env!("CARGO_PKG_VERSION"),
            instance,
            admin: self.address,
            socket: config.admin.socket.clone(),
            uid: rustix::process::getuid().as_raw(),
            socket_gid: self.socket_gid,
            live,
            log_dropped: crate::log::dropped,
        }
    }
}

/// The public listeners as they are configured.
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

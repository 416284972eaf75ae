//! The admin API as the binary opens and closes it: closed while another Teal takes over, then reopened.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::unix::net::UnixListener as StdUnixListener;

use admin::{AdminListeners, ApiSettings};
use control::Handle;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::exit::Failure;

/// The sockets of the admin API, bound.
#[derive(Debug)]
pub(super) struct AdminSockets {
    pub(super) tcp: StdTcpListener,
    pub(super) unix: StdUnixListener,
    /// The listener of metrics; `None`: there is none.
    pub(super) metrics: Option<StdTcpListener>,
}

/// The admin API.
#[derive(Debug)]
pub(super) struct Admin {
    /// `None` once they are closed.
    sockets: Option<AdminSockets>,
    handle: Handle,
    settings: ApiSettings,
    /// The servers of calls; more than one after the socket was recreated.
    open: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Admin {
    /// Opens the admin API on its sockets.
    pub(super) fn opened(
        sockets: AdminSockets,
        handle: Handle,
        settings: ApiSettings,
    ) -> Result<Self, Failure> {
        let mut admin = Self { sockets: Some(sockets), handle, settings, open: Vec::new() };
        let opened = admin.open();
        opened.map_err(|error| Failure::failed(format!("cannot serve the admin API: {error}")))?;
        Ok(admin)
    }

    /// Answers calls from here on.
    pub(super) fn open(&mut self) -> io::Result<()> {
        let sockets = self.listeners().ok_or(io::ErrorKind::NotConnected)?;
        let tcp = |listener: &StdTcpListener| TcpListener::from_std(listener.try_clone()?);
        let metrics = sockets.metrics.as_ref().map(tcp).transpose()?;
        let sockets = AdminListeners {
            tcp: tcp(&sockets.tcp)?,
            unix: UnixListener::from_std(sockets.unix.try_clone()?)?,
            metrics,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = admin::serve(sockets, self.handle.clone(), self.settings.clone(), async {
            drop(stopped.await); // sent or dropped: both mean the end
        });
        self.open.push((stop, tokio::spawn(serving)));
        Ok(())
    }

    /// Answers calls on this socket instead of the old one, which has lost its path. Calls in flight are
    /// completed.
    pub(super) fn reopen(&mut self, socket: StdUnixListener) -> io::Result<()> {
        self.sockets.as_mut().ok_or(io::ErrorKind::NotConnected)?.unix = socket;
        let before = std::mem::take(&mut self.open);
        let opened = self.open();
        if opened.is_err() {
            self.open = before; // else it is dropped, and with it what those are stopped by
        }
        opened
    }

    /// Accepts no new calls; queued ones stay queued. The returned future waits a moment until those in
    /// flight have ended.
    pub(super) fn close(&mut self) -> impl Future<Output = ()> + use<> {
        let serving: Vec<_> = self.open.drain(..).map(|(_stop, serving)| serving).collect();
        async {
            for serving in serving {
                drop(serving.await); // whether it ended well or not
            }
        }
    }

    /// Closes the sockets.
    pub(super) fn give_up(&mut self) {
        self.sockets = None;
    }

    /// The sockets, to be handed over.
    pub(super) fn listeners(&self) -> Option<&AdminSockets> {
        self.sockets.as_ref()
    }
}

//! The admin API as the binary opens and closes it: while another Teal takes over, and again.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::unix::net::UnixListener as StdUnixListener;

use control::Handle;
use control::api::{self, ApiSettings};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::exit::Failure;

/// Both ways in, bound.
#[derive(Debug)]
pub(super) struct Admin {
    /// `None`: given up.
    ways: Option<(StdTcpListener, StdUnixListener)>,
    handle: Handle,
    settings: ApiSettings,
    open: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Admin {
    /// Both ways in, open.
    pub(super) fn opened(
        tcp: StdTcpListener,
        unix: StdUnixListener,
        handle: Handle,
        settings: ApiSettings,
    ) -> Result<Self, Failure> {
        let mut admin = Self { ways: Some((tcp, unix)), handle, settings, open: None };
        let opened = admin.open();
        opened.map_err(|error| Failure::failed(format!("cannot serve the admin API: {error}")))?;
        Ok(admin)
    }

    /// Answers calls from here on.
    pub(super) fn open(&mut self) -> io::Result<()> {
        let (tcp, unix) = self.listeners().ok_or(io::ErrorKind::NotConnected)?;
        let tcp = TcpListener::from_std(tcp.try_clone()?)?;
        let unix = UnixListener::from_std(unix.try_clone()?)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = api::serve(tcp, unix, self.handle.clone(), self.settings.clone(), async {
            drop(stopped.await); // whether told or dropped, it is the end
        });
        self.open = Some((stop, tokio::spawn(serving)));
        Ok(())
    }

    /// Takes no new calls; what is queued stays queued. What it returns waits until those under way
    /// have ended, for a moment.
    pub(super) fn close(&mut self) -> impl Future<Output = ()> + use<> {
        let serving = self.open.take().map(|(stop, serving)| {
            drop(stop);
            serving
        });
        async {
            if let Some(serving) = serving {
                drop(serving.await); // whether it ended well or not
            }
        }
    }

    /// Keeps both ways in open no longer.
    pub(super) fn give_up(&mut self) {
        self.ways = None;
    }

    /// Both ways in once more, to be handed over.
    pub(super) fn listeners(&self) -> Option<(&StdTcpListener, &StdUnixListener)> {
        self.ways.as_ref().map(|(tcp, unix)| (tcp, unix))
    }
}

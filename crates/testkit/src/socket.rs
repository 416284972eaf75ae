//! A Unix socket in front of a target: everything is forwarded to the target byte for byte.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use crate::target::Target;

/// The socket; it is removed when this is dropped.
#[derive(Debug)]
pub struct TargetSocket {
    path: PathBuf,
    listener: UnixListener,
    accepting: Option<JoinHandle<()>>,
}

impl TargetSocket {
    /// Listens at `path` for a target.
    #[track_caller]
    pub fn start(path: &Path, target: &Target) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        let (accepting, address) = (listener.try_clone().expect("a socket"), target.address());
        let accepting = thread::spawn(move || {
            // Until it is shut down.
            while let Ok((client, _)) = accepting.accept() {
                thread::spawn(move || drop(pass(client, address)));
            }
        });
        TargetSocket { path: path.to_owned(), listener, accepting: Some(accepting) }
    }

    /// Its URL for a configuration.
    pub fn url(&self) -> String {
        format!("unix:{}", self.path.display())
    }
}

impl Drop for TargetSocket {
    fn drop(&mut self) {
        let _woken = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        let _gone = fs::remove_file(&self.path); // may be gone with its directory
        if let Some(accepting) = self.accepting.take() {
            let _ended = accepting.join();
        }
    }
}

/// Passes bytes both ways until both have ended.
fn pass(mut client: UnixStream, address: SocketAddr) -> io::Result<()> {
    let mut target = TcpStream::connect(address)?;
    target.set_nodelay(true)?;
    let (mut to_client, mut from_target) = (client.try_clone()?, target.try_clone()?);
    let back = thread::spawn(move || {
        let passed = copy(&mut from_target, &mut to_client);
        let _gone = to_client.shutdown(Shutdown::Write);
        passed
    });
    let passed = copy(&mut client, &mut target);
    let _gone = target.shutdown(Shutdown::Write);
    let _panicked = back.join();
    passed
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(()),
            count => to.write_all(&piece[..count])?,
        }
    }
}

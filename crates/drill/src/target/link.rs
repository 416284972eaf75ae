//! The link of a target to the demo that had it deployed: a connection that breaks when the demo is gone, whatever
//! ended it.
//!
//! Such a target is the child of a supervisor, which would start it again: that ends with it.

use std::io;
use std::path::Path;

use rustix::process::{Signal, getppid, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// Completes when the demo is gone, after the supervisor of this process was told to stop.
pub(super) async fn broken(path: &Path) {
    // Without a supervisor the parent is the init process, which is nobody's to stop.
    let parent = getppid().filter(|parent| !parent.is_init());
    let id = parent.map_or(0, |parent| parent.as_raw_nonzero().get().unsigned_abs());
    let _ = until_broken(path, id).await; // an error means the same as its end
    if let Some(parent) = parent {
        let _ = kill_process(parent, Signal::TERM); // ignored: it has ended already
    }
}

async fn until_broken(path: &Path, supervisor: u32) -> io::Result<()> {
    let mut stream = UnixStream::connect(path).await?;
    stream.write_u32(supervisor).await?;
    while stream.read(&mut [0]).await? > 0 {}
    Ok(())
}

//! The program that is supervised: one process group, from its start until nothing of it is left.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::group::Group;
use crate::process::SECRET;
use crate::status::Exit;

use super::log;
use super::place::Identity;
use super::wire::Order;

/// The time for the end after SIGKILL.
const REST: Duration = Duration::from_secs(5);

/// A program that has been started and not waited for.
#[derive(Debug)]
pub(super) struct App {
    child: Child,
    group: Group,
}

impl App {
    pub(super) fn start(order: &Order) -> io::Result<Self> {
        let (program, arguments) =
            order.command.split_first().ok_or_else(|| io::Error::other("the command is empty"))?;
        let log = log::open(&order.log).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot write {}: {error}", order.log.display()))
        })?;
        let child = Command::new(program)
            .args(arguments)
            .env_remove(SECRET)
            .envs(&order.variables)
            .current_dir(&order.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        let group = Group::of(&child).ok_or_else(|| io::Error::other("it has no process id"))?;
        Ok(Self { child, group })
    }

    pub(super) fn identity(&self) -> io::Result<Identity> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        Identity::of(pid.unwrap_or_default())
    }

    /// Waits until its first process has exited.
    pub(super) async fn exited(&self) {
        self.group.first_exit().await;
    }

    /// Ends what is left after the exit of its first process.
    pub(super) async fn rest(&mut self) -> Option<Exit> {
        self.group.kill();
        timeout(REST, self.child.wait()).await.ok()?.ok().map(Exit::of)
    }

    /// Ends it as a whole. Returns true if it had to be killed, and `None` if that has not helped.
    pub(super) async fn end(&mut self, patience: Duration) -> Option<bool> {
        let killed = self.group.end(patience).await;
        self.rest().await.map(|_| killed)
    }
}

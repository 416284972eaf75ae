//! Continuing the parent as a newer program, under the same process id.
//!
//! Its state and descriptors travel through a socket pair that is its standard input after `execve(2)`.
//! Signals stay blocked and pending meanwhile.

use std::env;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::net::RecvFlags;

use crate::child::Child;
use crate::descriptors::ArrivingDescriptors;
use crate::log::tell;
use crate::notify::Manager;
use crate::program::{self, Program};
use crate::supervisor::Supervisor;
use crate::watchdog::Watchdog;
use crate::wire::{self, Message};
use crate::{RESUME, ROLE};

/// The version of the state that one parent leaves to the next. It is raised when an older parent's state
/// would be misread.
pub(crate) const VERSION: &str = "1";

/// Continues as the program of a newer Teal that has completed its trial, if that is a different one.
/// Returns if it is not, or if that fails; then the present program goes on.
pub(crate) fn renew(supervisor: &mut Supervisor) {
    let Some(pid) = supervisor.renew else { return };
    let Some(newer) = supervisor.children.iter().find(|child| child.pid == pid) else {
        supervisor.renew = None;
        return;
    };
    // Children in a start or stop have state that would be lost.
    if supervisor.is_stopping() || supervisor.children.iter().any(|child| !child.ready) {
        return;
    }
    let program = (newer.state_version == VERSION).then(|| program::other_than_own(pid)).flatten();
    supervisor.renew = None;
    if let Some(program) = program {
        let error = go_on_as(supervisor, &program);
        let path = program.display();
        tell(&format!("cannot continue as {path}: {error}; continuing as before"), supervisor.json);
    }
}

fn go_on_as(supervisor: &Supervisor, program: &Path) -> io::Error {
    let left = match leave_behind(supervisor) {
        Ok(left) => left,
        Err(error) => return error,
    };
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let mut command = Command::new(program);
    command.arg0(name).args(arguments).env(ROLE, RESUME).stdin(Stdio::from(left)).exec()
}

/// Writes the state into a socket; returns the end to read it from.
fn leave_behind(supervisor: &Supervisor) -> io::Result<OwnedFd> {
    let (write, read) = wire::pair()?;
    let send = |message: &Message, descriptors: &[BorrowedFd<'_>]| {
        wire::send(&write, message, descriptors)
    };
    send(
        &program(Message::new("parent"), &supervisor.program)
            .with("state", VERSION)
            .number("json", supervisor.json)
            .number("deaths", supervisor.revival.0),
        &[],
    )?;
    supervisor.kept.say("kept", send)?;
    for child in &supervisor.children {
        let message = program(Message::new("child"), &child.program)
            .number("pid", child.pid)
            .number("watched-by", child.watched_by.unwrap_or_default())
            .number("newer", child.newer.unwrap_or_default())
            .number("leaving", child.leaving)
            .number("answers", child.answers);
        send(&message, &[child.control.as_fd()])?;
        if let Some(kept) = &child.kept {
            kept.say("kept-of-child", send)?;
        }
    }
    send(&Message::new("end"), &[])?;
    Ok(read)
}

/// The state that this process left as the previous parent; or the manager, if there is none.
pub(crate) fn resumed(
    manager: (Manager, Watchdog),
) -> io::Result<Result<Supervisor, (Manager, Watchdog)>> {
    if env::var_os(ROLE).is_none_or(|role| role != RESUME) {
        return Ok(Err(manager));
    }
    let mut supervisor = Supervisor::empty(manager, Program::own());
    supervisor.was_ready = true;
    let (mut arriving, mut arriving_of_child) =
        (ArrivingDescriptors::default(), ArrivingDescriptors::default());
    let stdin = io::stdin();
    loop {
        let message = wire::receive(stdin.as_fd(), RecvFlags::DONTWAIT)?;
        let message = message.ok_or(ErrorKind::UnexpectedEof)?;
        match message.verb() {
            b"parent" => {
                supervisor.program = read_program(&message);
                supervisor.json = message.count("json") == 1;
                supervisor.revival.0 = u32::try_from(message.count("deaths")).unwrap_or_default();
            }
            b"kept" => {
                if let Some(kept) = arriving.take(message) {
                    supervisor.kept = kept;
                }
            }
            b"child" => supervisor.children.extend(child(message)),
            b"kept-of-child" => {
                if let Some(kept) = arriving_of_child.take(message)
                    && let Some(child) = supervisor.children.last_mut()
                {
                    child.kept = Some(kept);
                }
            }
            b"end" => return Ok(Ok(supervisor)),
            _ => {}
        }
    }
}

fn program(message: Message, program: &Program) -> Message {
    let (device, file) = program.file.unwrap_or_default();
    message
        .with("program", &program.path)
        .with("device", device.to_string())
        .with("file", file.to_string())
}

fn read_program(message: &Message) -> Program {
    let number = |key| message.text(key).parse::<u64>().ok().filter(|number| *number > 0);
    let file = number("device").zip(number("file"));
    Program { path: PathBuf::from(message.get("program")), file }
}

fn child(message: Message) -> Option<Child> {
    let other = |key| u32::try_from(message.count(key)).ok().filter(|pid| *pid > 0);
    let (watched_by, newer) = (other("watched-by"), other("newer"));
    let (pid, program) = (message.pid(), read_program(&message));
    let [leaving, answers] = ["leaving", "answers"].map(|key| message.count(key) == 1);
    let control = message.descriptors.into_iter().next()?;
    let mut child = Child::known(pid, control, program, watched_by);
    child.ready = true;
    child.leaving = leaving;
    child.answers = answers;
    child.newer = newer;
    Some(child)
}

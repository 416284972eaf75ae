//! Listening sockets passed by a service manager (`sd_listen_fds(3)`), which keeps their queues of new
//! connections across a restart.
//!
//! They are inherited, and taken by their numbers before anything else is opened: this needs no further
//! system call, so that no seccomp filter can prevent it. A serving Teal gets them through its
//! [`ControlSocket`](crate::ControlSocket), like the other kept sockets, and never sees the variables.

use std::env;
use std::process;

use crate::descriptors::KeptDescriptors;
use crate::{ROLE, log, system};

/// The variables that describe the sockets. Child processes do not get them.
pub(crate) const VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// The most sockets that are taken. systemd may pass as many as a unit may have open.
const MOST: i32 = 4096;

/// The descriptors meant for this process, with their names as the label, one per line.
///
/// Call this first: anything opened before could have their numbers.
pub(crate) fn take() -> KeptDescriptors {
    let [pid, count, names] = VARIABLES.map(|name| env::var(name).unwrap_or_default());
    // A parent that continues as a newer program has passed them on long ago.
    if env::var_os(ROLE).is_some() || pid.parse() != Ok(process::id()) {
        return KeptDescriptors::default();
    }
    let count = count.parse::<i32>().unwrap_or_default().clamp(0, MOST);
    let mut names = names.split(':');
    let mut kept = KeptDescriptors::default();
    for (number, descriptor) in system::inherited(count) {
        let name = names.next().filter(|name| !name.is_empty()).unwrap_or("unknown");
        match descriptor {
            Ok(descriptor) => {
                kept.label.extend_from_slice(format!("{number} ({name})\n").as_bytes());
                kept.descriptors.push(descriptor);
            }
            Err(error) => log::tell(
                &format!(
                    "LISTEN_FDS is {count}, but descriptor {number} ({name}) is not open: {error}; \
                     serving without it"
                ),
                false,
            ),
        }
    }
    kept
}

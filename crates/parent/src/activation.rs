//! Listening sockets that a service manager hands over (`sd_listen_fds(3)`), so that it keeps the queue of
//! new connections over a restart.
//!
//! They are taken as they were inherited, by their numbers, before anything else is opened: no other
//! system call is needed, so that no filter can stand in the way. A serving Teal gets them through its
//! [`Link`](crate::Link), as it gets those that are kept, and never sees the variables.

use std::env;
use std::process;

use crate::kept::Kept;
use crate::{ROLE, log, system};

/// The variables that say what is handed over. A process that is started from here gets none of them.
pub(crate) const VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// The most that is taken. systemd hands over as many as a unit may have open.
const MOST: i32 = 4096;

/// The descriptors that were meant for this process, with their names as the label, one a line.
///
/// To be called first: what is opened before would have their numbers.
pub(crate) fn take() -> Kept {
    let [pid, count, names] = VARIABLES.map(|name| env::var(name).unwrap_or_default());
    // A parent that goes on as a newer program has handed them on long ago.
    if env::var_os(ROLE).is_some() || pid.parse() != Ok(process::id()) {
        return Kept::default();
    }
    let count = count.parse::<i32>().unwrap_or_default().clamp(0, MOST);
    let mut names = names.split(':');
    let mut kept = Kept::default();
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

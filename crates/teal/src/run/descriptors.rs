//! The limit of open files, and how many client connections it leaves room for.

use config::Config;
use proxy::raise_descriptor_limit;

use crate::exit::Failure;

/// What connections leave alone: journal, logs, probes and the admin API.
const RESERVED: usize = 64;

/// What a worker needs besides its listening sockets: its runtime.
const WORKER: usize = 4;

/// What a client connection needs: one of its own, and one to a target.
const CONNECTION: usize = 2;

/// How many client connections there is room for, once the limit is raised as far as is allowed.
///
/// # Errors
/// If that is none: what would run then serves nobody.
pub(super) fn room(config: &Config) -> Result<usize, Failure> {
    room_within(raise_descriptor_limit(), config.workers, config.listeners.len())
}

fn room_within(limit: usize, workers: usize, listeners: usize) -> Result<usize, Failure> {
    let own = RESERVED + workers * (WORKER + listeners);
    match limit.saturating_sub(own) / CONNECTION {
        0 => Err(Failure::failed(format!(
            "cannot serve anybody: this process may open {limit} files, and needs {own} for itself \
             ({workers} workers, {listeners} listeners) and {CONNECTION} for each client connection; \
             raise the limit (`ulimit -n 4096` in a shell, LimitNOFILE=65536 in a systemd unit, \
             --ulimit nofile=65536 for a container)"
        ))),
        room => Ok(room),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_one_connection_or_it_is_refused() {
        assert_eq!(room_within(1024, 2, 1).ok(), Some((1024 - 74) / 2));
        assert_eq!(room_within(76, 2, 1).ok(), Some(1));
        let refused = room_within(75, 2, 1).unwrap_err();
        assert!(refused.message.contains("may open 75 files, and needs 74 for itself"));
        assert!(room_within(0, 1, 1).is_err() && room_within(usize::MAX, 1, 1).is_ok());
    }
}

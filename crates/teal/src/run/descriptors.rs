//! The limit of open files, and how many client connections it leaves room for.

use config::Config;
use proxy::raise_descriptor_limit;

use crate::exit::Failure;

/// The descriptors reserved for other uses: journal, logs, probes and the admin API.
const RESERVED: usize = 64;

/// The descriptors of a worker besides its listening sockets: those of its runtime.
const WORKER: usize = 4;

/// The descriptors of a client connection: its own, and one to a target.
const CONNECTION: usize = 2;

/// The number of client connections there is room for, after raising the limit as far as allowed.
///
/// # Errors
/// There is room for none: Teal could not serve any client.
pub(super) fn room(config: &Config) -> Result<usize, Failure> {
    room_within(raise_descriptor_limit(), config.workers, config.listeners.len())
}

fn room_within(limit: usize, workers: usize, listeners: usize) -> Result<usize, Failure> {
    let own = RESERVED + workers * (WORKER + listeners);
    match limit.saturating_sub(own) / CONNECTION {
        0 => Err(Failure::failed(format!(
            "cannot serve clients: this process may open {limit} files, and needs {own} for itself \
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

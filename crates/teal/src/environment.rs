//! Paths that depend on the environment of this process: the same for the server and for its command line.

use std::path::PathBuf;

/// The socket of a unit with `RuntimeDirectory=teal`.
pub(crate) const SYSTEM_SOCKET: &str = "/run/teal/admin.sock";

/// The most bytes of a Unix socket path (`sun_path` without its terminating NUL).
pub(crate) const SOCKET_PATH_MAX: usize = 107;

/// The environment that defaults of the configuration depend on.
pub(crate) fn state_environment() -> config::Environment {
    let path = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    config::Environment {
        state_directory: path("STATE_DIRECTORY"),
        runtime_directory: path("RUNTIME_DIRECTORY"),
        credentials_directory: path("CREDENTIALS_DIRECTORY"),
        xdg_state_home: path("XDG_STATE_HOME"),
        home: path("HOME"),
    }
}

//! Checks of everything outside a configuration that Teal needs to run it: files, directories, a group, a
//! program. `teal check`, `teal run` and a reload all use this list, so that none of them accepts what
//! another refuses.
//!
//! Errors are problems that no Teal could run with. Warnings depend on the user that checks, or will
//! matter later. Nothing is created, and nothing that could block is opened.

mod certificates;
mod lock;
mod names;
mod reader;

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use config::{Config, KeyPositions, Listener, Problem, Problems, Redirect, SecretSource};
use rules::ServiceSpec;
use rustix::fs::{Access, Mode, OFlags, access};

pub(crate) use names::examine_names;
pub(crate) use reader::looks_as;

use super::state::private;
use super::{error_pages, state};
use crate::environment::{SOCKET_PATH_MAX, SYSTEM_SOCKET};

/// The problems found, each with the key that it is about.
#[derive(Debug, Default)]
struct ProblemList {
    errors: Vec<(String, String)>,
    warnings: Vec<(String, String)>,
}

/// Checks everything that a configuration names, and returns the warnings.
///
/// # Errors
/// All problems that Teal cannot run with.
pub(crate) fn examine(config: &Config, places: &KeyPositions) -> Result<Vec<Problem>, Problems> {
    let mut found = ProblemList::default();
    found.state_dir(config);
    found.socket_group(config);
    found.access_log(config);
    found.upgrade_binary(config);
    found.certificates(config);
    found.acme_names(config);
    found.cas(config);
    found.secrets(config);
    found.targets(config);
    found.exposed(config);
    found.errors.extend(error_pages::problems(config));
    reader::examine(&mut found, config);
    found.redirects(config);
    match Problems::from_all(places.problems(found.errors)) {
        Some(problems) => Err(problems),
        None => Ok(places.problems(found.warnings)),
    }
}

/// Checks that the listeners can be bound, which `teal run` learns by binding them.
///
/// # Errors
/// Addresses that no program on this machine can bind.
pub(crate) fn examine_ports(
    config: &Config,
    places: &KeyPositions,
) -> Result<Vec<Problem>, Problems> {
    let mut found = ProblemList::default();
    // The Teal that runs with this state directory has them, as it should.
    let is_own = runs_here(config);
    let other = || {
        let another = UnixStream::connect(SYSTEM_SOCKET).is_ok();
        let whose =
            if another { "; a Teal with another state_dir runs on this machine" } else { "" };
        format!("{whose}; `teal run` would refuse to start")
    };
    let all: Vec<_> = config.listeners.iter().map(|listener| listener.address).collect();
    let listeners = config.listeners.iter().enumerate();
    let listeners = listeners.map(|(at, l)| (listener_key(config, at, l), l.address));
    let admin = [("admin.listen".to_owned(), config.admin.listen)];
    let metrics = config.metrics.map(|address| ("metrics.listen".to_owned(), address));
    for (key, address) in listeners.chain(admin).chain(metrics) {
        let Err(error) = proxy::can_bind(address, &all) else { continue };
        match error.source.kind() {
            io::ErrorKind::AddrInUse if is_own => {}
            io::ErrorKind::AddrInUse => found.warn(&key, format!("{error}{}", other())),
            io::ErrorKind::PermissionDenied => found.warn(&key, format!("{error}{}", as_whom())),
            _ => found.wrong(&key, error.to_string()),
        }
    }
    match Problems::from_all(places.problems(found.errors)) {
        Some(problems) => Err(problems),
        None => Ok(places.problems(found.warnings)),
    }
}

/// Returns the key of a listener's address in the file.
fn listener_key(config: &Config, at: usize, listener: &Listener) -> String {
    let names = |service: &ServiceSpec| {
        let listen = service.policy.preview.and_then(|preview| preview.listen);
        listen == Some(listener.address)
    };
    match config.services.iter().position(names).filter(|_| listener.preview) {
        Some(service) => format!("service[{service}].preview.listen"),
        None => format!("listener[{at}].address"),
    }
}

/// Returns true if a Teal runs with this state directory. Where that cannot be seen, it is taken to be the
/// Teal of the shipped unit.
fn runs_here(config: &Config) -> bool {
    if UnixStream::connect(&config.admin.socket).is_ok() {
        return true;
    }
    match lock::is_held(&config.state_dir.join("lock")) {
        Ok(held) => held,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            UnixStream::connect(SYSTEM_SOCKET).is_ok()
        }
        Err(_) => false,
    }
}

/// The user that checked, since permissions differ between users.
fn as_whom() -> String {
    format!("; checked as uid {}, which may not be the user of Teal", uid())
}

fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

impl ProblemList {
    fn wrong(&mut self, key: &str, message: impl Into<String>) {
        self.errors.push((key.to_owned(), message.into()));
    }

    fn warn(&mut self, key: &str, message: impl Into<String>) {
        self.warnings.push((key.to_owned(), message.into()));
    }

    fn state_dir(&mut self, config: &Config) {
        let path = &config.state_dir;
        let (shown, key) = (path.display(), "state_dir");
        let length = config.admin.socket.as_os_str().len();
        if length > SOCKET_PATH_MAX {
            let directory = config.admin.socket.parent().unwrap_or(path).display();
            self.wrong(
                key,
                format!(
                    "the admin socket in {directory} would have a path of {length} bytes, and a Unix \
                     socket may have {SOCKET_PATH_MAX}; choose a shorter directory"
                ),
            );
        }
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => {
                self.wrong(key, format!("{shown} is not a directory; name a directory"));
            }
            Ok(_) => self.writable(path, key),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let above = path.ancestors().find(|above| fs::symlink_metadata(above).is_ok());
                let above = above.unwrap_or(Path::new("/"));
                if above.is_dir() {
                    self.writable(above, key);
                } else {
                    let above = above.display();
                    let message = format!("cannot create {shown}: {above} is not a directory");
                    self.wrong(key, message);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                let message = "a part of its path is not a directory; name a directory";
                self.wrong(key, format!("cannot create {shown}: {message}"));
            }
            Err(error) => self.warn(key, format!("cannot check {shown}: {error}{}", as_whom())),
        }
        let kept = path.join("acme");
        if config.acme.is_some() && kept.exists() {
            self.writable(&kept, "acme");
        }
    }

    fn writable(&mut self, path: &Path, key: &str) {
        if let Err(error) = access(path, Access::WRITE_OK) {
            let error = io::Error::from(error).kind();
            self.warn(key, format!("cannot write to {}: {error}{}", path.display(), as_whom()));
        }
    }

    fn socket_group(&mut self, config: &Config) {
        let key = "admin.socket_group";
        match state::group::id(config) {
            Err(failure) => {
                let message = failure.message;
                let own = message.strip_prefix("admin.socket_group: ").unwrap_or(&message);
                self.wrong(key, own);
            }
            // As root, the directory that Teal's unit creates it in is not known.
            Ok(Some(gid)) if uid() == 0 => {
                let elsewhere = Path::new(SYSTEM_SOCKET).parent().is_some_and(Path::exists);
                if let Some(closed) = state::group::unreachable(config, gid).filter(|_| !elsewhere)
                {
                    self.warn(key, closed.trim_start_matches("admin.socket_group: "));
                }
            }
            Ok(Some(gid)) => {
                let groups = rustix::process::getgroups().unwrap_or_default();
                let member = groups.iter().any(|group| group.as_raw() == gid)
                    || rustix::process::getegid().as_raw() == gid;
                if !member {
                    let message = "only root and members of the group can give it a socket; write \
                                   SupplementaryGroups= in the unit";
                    self.warn(key, format!("{message}{}", as_whom()));
                }
            }
            Ok(None) => {}
        }
    }

    fn access_log(&mut self, config: &Config) {
        let Some(path) = config.access_log.as_ref().and_then(|log| log.file.as_deref()) else {
            return;
        };
        let (shown, key) = (path.display(), "access_log.path");
        let kind = match fs::metadata(path) {
            Ok(found) => found.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match path.parent().filter(|parent| parent.is_dir()) {
                    Some(parent) => self.writable(parent, key),
                    None => self.wrong(
                        key,
                        format!(
                            "cannot create {shown}: its directory does not exist; create it first"
                        ),
                    ),
                }
                return;
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.warn(key, format!("cannot check {shown}: permission denied{}", as_whom()));
                return;
            }
            Err(error) => return self.wrong(key, format!("cannot use {shown}: {error}")),
        };
        if kind.is_dir() {
            self.wrong(key, format!("{shown} is a directory; name a file in it"));
        } else if kind.is_socket() || kind.is_block_device() {
            self.wrong(key, format!("{shown} is neither a file nor a named pipe; name a file"));
        } else if kind.is_fifo() {
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            match rustix::fs::open(path, flags, Mode::empty()) {
                Err(rustix::io::Errno::NXIO) => self.wrong(
                    key,
                    format!("{shown} is a named pipe without a reader; start its reader first"),
                ),
                _ => self.writable(path, key),
            }
        } else {
            self.writable(path, key);
        }
    }

    fn upgrade_binary(&mut self, config: &Config) {
        let Some(path) = &config.upgrade.binary else { return };
        let (shown, key) = (path.display(), "upgrade.binary");
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.warn(key, format!("cannot check {shown}: permission denied{}", as_whom()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.wrong(key, format!("{shown} does not exist; name the teal program"));
            }
            Err(error) => self.wrong(key, format!("cannot use {shown}: {error}")),
            Ok(found) if !found.is_file() => {
                self.wrong(key, format!("{shown} is not a file; name the teal program"));
            }
            Ok(_) if access(path, Access::EXEC_OK).is_err() => {
                let hint = format!("make it executable with `chmod +x {shown}`");
                self.wrong(key, format!("{shown} is not executable for uid {}; {hint}", uid()));
            }
            Ok(_) => {}
        }
    }

    /// Warns of redirects to a port that clients may know by another number, and so cannot reach.
    fn redirects(&mut self, config: &Config) {
        let secure = config.listeners.iter().find(|listener| listener.tls.is_some());
        let port = secure.map_or(443, |listener| listener.address.port());
        for (at, listener) in config.listeners.iter().enumerate() {
            if listener.redirect_https == Some(Redirect::Listener) && !matches!(port, 0 | 443) {
                self.warn(
                    &format!("listener[{at}].redirect_https"),
                    format!(
                        "clients are sent to https at port {port}, that of the first listener with TLS; if \
                         they reach it at port 443, write redirect_https = 443"
                    ),
                );
            }
        }
    }

    /// Warns of what a start would warn of; a start also makes Teal's own files private.
    fn exposed(&mut self, config: &Config) {
        self.warnings.extend(private::exposed_keys(config));
        for text in private::exposed_state(&config.state_dir, &config.admin.socket) {
            self.warn("state_dir", text);
        }
    }

    /// Checks that the secrets of notifications can be read.
    fn secrets(&mut self, config: &Config) {
        for (at, endpoint) in config.notify.iter().enumerate() {
            let Some(secret) = &endpoint.secret else { continue };
            match (secret, notify::check_secret(secret)) {
                (_, Ok(())) => {}
                (SecretSource::Variable(_), Err(problem)) => {
                    // Teal's environment may be another one.
                    self.warn(&format!("notify[{at}].secret"), problem + &as_whom());
                }
                (_, Err(problem)) => self.wrong(&format!("notify[{at}].secret_file"), problem),
            }
        }
    }
}

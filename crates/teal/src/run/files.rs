//! Watches the files that the configuration names: certificates, keys and CAs of listeners, of the admin
//! API and of TLS to targets. Changed ones take effect as by a reload, without reading the configuration
//! itself.
//!
//! If a file cannot be used, the old contents stay in use, and log, status and metric name the file.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::Config;
use control::{Handle, NewConfig, Reloader};
use rules::{ColorSpec, Refusal};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use super::reload::{InForce, Part};
use super::tls;

/// The interval of checks of the admin socket and the token.
const OWN_FILES_INTERVAL: Duration = Duration::from_secs(4);

/// The most checks between two attempts to create missing files.
const PATIENCE: u32 = 16;

/// The interval of checks of the files.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The time until files are tried again after targets failed the gate with them.
const AGAIN: Duration = Duration::from_secs(30);

/// The metadata that shows that a file was changed or replaced; `None` if it does not exist.
type FileStamp = Option<(u64, u64, i64, i64)>;

/// The files as last seen: they are read once they have changed and settled for one check, since
/// certificate and key are two files, and are seldom replaced at the same instant.
#[derive(Debug, Default)]
struct WatchedFiles {
    used: Option<Vec<FileStamp>>,
    before: Vec<FileStamp>,
}

/// Watches until it is dropped.
pub(super) async fn watch(in_force: InForce, handle: Handle) {
    tokio::join!(watch_own(&in_force), watch_targets(&in_force, &handle), watch_state(&in_force));
}

/// Watches the admin socket and the token in the state directory, which a person may remove. Without them,
/// clients on this machine would not find the running Teal.
async fn watch_state(in_force: &InForce) {
    let config = in_force.config();
    let (path, own) = (config.admin.socket, config.state_dir.join("admin.token"));
    let lock = config.state_dir.join("lock");
    let look = || {
        let (socket, own, lock) = (path.clone(), own.clone(), lock.clone());
        // On a thread of its own, since a disk may be slow.
        spawn_blocking(move || {
            let is_dir = socket.parent().is_some_and(Path::is_dir);
            [socket.exists(), own.exists(), is_dir, names_us(&lock)]
        })
    };
    let Ok([mut socket, ..]) = look().await else { return };
    let mut told = false;
    let (mut without_socket, mut without_token) =
        (MissingChecks::default(), MissingChecks::default());
    // Not at once: the start has just tried.
    let mut every = interval_at(Instant::now() + OWN_FILES_INTERVAL, OWN_FILES_INTERVAL);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if !in_force.is_in_control() {
            continue;
        }
        let Ok(now) = look().await else { return };
        if !now[3] {
            continue; // it may belong to another Teal, or not be named yet after a start on a read-only disk
        }
        let is_due = without_socket.is_due(!now[0]);
        if socket && !now[0] && now[2] {
            if is_due {
                in_force.socket_gone.notify_one();
            }
        } else if socket && !now[0] && !std::mem::replace(&mut told, true) {
            tracing::error!(
                "the directory of the admin socket {} was removed: commands that look there find no Teal; the \
                 socket is created again as soon as the directory exists",
                path.display()
            );
        }
        told &= !now[0];
        // After a start on a full disk there is none, either.
        if without_token.is_due(!now[1] && in_force.config().admin.tokens.is_empty()) {
            let held = in_force.clone();
            // Ignored: it logs its result, and the next check sees it.
            let _ = spawn_blocking(move || held.make_token_again()).await;
        }
        socket |= now[0];
    }
}

/// The number of checks for which something has been missing.
#[derive(Debug, Default)]
struct MissingChecks(u32);

/// Returns true if the lock under its name in the state directory is this process's.
fn names_us(lock: &Path) -> bool {
    let pid = std::fs::read_to_string(lock).ok().and_then(|text| text.trim().parse::<u32>().ok());
    pid == Some(std::process::id())
}

/// Watches the files of listeners and of the admin API.
async fn watch_own(in_force: &InForce) {
    let mut seen = WatchedFiles::default();
    let mut every = interval(POLL_INTERVAL);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if seen.have_changed(own(&in_force.config())).await {
            let in_force = in_force.clone();
            // Ignored: it reports its outcome itself.
            let _ = spawn_blocking(move || in_force.renew()).await;
        }
    }
}

/// Watches the files of TLS to targets. Only the Teal in control may change how targets are reached.
async fn watch_targets(in_force: &InForce, handle: &Handle) {
    let mut seen = WatchedFiles::default();
    let mut again: Option<Instant> = None;
    let mut every = interval(POLL_INTERVAL);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if !in_force.is_in_control() {
            continue; // what changes meanwhile is seen afterwards
        }
        let changed = seen.have_changed(of_targets(&in_force.config())).await;
        let due = again.is_some_and(|at| at <= Instant::now());
        if !(changed || due) {
            continue;
        }
        let renewed = renew_targets(in_force, handle).await;
        again = renewed.is_err().then(|| Instant::now() + AGAIN);
        if let Err(Some(problem)) = &renewed {
            tracing::error!("changed files are not used, the old ones stay: {problem}");
        }
        in_force.tell(Part::Targets, renewed.err().flatten());
    }
}

/// Uses the current files of TLS to targets, once the active colors are proven healthy with them.
///
/// # Errors
/// The reason why they are not used; `None` if another change is under way.
// lossless: L9
async fn renew_targets(in_force: &InForce, handle: &Handle) -> Result<(), Option<String>> {
    let held = in_force.clone();
    let same = spawn_blocking(move || held.has_same_for_targets()).await.map_err(|_| None)?;
    if same.map_err(Some)? {
        return Ok(());
    }
    let held = in_force.clone();
    let reader = Reloader::new(move || held.for_targets().map_err(|problem| vec![problem]));
    match handle.renew(reader).await {
        Ok(_) => Ok(()),
        Err(Refusal::Superseded { .. } | Refusal::UpgradeInProgress | Refusal::Stopping) => {
            Err(None)
        }
        Err(refusal) => Err(Some(format!("TLS to targets: {refusal}"))),
    }
}

/// The files of listeners and of the admin API.
fn own(config: &Config) -> Vec<PathBuf> {
    let pairs = config.certificates.iter().chain(&config.admin.tls);
    let pairs = pairs.flat_map(|pair| [pair.cert.clone(), pair.key.clone()]);
    pairs.chain(tls::client_cas(config).map(PathBuf::from)).collect()
}

/// The files of TLS to targets.
fn of_targets(config: &Config) -> Vec<PathBuf> {
    let colors = config.services.iter().flat_map(|service| &service.colors);
    let tls = colors.filter_map(ColorSpec::tls);
    let files = tls.flat_map(|tls| {
        let identity = tls.identity.iter().flat_map(|(cert, key)| [cert, key]);
        tls.ca.iter().chain(identity)
    });
    files.cloned().collect()
}

// === impl MissingChecks ===

impl MissingChecks {
    /// Returns true if it should be created at this check: less and less often if it cannot be, but always again.
    fn is_due(&mut self, is_missing: bool) -> bool {
        self.0 = if is_missing { self.0.saturating_add(1) } else { 0 };
        self.0.is_power_of_two() || (self.0 > 0 && self.0.is_multiple_of(PATIENCE))
    }
}

// === impl WatchedFiles ===

impl WatchedFiles {
    /// Returns true if these have changed since it last returned true, and have settled. True at the first
    /// call, since they may have changed since they were read.
    async fn have_changed(&mut self, files: Vec<PathBuf>) -> bool {
        // On its own thread, since a disk may be slow.
        let Ok(seen) = spawn_blocking(move || files.iter().map(stamp).collect::<Vec<_>>()).await
        else {
            return false;
        };
        let changed = self.used.as_ref() != Some(&seen) && seen == self.before;
        if changed {
            self.used = Some(seen.clone());
        }
        self.before = seen;
        changed
    }
}

fn stamp(path: &PathBuf) -> FileStamp {
    let seen = std::fs::metadata(path).ok()?;
    Some((seen.ino(), seen.len(), seen.mtime(), seen.mtime_nsec()))
}

// === impl InForce ===

impl InForce {
    /// Returns true if the files of TLS to targets are the ones in use.
    fn has_same_for_targets(&self) -> Result<bool, String> {
        let fresh = tls::load_for_targets(&self.config(), self.tls_configs())?;
        Ok(self.tls_configs().is_same(&fresh))
    }

    /// Returns the configuration in use, with the current files of TLS to targets.
    fn for_targets(&self) -> Result<NewConfig, String> {
        let config = self.config();
        let load = || tls::load_for_targets(&config, self.tls_configs());
        let (fresh, files) = connect::reading(connect::FilesRead::new(), load);
        let fresh = fresh?;
        let renewed = !self.tls_configs().is_same(&fresh);
        let held = self.clone();
        let others = renewed.then(|| "TLS to targets changed".to_owned());
        Ok(NewConfig {
            services: config.services,
            groups: config.groups,
            limits: config.limits,
            others: others.into_iter().collect(),
            tls_configs: renewed.then(|| connect::TlsConfigCache::trial(&fresh)),
            accept: Box::new(move || {
                held.contents.add(files);
                held.tls_configs().put(fresh);
            }),
        })
    }
}

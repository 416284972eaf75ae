//! Control groups for a systemd of a test, which are gone with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The time limit for all that was in them to end.
const SOON: Duration = Duration::from_secs(20);

/// The control groups of one systemd: where each hierarchy is mounted, and a group of its own in it.
/// Removed when dropped, with all that systemd has made below.
pub(super) struct Groups(pub(super) Vec<(PathBuf, PathBuf)>);

impl Groups {
    /// In each hierarchy that systemd uses and in which a group can be made.
    pub(super) fn make() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("teal-test-{}-{number}", std::process::id());
        let all = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let made = |line: &str| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let root = Path::new("/sys/fs/cgroup");
            let at = match controllers {
                "" if root.join("cgroup.controllers").exists() => root.to_owned(),
                "" => root.join("unified"),
                "cpuset" => return None, // a new group of it has no processors
                _ => root.join(controllers.trim_start_matches("name=")),
            };
            let own = at.join(path.trim_start_matches('/')).join(&name);
            fs::create_dir(&own).ok().map(|()| (at, own))
        };
        Self(all.lines().filter_map(made).collect())
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        let gone = || self.0.iter().all(|(_, own)| remove_group(own));
        let until = Instant::now() + SOON;
        while !gone() && Instant::now() < until {
            thread::sleep(Duration::from_millis(20)); // what was in them may be ending still
        }
    }
}

/// Returns true if a group, and all below it, no longer exists. One with a process in it stays.
fn remove_group(path: &Path) -> bool {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    fs::remove_dir(path).is_ok() || !path.exists()
}

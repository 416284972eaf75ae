//! Metrics of this process from `/proc`. Values that cannot be read are left out: a systemd unit may hide
//! files there.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// The system's values about a process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProcessValues {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<f64>,
    pub(super) virtual_bytes: Option<f64>,
    pub(super) open_fds: Option<f64>,
    pub(super) max_fds: Option<f64>,
    /// Seconds since 1970.
    pub(super) started: Option<f64>,
}

/// Ticks per second in `/proc/PID/stat`, on every Linux that Rust supports (`USER_HZ`).
const TICKS: f64 = 100.0;

impl ProcessValues {
    /// Reads the values of this process.
    pub(super) fn now() -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
        let (stat, status, limits) = (read("stat"), read("status"), read("limits"));
        let boot = clock_gettime(ClockId::Boottime);
        let boot = boot.tv_sec as f64 + boot.tv_nsec as f64 / 1e9;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let started = stat.as_deref().and_then(|stat| field(stat, 22));
        let ticks = |place| stat.as_deref().and_then(|stat| field(stat, place));
        Self {
            cpu_seconds: ticks(14).zip(ticks(15)).map(|(user, system)| (user + system) / TICKS),
            resident_bytes: status.as_deref().and_then(|status| kibibytes(status, "VmRSS:")),
            virtual_bytes: status.as_deref().and_then(|status| kibibytes(status, "VmSize:")),
            // One of them is the open directory itself.
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|all| all.count() as f64 - 1.0),
            max_fds: limits.as_deref().and_then(max_open_files),
            started: started.map(|ticks| ((now - boot + ticks / TICKS) * 100.0).round() / 100.0),
        }
    }
}

/// Returns a field of `/proc/PID/stat` by its number in `proc(5)`. The second field may contain anything, but
/// no other field has a parenthesis.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn kibibytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0)
}

/// Returns the soft limit; `None` if there is no limit.
fn max_open_files(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r72_files_of_proc_are_read_whatever_the_process_is_called() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4 1 0 0 0 250 50 0 0 20 0 9 0 4200 1 2";
        assert_eq!(
            (field(stat, 14), field(stat, 15), field(stat, 22)),
            (Some(250.0), Some(50.0), Some(4200.0))
        );
        assert_eq!(kibibytes("VmSize:\t 10 kB\nVmRSS:\t 2 kB\n", "VmRSS:"), Some(2048.0));
        assert_eq!(
            max_open_files("Max open files            1024       4096       files\n"),
            Some(1024.0)
        );
        assert_eq!(max_open_files("Max open files            unlimited  unlimited  files\n"), None);
        assert_eq!((field("", 14), kibibytes("", "VmRSS:")), (None, None));
    }

    #[test]
    fn r72_this_process_is_seen() {
        let own = ProcessValues::now();
        assert!(own.resident_bytes.is_some_and(|bytes| bytes > 1e6), "{own:?}");
        assert!(own.open_fds.is_some_and(|open| open >= 3.0), "{own:?}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
        assert!(own.started.is_some_and(|at| at <= now + 1.0 && at > now - 3600.0), "{own:?}");
    }
}

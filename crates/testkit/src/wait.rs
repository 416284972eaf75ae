//! Waiting for a condition with a deadline: the only way in which tests wait.

use std::thread;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(2);

/// Returns as soon as `condition` holds.
///
/// Panics with `what` when it does not within `deadline`.
#[track_caller]
pub fn wait_until(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(deadline, what, || condition().then_some(()));
}

/// Returns the first value that `probe` yields.
///
/// Panics with `what` when it yields none within `deadline`.
#[track_caller]
pub fn wait_for<T>(deadline: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    wait_for_ok(deadline, what, || probe().ok_or_else(String::new))
}

/// Returns the first value that `probe` yields.
///
/// Panics with `what` and the last error when it yields none within `deadline`.
#[track_caller]
pub fn wait_for_ok<T>(
    deadline: Duration,
    what: &str,
    mut probe: impl FnMut() -> Result<T, String>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        match probe() {
            Ok(value) => return value,
            Err(why) => {
                assert!(Instant::now() < end, "waited {deadline:?} in vain until {what}: {why}");
            }
        }
        thread::sleep(POLL);
    }
}

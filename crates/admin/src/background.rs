//! The threads on which metrics pages are summed and written.
//!
//! Guaranteed: they run at a lower priority than everything else in this process, where the system permits
//! it, so that a page of thousands of services takes no processor time from requests and switches.

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Added to the nice value of these threads: the highest there is, so that they only use what is left over.
const NICE: i32 = 19;

/// Threads of a lower priority, started when they are needed. They end when they have been idle.
#[derive(Debug)]
pub(crate) struct Background(Option<Runtime>);

// === impl Background ===

impl Background {
    /// Creates a pool of at most this many threads, without starting one.
    pub(crate) fn new(threads: usize) -> Self {
        // Nothing but blocking work is given to this runtime, so nobody needs to drive it.
        let mut builder = Builder::new_current_thread();
        let builder = builder.thread_name("metrics").max_blocking_threads(threads);
        // Linux keeps a nice value per thread. A filter for system calls may refuse a change of it.
        let builder = builder.on_thread_start(|| {
            let _refused = rustix::process::nice(NICE);
        });
        Self(builder.build().ok())
    }

    /// Runs this function on one of the threads.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        match &self.0 {
            Some(runtime) => runtime.spawn_blocking(work),
            // The system did not allow a pool of its own.
            None => tokio::task::spawn_blocking(work),
        }
    }
}

/// Lets a waiting thread run. Even a thread of the lowest priority has a time slice, of up to 3 ms on Linux, during
/// which one that wakes up on its processor waits.
pub(crate) fn give_way() {
    std::thread::yield_now();
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background(); // the drop of a runtime would wait, which panics in async code
        }
    }
}

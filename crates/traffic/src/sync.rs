//! The synchronisation primitives of this crate, in one place, so that a model
//! checker can stand in for them.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Locks, taking the data also from a thread that panicked: every critical section of
/// this crate is a plain assignment, so the data is whole whatever happened.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The synchronization primitives of this crate, in one place, so that a model checker can replace them: built
//! with `--cfg loom`, tests/loom.rs tries every order of steps and every value that the memory model lets a
//! thread read.

#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::AtomicU64};
#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};

// The standard ones also in a model. An `Arc` only keeps things alive: nothing here reads its count, and loom's
// own would add an ordering that could hide a missing one.
pub(crate) use std::sync::atomic::Ordering;
pub(crate) use std::sync::{Arc, PoisonError};

// Statistics: the protocol does not depend on them, and each would multiply the states of a model.
pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::AtomicU64 as StatisticU64;

/// Locks, ignoring poisoning: every critical section of this crate is a plain assignment, so the data is valid
/// even after a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

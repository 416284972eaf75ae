//! The synchronisation primitives of this crate, in one place, so that a model checker can
//! stand in for them: built with `--cfg loom`, tests/loom.rs tries every order of steps and
//! every value that the memory model lets a thread read.

#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::AtomicU64};
#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};

// The standard ones also in a model. An `Arc` only keeps things alive: nothing here asks its
// count, and with loom's own the order that its counts bring could hide one that is missing.
pub(crate) use std::sync::atomic::Ordering;
pub(crate) use std::sync::{Arc, PoisonError};

// Statistics: the protocol decides nothing by them, and each would multiply what a model tries.
pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::AtomicU64 as StatisticU64;

/// Locks, taking the data also from a thread that panicked: every critical section of
/// this crate is a plain assignment, so the data is whole whatever happened.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

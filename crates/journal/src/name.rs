//! The names of the files in the state directory.

/// The journal.
pub(crate) const JOURNAL: &str = "journal";

/// How far the journal is durable.
pub(crate) const HEAD: &str = "head";

/// A journal that is being written to take the place of the one in use.
pub(crate) const JOURNAL_NEW: &str = "journal.new";

/// The head that belongs to it.
pub(crate) const HEAD_NEW: &str = "head.new";

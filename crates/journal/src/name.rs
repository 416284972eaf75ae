//! The names of the files in the state directory.

/// The journal.
pub(crate) const JOURNAL: &str = "journal";

/// The end of the durable part of the journal.
pub(crate) const HEAD: &str = "head";

/// A journal being written, to replace the one in use.
pub(crate) const JOURNAL_NEW: &str = "journal.new";

/// The head that belongs to it.
pub(crate) const HEAD_NEW: &str = "head.new";

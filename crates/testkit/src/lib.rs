//! Scriptable targets, a recording client and a real Teal process, for tests.

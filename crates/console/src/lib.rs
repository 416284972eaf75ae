//! The files of the console, as `make web` has built them, embedded in the program.
//!
//! Guaranteed: each file comes with its compressed forms and a tag of its content, all known when the program was
//! built. A program that was built without Node has none of them, and everything else works. Never here: HTTP,
//! what the page shows.

#![forbid(unsafe_code)]

/// One file.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its path in the URL: `/index.html`, `/assets/…`.
    pub path: &'static str,
    /// Its media type, as in `Content-Type`.
    pub media_type: &'static str,
    /// The beginning of the SHA-256 of its content, in hex.
    pub tag: &'static str,
    /// Its content.
    pub plain: &'static [u8],
    /// Its content, compressed by gzip.
    pub gzip: &'static [u8],
    /// Its content, compressed by Brotli.
    pub brotli: &'static [u8],
}

/// All files of the console, by path; empty if this program was built without it.
pub static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

//! Pages of a service's own, for the answers that Teal gives instead of a target.
//!
//! They are read outside of here and shared by every table. Never here: the choice of a client's form, which the
//! data plane makes.

use std::path::PathBuf;
use std::sync::Arc;

/// An answer of Teal's own that can have a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorPage {
    /// The target failed (502).
    BadGateway,
    /// The service is not available now (503).
    Unavailable,
    /// The target did not answer in time (504).
    GatewayTimeout,
    /// The service is in maintenance (503).
    Maintenance,
}

/// The pages of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorPages {
    /// Their directory, absolute; `None`: none is configured.
    pub directory: Option<PathBuf>,
    pages: [Option<Arc<str>>; 4],
}

// === impl ErrorPage ===

impl ErrorPage {
    /// All of them, in the order of their files.
    pub const ALL: [Self; 4] =
        [Self::BadGateway, Self::Unavailable, Self::GatewayTimeout, Self::Maintenance];

    /// The largest page, in bytes.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// The name of its file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::BadGateway => "502.html",
            Self::Unavailable => "503.html",
            Self::GatewayTimeout => "504.html",
            Self::Maintenance => "maintenance.html",
        }
    }

    /// The page of an answer with this status, for any reason but maintenance.
    pub fn of_status(status: u16) -> Option<Self> {
        match status {
            502 => Some(Self::BadGateway),
            503 => Some(Self::Unavailable),
            504 => Some(Self::GatewayTimeout),
            _ => None,
        }
    }
}

// === impl ErrorPages ===

impl ErrorPages {
    /// The pages of this directory, none of which has been read yet.
    pub fn of_directory(directory: PathBuf) -> Self {
        Self { directory: Some(directory), pages: Default::default() }
    }

    /// Sets or removes a page.
    pub fn put(&mut self, page: ErrorPage, text: Option<Arc<str>>) {
        self.pages[page as usize] = text;
    }

    /// A page; `None`: it has no file.
    pub fn get(&self, page: ErrorPage) -> Option<&Arc<str>> {
        self.pages[page as usize].as_ref()
    }
}

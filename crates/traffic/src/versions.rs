//! The versions of colors, as deploys and switches have told them: labels for the access log.
//!
//! The control plane replaces them; the thread that writes the access log reads them. No worker does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rules::{Color, ServiceName, Version};

/// The versions of all colors that are known. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Versions(Arc<Mutex<HashMap<String, [Option<Version>; 2]>>>);

impl Versions {
    /// Replaces all versions: for each service those of its colors, in the order of [`Color::index`].
    pub fn replace<'s>(
        &self,
        all: impl IntoIterator<Item = (&'s ServiceName, &'s [Option<Version>; 2])>,
    ) {
        let all = all.into_iter().filter(|(_, versions)| versions.iter().any(Option::is_some));
        let all = all.map(|(service, versions)| (service.to_string(), versions.clone())).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = all;
    }

    /// The version of a color; `None`: it is not known.
    pub fn of(&self, service: &str, color: Color) -> Option<Version> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(service).and_then(|versions| versions[color.index()].clone())
    }
}

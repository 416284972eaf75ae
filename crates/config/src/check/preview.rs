//! The previews of services, and their listeners.

use rules::Preview;

use super::address;
use crate::config::Listener;
use crate::key::{At, Key};
use crate::problem::ProblemList;
use crate::raw;

/// The way in which testers see the idle color of a service.
pub(super) fn preview(key: &Key<raw::Preview>, found: &mut ProblemList) -> Option<Preview> {
    let At { value: raw, offset } = key.at()?;
    let mut listen = None;
    if let Some(At { value, offset }) = raw.listen.at() {
        match address(value, "127.0.0.1:8090") {
            Ok(address) => listen = Some(address),
            Err(message) => found.at(*offset, format!("service.preview.listen: {message}")),
        }
    }
    let token = raw.token.get().copied().unwrap_or(true);
    if !token && raw.listen.at().is_none() {
        let message = "service.preview gives testers no way; write token = true, or listen = \"127.0.0.1:8090\"";
        found.at(*offset, message);
    }
    Some(Preview { listen, token })
}

/// The listeners for previews, each once, however many services share it. Invalid addresses are reported elsewhere.
pub(super) fn listeners(services: &Key<Vec<At<raw::Service>>>) -> Vec<At<Listener>> {
    let mut listeners: Vec<At<Listener>> = Vec::new();
    for At { value: service, .. } in services.elements() {
        let written = service.preview.get().and_then(|preview| preview.listen.at());
        let Some(At { value, offset }) = written else { continue };
        let Ok(address) = address(value, "") else { continue };
        if listeners.iter().all(|known| known.value.address != address) {
            let value = Listener { http2: true, preview: true, ..Listener::plain(address) };
            listeners.push(At { value, offset: *offset });
        }
    }
    listeners
}

//! The text of previews.

use crate::wire::{Preview, PreviewsRevoked};

use super::{TextBuilder, line};

/// Formats a preview: what it shows, the addresses to open, and when it ends.
pub fn preview(preview: &Preview) -> String {
    let mut lines = TextBuilder::default();
    let Preview { service, color, .. } = preview;
    let version =
        preview.version.as_ref().map_or_else(String::new, |version| format!(", {version}"));
    line!(lines, "Preview of {service}: {color}{version}");
    for url in preview.urls.iter().chain(&preview.listener_urls) {
        line!(lines, "Open {url}");
    }
    if let Some(token) = &preview.token {
        line!(lines, "Or send the field Teal-Preview: {token}");
    }
    match &preview.expires_at {
        Some(end) => line!(lines, "It ends at {end}, and with the next switch of {service}"),
        None => line!(lines, "It shows the other color after the next switch of {service}"),
    }
    if preview.token.is_some() {
        line!(lines, "End all of them with: teal preview {service} --revoke");
    }
    lines.0
}

/// Formats the outcome of a revocation.
pub fn previews_revoked(revoked: &PreviewsRevoked) -> String {
    format!("All preview tokens of {} that were made until now are void\n", revoked.service)
}

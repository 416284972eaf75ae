//! The text of `GET /admin/whoami`.

use crate::wire::Whoami;

use super::{TextBuilder, line};

/// Formats the caller.
pub fn whoami(Whoami { name, role }: &Whoami) -> String {
    let mut lines = TextBuilder::default();
    line!(lines, "Name: {}", name.as_deref().unwrap_or("none (no token)"));
    line!(lines, "Role: {}", role.as_str());
    lines.0
}

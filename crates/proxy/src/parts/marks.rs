//! The marks of a preview: the lease that it asks for, and what its answer says of it.

use rules::{Color, Version};
use traffic::{PreviewClaim, PreviewTerms};

/// The marks of a request that a preview token or a listener for previews concerns.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// The lease of a preview; `None`: it goes to the active color like all others.
    pub(crate) claim: Option<PreviewClaim>,
    /// The fields that are added to its answer.
    fields: Vec<(&'static str, String)>,
    /// The status that its client was sent.
    pub(super) status: Option<u16>,
}

// === impl Marks ===

impl Marks {
    /// Makes the marks of a preview: its answers say which color and version it shows.
    pub(crate) fn of_preview(claim: PreviewClaim, terms: &PreviewTerms) -> Self {
        let mut fields = vec![("teal-color", claim.color.to_string())];
        let version: Option<&Version> = terms.versions[claim.color.index()].as_ref();
        fields.extend(version.map(|version| ("teal-version", version.to_string())));
        Self { claim: Some(claim), fields, status: None }
    }

    /// Makes the marks of a request whose cookie has no use any more.
    pub(crate) fn of_cookie(clearing: String) -> Self {
        Self { claim: None, fields: vec![("set-cookie", clearing)], status: None }
    }

    /// Returns the color that it shows.
    pub(crate) fn color(&self) -> Option<Color> {
        self.claim.map(|claim| claim.color)
    }

    /// Returns the fields that are added to its answer.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.fields.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Returns the same as lines of a head.
    pub(crate) fn lines(&self) -> Vec<u8> {
        let lines = self.fields().map(|(name, value)| format!("{name}: {value}\r\n"));
        lines.collect::<String>().into_bytes()
    }
}

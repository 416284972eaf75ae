//! The form in which a client prefers Teal's own answers.

/// The forms of Teal's own answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// One plain sentence.
    Text,
    /// A problem document (RFC 9457).
    Json,
    /// A small page.
    Html,
}

impl Accept {
    /// Returns the first form that the `Accept` field names. Quality values are not weighed: any form will do
    /// for an error.
    pub(crate) fn of(field: Option<&[u8]>) -> Self {
        let named = |wanted: &[u8]| {
            let field = field.unwrap_or_default();
            field.windows(wanted.len()).position(|part| part.eq_ignore_ascii_case(wanted))
        };
        let json = [named(b"application/json"), named(b"application/problem+json")];
        let json = json.into_iter().flatten().min();
        match (json, named(b"text/html")) {
            (None, None) => Self::Text,
            (Some(json), Some(html)) if json < html => Self::Json,
            (Some(_), None) => Self::Json,
            (_, Some(_)) => Self::Html,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_named_form_is_taken() {
        for (field, form) in [
            (None, Accept::Text),
            (Some("*/*"), Accept::Text),
            (Some("application/json"), Accept::Json),
            (Some("Application/Problem+JSON, text/html"), Accept::Json),
            (Some("text/html,application/xhtml+xml,application/json;q=0.9"), Accept::Html),
        ] {
            assert_eq!(Accept::of(field.map(str::as_bytes)), form, "{field:?}");
        }
    }
}

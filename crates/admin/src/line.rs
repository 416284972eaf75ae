//! One line of text that a caller gives for people to read: it is kept in the journal and shown in terminals.

/// The most characters of a reason.
pub(crate) const REASON_MAX: usize = 500;

/// Takes a text as one line, with spaces instead of control characters; `None` if it is blank.
///
/// # Errors
/// It has more than `most` characters.
pub(crate) fn one_line(text: Option<&str>, most: usize) -> Result<Option<String>, String> {
    let Some(text) = text else { return Ok(None) };
    let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > most {
        return Err(format!("is longer than {most} characters"));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

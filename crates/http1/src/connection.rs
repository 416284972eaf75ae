//! The `Connection` field (RFC 9110 section 7.6.1): its meaning for the connection, and the fields it removes
//! from the message. Guarantees that no field that we rely on can be removed.

use httparse::Header;

use crate::{field::Name, token};

/// The most connection options taken, more than any client sends; each costs a walk over all fields.
const MAX_OPTIONS: usize = 32;

/// The content of a message's `Connection` fields.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
    /// An element is not a token; tolerated in responses only.
    pub(crate) malformed: bool,
    /// A framing, routing, authentication or forwarding field is named.
    pub(crate) names_protected: bool,
    /// There are more than [`MAX_OPTIONS`]; those beyond were not looked at.
    pub(crate) too_many: bool,
}

/// Reads all `Connection` fields and marks the fields that they name as [`Name::Named`], except those that have
/// a meaning of their own here and are handled by it.
pub(crate) fn read(headers: &[Header<'_>], names: &mut [Name]) -> Options {
    let mut options = Options::default();
    let mut count = 0;
    for index in 0..headers.len() {
        if names[index] != Name::Connection {
            continue;
        }
        for option in token::elements(headers[index].value) {
            count += 1;
            if count > MAX_OPTIONS {
                options.too_many = true;
                return options;
            }
            options.take(option, headers, names);
        }
    }
    options
}

impl Options {
    fn take(&mut self, option: &[u8], headers: &[Header<'_>], names: &mut [Name]) {
        if option.eq_ignore_ascii_case(b"keep-alive") {
            self.keep_alive = true;
        } else if option.eq_ignore_ascii_case(b"close") {
            self.close = true;
        } else if option.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade = true;
        } else if option.is_empty() {
            // RFC 9110 section 5.6.1.2: empty list elements are ignored.
        } else if !token::is_token(option) {
            self.malformed = true;
        } else {
            self.names_protected |= Name::of(option).is_protected();
            for (header, name) in headers.iter().zip(names) {
                if header.name.as_bytes().eq_ignore_ascii_case(option) && can_be_named(*name) {
                    *name = Name::Named;
                }
            }
        }
    }
}

/// Fields that the two heads' writers treat by their own rules stay unchanged.
fn can_be_named(name: Name) -> bool {
    matches!(
        name,
        Name::Other
            | Name::ContentType
            | Name::Date
            | Name::Credentials
            | Name::Login
            | Name::Underscore
            | Name::Lookalike
            | Name::TraceParent
            | Name::TraceState
    )
}

//! The extensions of a chunk (RFC 9112 section 7.1.1), byte for byte: `;name`, `;name=token` or `;name="text"`,
//! with spaces around `;` and `=`. We ignore them, but anything else is refused: another parser might end it,
//! and with it the chunk, at another place.

use crate::token;

/// The position in a chunk's extensions of the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// After a semicolon.
    Start,
    /// In a name, after its first byte.
    Name,
    /// In spaces after a name.
    NameEnd,
    /// After an equals sign.
    Equals,
    /// In a value that is a token, after its first byte.
    Value,
    /// In a quoted value.
    Quoted,
    /// After a backslash in a quoted value.
    Escaped,
    /// After the closing quote.
    Closed,
    /// In spaces after a value.
    ValueEnd,
}

impl Extension {
    /// Returns true if the line may end here: not in spaces, which must precede something.
    pub(super) fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Value | Self::Closed)
    }

    /// Returns the state after this byte; `None` if the byte is not allowed here.
    pub(super) fn next(self, byte: u8) -> Option<Self> {
        let space = matches!(byte, b' ' | b'\t');
        Some(match (self, byte) {
            (Self::Start | Self::Equals | Self::NameEnd | Self::ValueEnd, _) if space => self,
            (Self::Name, _) if space => Self::NameEnd,
            (Self::Value | Self::Closed, _) if space => Self::ValueEnd,
            (Self::Start | Self::Name, _) if token::is_token_byte(byte) => Self::Name,
            (Self::Name | Self::NameEnd, b'=') => Self::Equals,
            (Self::Name | Self::NameEnd | Self::Value | Self::Closed | Self::ValueEnd, b';') => {
                Self::Start
            }
            (Self::Equals, b'"') => Self::Quoted,
            (Self::Equals | Self::Value, _) if token::is_token_byte(byte) => Self::Value,
            (Self::Quoted, b'"') => Self::Closed,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::Quoted | Self::Escaped, _) if token::is_value_byte(byte) => Self::Quoted,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Extension;

    /// Returns true if a size line may end after these extensions, given without the first semicolon.
    fn is_whole(text: &str) -> bool {
        let ended = text.bytes().try_fold(Extension::Start, Extension::next);
        ended.is_some_and(Extension::may_end)
    }

    #[test]
    fn an_extension_is_a_name_with_a_token_or_a_quoted_text() {
        for text in [
            "a",
            "a=b",
            "a=\"\"",
            "a=\"b;c=\\\"\"",
            "a;b",
            "a=b;c=\"d\";e",
            " a",
            "\ta = b ; c",
            "a=\"\u{e9}\t\"",
            "!#$%&'*+-.^_`|~=9",
        ] {
            assert!(is_whole(text), "{text:?}");
        }
        for text in [
            "",
            ";",
            "a;",
            "=",
            "=b",
            "a=",
            "a= ",
            "a b",
            "a=b c",
            "a=\"",
            "a=\"b",
            "a=\"b\\\"",
            "a=\"b\"c",
            "a=b\"c\"",
            "a=b=c",
            "a,b",
            "a ",
            "a=b ",
            "a=\"b\" ",
            "a\n",
            "a=\"\n\"",
            "a=\"\r\"",
            "a=\"\\\0\"",
            "\u{e9}",
            "a=(b)",
            " ",
            "\"a\"",
        ] {
            assert!(!is_whole(text), "{text:?}");
        }
    }
}

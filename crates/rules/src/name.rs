//! The words of the domain as types: every value is valid.

use std::fmt;
use std::str::FromStr;

/// One of the two environments of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Color {
    /// The first environment.
    Blue,
    /// The second environment.
    Green,
}

/// The one global counter that grows by one with each change of where traffic goes.
///
/// Zero is the state before anything was ever decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(pub u64);

/// The name of a service: 1 to 63 of `[a-z0-9-]`, beginning and ending with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceName(Box<str>);

/// The name of a group of services, by the same rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(Box<str>);

/// The actor that asked for a change, as shown in receipts and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The holder of the token with this name.
    Token(Box<str>),
    /// A local user on the admin socket, by user id.
    Uid(u32),
    /// Teal itself: failover, reload on a signal.
    Teal,
}

/// An invalid name, with the names that would be accepted instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName(pub String);

// === impl Color ===

impl Color {
    /// Both colors, in their fixed order.
    pub const BOTH: [Self; 2] = [Self::Blue, Self::Green];

    /// The other color.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }

    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }

    /// 0 for blue and 1 for green: the place in an array of both.
    pub fn index(self) -> usize {
        match self {
            Self::Blue => 0,
            Self::Green => 1,
        }
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Color {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text {
            "blue" => Ok(Self::Blue),
            "green" => Ok(Self::Green),
            _ => Err(InvalidName("must be 'blue' or 'green'".to_owned())),
        }
    }
}

// === impl Generation ===

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl ServiceName, GroupName ===

impl ServiceName {
    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        checked("service", text).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ServiceName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for GroupName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl GroupName {
    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        checked("group", text).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn checked(what: &str, text: &str) -> Result<Box<str>, InvalidName> {
    let inside = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let edge = |c: Option<&u8>| c.is_some_and(|c| *c != b'-');
    let bytes = text.as_bytes();
    if bytes.len() <= 63
        && bytes.iter().copied().all(inside)
        && edge(bytes.first())
        && edge(bytes.last())
    {
        return Ok(text.into());
    }
    Err(InvalidName(format!(
        "{what} name {text:?} must be 1 to 63 of a-z, 0-9 and '-', \
         beginning and ending with a letter or digit"
    )))
}

// === impl Actor ===

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(name) => write!(f, "token {name}"),
            Self::Uid(uid) => write!(f, "uid {uid}"),
            Self::Teal => f.write_str("teal"),
        }
    }
}

// === impl InvalidName ===

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidName {}

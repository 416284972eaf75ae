//! Preview tokens: signed permissions of testers to see the idle color of a service.
//!
//! A token is text: `v1.GENERATION.COLOR.EXPIRES.SERIAL.MAC`, of at most [`TOKEN_MAX`] bytes, safe in a URL, a cookie and
//! a header field. `MAC` is the HMAC-SHA256 of everything before it and of the name of the service, in lower-case
//! hexadecimal, so that no other spelling of a token is valid. Guaranteed: nothing of a token is believed before its
//! MAC is proven, in constant time. Never here: a clock, a random number, a file; whether what a proven token says
//! still holds is up to its reader.

#![forbid(unsafe_code)]

mod key;
mod token;

pub use key::{NotSigned, PreviewKey, PreviewKeyCell};
pub use token::{Claims, TOKEN_MAX};

/// The name of the header field, the cookie and the parameter of a URL in which a token comes; names of fields are
/// case-insensitive.
pub const NAME: &str = "teal-preview";

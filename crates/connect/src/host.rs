//! The TLS server name (SNI) for a Host field.

/// Room for the longest name.
pub const HOST_ROOM: usize = 256;

/// The server name for this Host: without its port, brackets and trailing dot, in lower case. `None`: there
/// is none, or it is longer than any name.
pub fn server_name_of<'r>(host: &[u8], room: &'r mut [u8; HOST_ROOM]) -> Option<&'r str> {
    let bare = match host.strip_prefix(b"[") {
        Some(inner) => inner.split(|byte| *byte == b']').next()?,
        None => host.split(|byte| *byte == b':').next()?,
    };
    let bare = bare.strip_suffix(b".").unwrap_or(bare);
    let place = room.get_mut(..bare.len())?;
    place.copy_from_slice(bare);
    place.make_ascii_lowercase();
    std::str::from_utf8(place).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r49_a_server_name_has_no_port_no_trailing_dot_and_no_capitals() {
        for (host, name) in [
            ("a.test", Some("a.test")),
            ("A.Test.:8443", Some("a.test")),
            ("127.0.0.1:80", Some("127.0.0.1")),
            ("[2001:DB8::1]:443", Some("2001:db8::1")),
            ("", None),
            (".", None),
            (":80", None),
        ] {
            assert_eq!(server_name_of(host.as_bytes(), &mut [0; HOST_ROOM]), name, "{host}");
        }
        assert_eq!(server_name_of(&[b'a'; 257], &mut [0; HOST_ROOM]), None);
    }
}

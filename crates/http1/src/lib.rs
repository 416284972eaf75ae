//! The HTTP/1.1 engine: bytes to heads and bodies and back, without sockets.

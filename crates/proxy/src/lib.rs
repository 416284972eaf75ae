//! The life of a request: listener, http, route, pick, upstream, response.

//! The developer tools.

fn main() {}

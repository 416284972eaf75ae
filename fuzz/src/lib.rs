//! Code that the fuzz targets share.

#![forbid(unsafe_code)]

use std::time::Duration;

/// The duration of one target: a few seconds as a test, `FUZZ_SECONDS` for `make fuzz`.
pub fn time() -> Duration {
    let asked = std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(asked.unwrap_or(3))
}

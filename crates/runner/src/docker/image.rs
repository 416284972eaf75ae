//! The reference of an image, and the progress of a pull.

use std::fmt;

use serde::Deserialize;

use crate::lines::line;

use super::engine::encoded;

/// The longest line of progress that is read, in bytes; longer ones say nothing.
const LINE_MAX: usize = 64 << 10;

/// The reference of an image: `registry/app:v42`, or with a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image(String);

/// The progress of a pull: JSON lines, of which one may be an error.
#[derive(Debug, Default)]
pub(super) struct Progress {
    partial: Vec<u8>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Step {
    error: Option<String>,
}

// === impl Image, Progress ===

impl Image {
    /// Checks and takes a reference.
    pub(super) fn new(text: String) -> Result<Self, String> {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@-".contains(&byte);
        let ends = |end: Option<&u8>| end.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        if bytes.iter().copied().all(inside) && ends(bytes.first()) && ends(bytes.last()) {
            return Ok(Self(text));
        }
        Err(format!("{text:?} is not an image; write it as registry/app:v42"))
    }

    /// The reference as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The query of a pull. It always names one image: without a tag, the Engine would pull all tags.
    pub(super) fn query(&self) -> String {
        let (name, tag) = self.parts();
        format!("fromImage={}&tag={}", encoded(name), encoded(tag))
    }

    /// The name, and the digest or the tag.
    fn parts(&self) -> (&str, &str) {
        let (name, digest) = match self.0.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (&*self.0, None),
        };
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].rfind(':') {
            Some(colon) => (&name[..last + colon], &name[last + colon + 1..]),
            None => (name, "latest"),
        };
        (name, digest.unwrap_or(tag))
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Progress {
    /// Takes the next bytes, wherever they are cut.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for (index, piece) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                self.end_line();
            }
            let room = LINE_MAX - self.partial.len();
            self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
        }
    }

    /// The error of the registry, if the pull has failed.
    pub(super) fn error(mut self) -> Option<String> {
        self.end_line();
        self.error
    }

    fn end_line(&mut self) {
        let step = serde_json::from_slice::<Step>(&self.partial);
        self.partial.clear();
        if let Ok(Step { error: Some(error) }) = step {
            self.error = Some(line(error.as_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_names_one_image() {
        for (image, query) in [
            ("app", "fromImage=app&tag=latest"),
            ("app:v42", "fromImage=app&tag=v42"),
            ("host:5000/team/app", "fromImage=host%3A5000%2Fteam%2Fapp&tag=latest"),
            ("host:5000/app:v42", "fromImage=host%3A5000%2Fapp&tag=v42"),
            ("host/app:v1@sha256:ab12", "fromImage=host%2Fapp&tag=sha256%3Aab12"),
        ] {
            assert_eq!(Image::new(image.to_owned()).expect(image).query(), query);
        }
        for bad in ["", "app:", "app v", "../x", "app?x=1", "-app", "app#1", "äpp"] {
            let error = Image::new(bad.to_owned()).expect_err(bad);
            assert!(error.ends_with("is not an image; write it as registry/app:v42"), "{error}");
        }
    }

    #[test]
    fn an_error_is_found_wherever_the_progress_is_cut() {
        let good = b"{\"status\":\"Pulling\"}\r\n{\"status\":\"Done\",\"id\":\"1\"}\r\n";
        let bad = b"{\"status\":\"Pulling\"}\n{\"errorDetail\":{\"message\":\"no\"},\"error\":\"denied:\\nno\"}";
        for size in 1..good.len() {
            let (mut fine, mut failed) = (Progress::default(), Progress::default());
            good.chunks(size).for_each(|piece| fine.push(piece));
            bad.chunks(size).for_each(|piece| failed.push(piece));
            assert_eq!((fine.error(), failed.error().as_deref()), (None, Some("denied: no")));
        }
    }
}

//! The mounts of a container: `SRC:DST`, with `:ro` for one that it cannot write.

use serde_json::{Value, json};

/// A mount as the Engine takes it. A directory that does not exist is an error there, where `docker run -v` would make
/// one that belongs to root.
pub(super) fn mount(text: &str) -> Result<Value, String> {
    let wrong = |why: &str| Err(format!("the mount {text:?} {why}"));
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, writable) = match *parts {
        [source, target] | [source, target, "rw"] => (source, target, true),
        [source, target, "ro"] => (source, target, false),
        _ => return wrong("is not SRC:DST or SRC:DST:ro"),
    };
    if !target.starts_with('/') {
        return wrong("needs an absolute path in the container after the colon");
    }
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let is_volume = source.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && source.bytes().all(inside);
    let kind = match source.starts_with('/') {
        true => "bind",
        false if is_volume => "volume",
        false => return wrong("needs an absolute path or the name of a volume before the colon"),
    };
    Ok(json!({"Type": kind, "Source": source, "Target": target, "ReadOnly": !writable}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_a_directory_or_a_volume() {
        for (text, kind, source, target, read_only) in [
            ("/srv/data:/data", "bind", "/srv/data", "/data", false),
            ("/srv/data:/data:rw", "bind", "/srv/data", "/data", false),
            ("/run/web:/run/web:ro", "bind", "/run/web", "/run/web", true),
            ("web_data:/data", "volume", "web_data", "/data", false),
        ] {
            let expected =
                json!({"Type": kind, "Source": source, "Target": target, "ReadOnly": read_only});
            assert_eq!(mount(text), Ok(expected));
        }
        for (text, word) in [
            ("/data", "is not SRC:DST"),
            ("/a:/b:z", "is not SRC:DST"),
            ("/a:/b:ro:rw", "is not SRC:DST"),
            ("/a:b", "in the container"),
            ("./data:/data", "before the colon"),
            ("~/data:/data", "before the colon"),
            (":/data", "before the colon"),
        ] {
            let error = mount(text).expect_err(text);
            assert!(error.contains(word), "{error}");
        }
    }
}

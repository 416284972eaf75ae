//! The key of an external account (RFC 8555 section 7.3.4), as a CA gives it: base64url in a file.

use std::path::Path;
use std::{fs, io};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use config::ExternalAccount;
use instant_acme::ExternalAccountKey;

/// The longest file; a longer one holds something else.
const LONGEST: usize = 4096;

/// Reads the key.
///
/// # Errors
/// In words: the file can't be read, or does not hold a key.
pub(crate) fn read(account: &ExternalAccount) -> Result<ExternalAccountKey, String> {
    let key = read_key(&account.hmac_key_file)?;
    Ok(ExternalAccountKey::new(account.key_id.clone(), &key))
}

/// The bytes of the key in this file.
///
/// # Errors
/// In words, without the content.
pub fn read_key(file: &Path) -> Result<Vec<u8>, String> {
    let shown = file.display();
    let cannot = |error: io::Error| format!("cannot read {shown}: {error}");
    // Anything else, such as a pipe, may block.
    if !fs::metadata(file).map_err(cannot)?.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    let text = fs::read(file).map_err(cannot)?;
    let wrong = |why: &str| {
        format!(
            "{shown} {why}: write the HMAC key into it as the CA gives it (base64url, one line)"
        )
    };
    if text.len() > LONGEST {
        return Err(wrong("is too long for a key"));
    }
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err(wrong("is empty"));
    }
    decode(text).ok_or_else(|| wrong("is not base64url"))
}

/// Base64 in either alphabet, with padding or without (RFC 4648 sections 4 and 5).
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let text: Vec<u8> = text
        .iter()
        .map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        })
        .collect();
    GeneralPurpose::new(&alphabet::URL_SAFE, lenient).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r56_a_key_is_read_with_and_without_padding() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("eab.key");
        for (text, bytes) in [
            ("-_-_", &[0xfb, 0xff, 0xbf][..]),
            ("+/+/", &[0xfb, 0xff, 0xbf]),
            ("TQ==", b"M"),
            ("TQ=", b"M"),
            ("TQ", b"M"),
            ("TWE=", b"Ma"),
            ("TWE", b"Ma"),
            ("  TWFu\r\n", b"Man"),
        ] {
            fs::write(&file, text).expect("written");
            assert_eq!(read_key(&file).as_deref(), Ok(bytes), "{text:?}");
        }
        for (text, why) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("TWFuT", "is not base64url"),
            ("T===", "is not base64url"),
            ("TW u", "is not base64url"),
            ("hmac: TWFu", "is not base64url"),
        ] {
            fs::write(&file, text).expect("written");
            let said = read_key(&file).expect_err(text);
            assert!(said.contains(why) && said.contains("eab.key"), "{text:?}: {said}");
            assert!(text.trim().is_empty() || !said.contains(text.trim()), "no secret: {said}");
        }
        let said = read_key(&directory.path().join("none")).expect_err("there is none");
        assert!(said.starts_with("cannot read "), "{said}");
    }
}

//! A second opinion: a tiny reader of heads and chunked bodies that shares no code and no idea with the engine.
//! It is slow and knows only what Teal itself may write, so it rejects anything that two readers could read in
//! two ways. The fuzz targets use it too.

use std::collections::BTreeMap;

/// The content of a well-formed head: start line, and values by lower-case name.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) start: String,
    pub(crate) fields: BTreeMap<String, Vec<String>>,
}

impl Head {
    pub(crate) fn values(&self, name: &str) -> &[String] {
        self.fields.get(name).map_or(&[], Vec::as_slice)
    }

    fn only(&self, name: &str) -> Result<&str, String> {
        match self.values(name) {
            [value] => Ok(value),
            values => Err(format!("{} values of {name}", values.len())),
        }
    }

    fn at_most_one(&self, name: &str) -> Result<Option<&str>, String> {
        match self.values(name) {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            values => Err(format!("{} values of {name}", values.len())),
        }
    }
}

/// The length of a body, as the checker sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    Nothing,
    Length(u64),
    Chunked,
}

/// Never in anything that Teal sends on.
const NEVER: [&str; 7] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy",
    "http2-settings",
    "trailers",
];

/// Never in a request from a client that is not trusted.
const NEVER_UNTRUSTED: [&str; 7] = [
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-original-url",
    "true-client-ip",
];

/// The facts that Teal states about the client in these tests.
pub(crate) const CLIENT: [u8; 4] = [192, 0, 2, 1];
pub(crate) const VIA: &str = "teal-test";
pub(crate) const REQUEST_ID: &str = "made-1";

/// Checks that `bytes` are exactly one request head as Teal may send it, and says how its body is
/// framed.
pub(crate) fn request(bytes: &[u8]) -> Result<(Head, Framed), String> {
    let head = head(bytes)?;
    let parts: Vec<&str> = head.start.split(' ').collect();
    let [method, target, "HTTP/1.1"] = parts[..] else {
        return Err(format!("request line {:?}", head.start));
    };
    if method.is_empty() || !method.chars().all(is_name_char) {
        return Err(format!("method {method:?}"));
    }
    let starred = target == "*" && method == "OPTIONS";
    let plain = target.starts_with('/') && target.chars().all(|c| c.is_ascii_graphic() && c != '#');
    if !starred && !plain {
        return Err(format!("target {target:?}"));
    }
    let host = head.only("host")?;
    let mut host_chars = host.chars();
    if !host_chars.all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c)) {
        return Err(format!("host {host:?}"));
    }
    if head.only("x-forwarded-for")? != "192.0.2.1" || head.only("x-forwarded-proto")? != "http" {
        return Err("forwarding fields are not ours".to_owned());
    }
    if head.at_most_one("x-forwarded-host")?.unwrap_or("") != host {
        return Err("X-Forwarded-Host is not the host".to_owned());
    }
    let via = head.values("via").last().map_or("", String::as_str);
    if !via.ends_with(VIA) {
        return Err(format!("the last Via is {via:?}"));
    }
    if head.only("x-request-id")? != REQUEST_ID {
        return Err("the request id is not ours".to_owned());
    }
    for name in head.fields.keys() {
        let never = NEVER.contains(&&**name) || NEVER_UNTRUSTED.contains(&&**name);
        if never || name.contains('_') {
            return Err(format!("field {name} must not travel on"));
        }
    }
    hop_by_hop(&head)?;
    let framed = framing(&head)?;
    match head.at_most_one("expect")? {
        None => {}
        Some("100-continue") if !matches!(framed, Framed::Nothing | Framed::Length(0)) => {}
        Some(other) => return Err(format!("expectation {other:?}")),
    }
    Ok((head, framed))
}

/// `Connection` says only what Teal means: `te`, or `upgrade` without a body.
fn hop_by_hop(head: &Head) -> Result<(), String> {
    let options = head.at_most_one("connection")?;
    let te = head.at_most_one("te")?;
    let upgrade = head.at_most_one("upgrade")?;
    match (options, te, upgrade) {
        (None, None, None) | (Some("te"), Some("trailers"), None) => Ok(()),
        (Some("upgrade"), None, Some(protocols)) => {
            let lower = protocols.to_lowercase();
            if lower.contains("h2c") || framing(head)? != Framed::Nothing {
                return Err(format!("upgrade to {protocols:?}"));
            }
            Ok(())
        }
        other => Err(format!("connection {other:?}")),
    }
}

/// Checks that `bytes` are exactly one response head as Teal may send it, and says how its body is
/// framed by its fields alone.
pub(crate) fn response(bytes: &[u8]) -> Result<(Head, Framed), String> {
    let head = head(bytes)?;
    let rest = head.start.strip_prefix("HTTP/1.1 ").ok_or("status line")?;
    let (status, phrase) = rest.split_once(' ').ok_or("status line")?;
    let digits = status.len() == 3 && status.chars().all(|c| c.is_ascii_digit());
    if !digits || !('1'..='5').contains(&status.chars().next().unwrap_or('0')) || phrase.is_empty()
    {
        return Err(format!("status line {:?}", head.start));
    }
    if head.only("x-request-id")? != REQUEST_ID {
        return Err("the request id is not ours".to_owned());
    }
    if let Some(name) = NEVER.iter().find(|name| head.fields.contains_key(**name)) {
        return Err(format!("field {name} must not travel on"));
    }
    for option in head.at_most_one("connection")?.unwrap_or("").split(", ") {
        if !["", "close", "keep-alive", "upgrade"].contains(&option) {
            return Err(format!("connection option {option:?}"));
        }
    }
    let framed = framing(&head)?;
    let bodiless = status.starts_with('1') || status == "204";
    if bodiless && framed != Framed::Nothing {
        return Err(format!("{framed:?} with {status}"));
    }
    Ok((head, framed))
}

fn framing(head: &Head) -> Result<Framed, String> {
    let length = head.at_most_one("content-length")?;
    match (length, head.at_most_one("transfer-encoding")?) {
        (None, None) => Ok(Framed::Nothing),
        (None, Some("chunked")) => Ok(Framed::Chunked),
        (Some(digits), None) => {
            let number: u64 = digits.parse().map_err(|_| format!("length {digits:?}"))?;
            if number.to_string() != digits {
                return Err(format!("length {digits:?} is not canonical"));
            }
            Ok(Framed::Length(number))
        }
        both => Err(format!("framing {both:?}")),
    }
}

/// Lines that end in CRLF, then an empty one, then nothing; no other control characters.
fn head(bytes: &[u8]) -> Result<Head, String> {
    // Latin-1, so that every byte is a character of its own.
    let text: String = bytes.iter().map(|&b| char::from(b)).collect();
    let lines = text.strip_suffix("\r\n\r\n").ok_or("no empty line at the end")?;
    let mut lines = lines.split("\r\n");
    let start = lines.next().unwrap_or("").to_owned();
    let control = |c: char| c.is_ascii_control() && c != '\t';
    if start.is_empty() || start.contains(control) {
        return Err(format!("start line {start:?}"));
    }
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or(format!("field line {line:?}"))?;
        if name.is_empty() || !name.chars().all(is_name_char) {
            return Err(format!("field name {name:?}"));
        }
        if value.contains(control) || value.trim_matches([' ', '\t']) != value {
            return Err(format!("field value {value:?}"));
        }
        fields.entry(name.to_ascii_lowercase()).or_default().push(value.to_owned());
    }
    Ok(Head { start, fields })
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// The payload of a chunked body and its whole length in `bytes`, read line by line; `None` if it
/// is malformed, incomplete, or beyond a limit. Trailers are only checked for their form.
pub(crate) fn dechunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut payload = Vec::new();
    let mut at = 0;
    let mut extensions = 0;
    loop {
        let line = line_at(bytes, &mut at)?;
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if digits == 0 || digits > 16 {
            return None;
        }
        let (size, extension) = line.split_at(digits);
        extensions += extension.len();
        if !are_extensions(extension) || extensions > 16 * 1024 {
            return None;
        }
        let size = u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        payload.extend_from_slice(bytes.get(at..end)?);
        if bytes.get(end..end + 2)? != b"\r\n" {
            return None;
        }
        at = end + 2;
    }
    let section = at;
    let mut trailers = 0;
    loop {
        let line = line_at(bytes, &mut at)?;
        if at - section > 8 * 1024 || trailers > 32 {
            return None;
        }
        if line.is_empty() {
            return Some((payload, at));
        }
        trailers += 1;
        let colon = line.iter().position(|&b| b == b':')?;
        let name_fine = colon > 0 && line[..colon].iter().all(|&b| is_name_char(char::from(b)));
        if !name_fine || line.iter().any(|&b| b != b'\t' && (b < b' ' || b == 0x7f)) {
            return None;
        }
    }
}

/// Returns true for nothing, or a sequence of extensions, each consumed whole.
fn are_extensions(mut text: &[u8]) -> bool {
    let name = |text: &[u8]| text.iter().take_while(|b| is_name_char(char::from(**b))).count();
    while !text.is_empty() {
        let Some(rest) = unspaced(text).strip_prefix(b";") else { return false };
        let rest = unspaced(rest);
        let length = name(rest);
        if length == 0 {
            return false;
        }
        text = &rest[length..];
        let Some(value) = unspaced(text).strip_prefix(b"=") else { continue };
        let value = unspaced(value);
        let length = if value.starts_with(b"\"") { quoted(value) } else { name(value) };
        if length == 0 {
            return false;
        }
        text = &value[length..];
    }
    true
}

fn unspaced(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    &text[spaces..]
}

/// Returns the length of a quoted text with its quotes; 0 if it is not one.
fn quoted(text: &[u8]) -> usize {
    let mut at = 1;
    loop {
        match text.get(at..) {
            Some([b'"', ..]) => return at + 1,
            Some([b'\\', next, ..]) if *next == b'\t' || (*next >= b' ' && *next != 0x7f) => {
                at += 2;
            }
            Some([b'\t' | b' '..=b'[' | b']'..=b'~' | 0x80.., ..]) => at += 1,
            _ => return 0,
        }
    }
}

fn line_at<'b>(bytes: &'b [u8], at: &mut usize) -> Option<&'b [u8]> {
    let rest = bytes.get(*at..)?;
    let end = rest.iter().position(|&b| b == b'\n')?;
    *at += end + 1;
    let line = rest[..end].strip_suffix(b"\r")?;
    (!line.contains(&b'\r')).then_some(line)
}

//! The part of a request in a trace: read from `traceparent`, and written for the target.
//!
//! W3C Trace Context, level 1: <https://www.w3.org/TR/trace-context/>

use std::fmt;

use http1::Request;

/// A span of a trace that is sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(super) trace: [u8; 16],
    /// Ours.
    pub(super) span: [u8; 8],
    /// The client's; `None`: the trace begins here.
    pub(super) parent: Option<[u8; 8]>,
    /// Vendor data of a trace that continues (`tracestate`).
    pub(super) state: String,
}

/// The trace fields of a client.
#[derive(Debug, PartialEq, Eq)]
struct Parent {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

/// The length of a `traceparent` of the only version so far.
const LENGTH: usize = 55;

/// The longest `tracestate` that a span keeps: what every participant must pass on (section 3.3.1.5).
const STATE: usize = 512;

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 1;

/// Bytes as lower-case digits.
pub(super) struct Hex<'b>(pub(super) &'b [u8]);

impl TraceContext {
    /// Decides our part in the trace of a request. `None`: its client decided not to record it, and its trace
    /// fields are passed on as they are.
    pub(crate) fn of(request: &Request<'_>, mut random: impl FnMut() -> u64) -> Option<Self> {
        let parent = request.trace_parent().and_then(Parent::parse);
        if parent.as_ref().is_some_and(|parent| !parent.sampled) {
            return None;
        }
        let mut some = || random().max(1).to_be_bytes(); // all zeros is not a valid id
        let span = some();
        let trace = parent.as_ref().map_or_else(
            || {
                let mut trace = [0; 16];
                trace[..8].copy_from_slice(&some());
                trace[8..].copy_from_slice(&some());
                trace
            },
            |parent| parent.trace,
        );
        let state = if parent.is_some() { state(request) } else { String::new() };
        Some(Self { trace, span, parent: parent.map(|parent| parent.span), state })
    }

    /// Returns the value of `traceparent` for the target.
    pub(crate) fn header(&self) -> String {
        format!("00-{}-{}-{SAMPLED:02x}", Hex(&self.trace), Hex(&self.span))
    }

    /// Returns the flags of the trace, as sent to the target.
    pub(super) const FLAGS: u32 = SAMPLED as u32;

    /// Returns true if the client's trace continues.
    pub(crate) fn goes_on(&self) -> bool {
        self.parent.is_some()
    }
}

impl Parent {
    /// Section 3.2.2: lower-case digits only, and no id of all zeros. A later version may append to the format
    /// of this one.
    fn parse(value: &[u8]) -> Option<Self> {
        let (known, more) = value.split_at_checked(LENGTH)?;
        let mut parts = known.split(|byte| *byte == b'-');
        let [version] = digits(parts.next()?)?;
        let trace = digits(parts.next()?)?;
        let span = digits(parts.next()?)?;
        let [flags] = digits(parts.next()?)?;
        let whole = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.first().is_none_or(|byte| *byte == b'-'),
        };
        let valid = whole && parts.next().is_none() && trace != [0; 16] && span != [0; 8];
        valid.then_some(Self { trace, span, sampled: flags & SAMPLED != 0 })
    }
}

/// Joins the members of `tracestate` into one list, as many as fit; empty if there is a character that no
/// member may have (section 3.3.1).
fn state(request: &Request<'_>) -> String {
    let mut all = String::new();
    for value in request.trace_state() {
        let Ok(value) = std::str::from_utf8(value) else { return String::new() };
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
            return String::new();
        }
        for member in value.split(',').map(str::trim).filter(|member| !member.is_empty()) {
            let comma = usize::from(!all.is_empty());
            if all.len() + comma + member.len() > STATE {
                return all;
            }
            all.extend((comma == 1).then_some(','));
            all.push_str(member);
        }
    }
    all
}

/// Parses exactly this many bytes, each as two lower-case digits.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use http1::{FieldSlots, Limits};

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn of(fields: &str) -> Option<TraceContext> {
        let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n");
        let mut slots = FieldSlots::new();
        let request = Request::parse(head.as_bytes(), &mut slots, &Limits::default()).unwrap();
        let mut number = 0;
        TraceContext::of(&request, || {
            number += 1;
            number - 1 // zero first, which is not a valid id
        })
    }

    #[test]
    fn a_trace_continues_with_a_span_of_ours() {
        let ours = of(&format!("TraceParent: 00-{TRACE}-{SPAN}-01\r\n")).unwrap();
        assert_eq!(ours.header(), format!("00-{TRACE}-0000000000000001-01"));
        assert_eq!(ours.parent.map(|span| Hex(&span).to_string()).as_deref(), Some(SPAN));
        assert!(ours.goes_on());
        // Flags unknown to this version are not passed on; a later version is accepted.
        for value in [
            format!("00-{TRACE}-{SPAN}-ff"),
            format!("01-{TRACE}-{SPAN}-01"),
            format!("cc-{TRACE}-{SPAN}-01-what-comes-later"),
        ] {
            let ours = of(&format!("traceparent: {value}\r\n")).unwrap();
            assert_eq!(ours.header(), format!("00-{TRACE}-0000000000000001-01"), "{value}");
        }
    }

    #[test]
    fn r74_the_state_of_a_trace_that_goes_on_is_one_bounded_list() {
        let state = |fields: &str| {
            of(&format!("traceparent: 00-{TRACE}-{SPAN}-01\r\n{fields}")).unwrap().state
        };
        assert_eq!(state(""), "");
        assert_eq!(state("tracestate: a=1 , b=2,,\r\nTraceState: c=3\r\n"), "a=1,b=2,c=3");
        assert_eq!(state("tracestate: a=\u{e9}\r\n"), "");
        let long =
            format!("tracestate: a={}\r\ntracestate: b={}\r\n", "1".repeat(400), "2".repeat(200));
        assert_eq!(state(&long), format!("a={}", "1".repeat(400)));
        assert_eq!(of("tracestate: a=1\r\n").unwrap().state, "", "it belongs to no trace");
    }

    #[test]
    fn an_unsampled_trace_is_left_alone() {
        for flags in ["00", "02"] {
            assert_eq!(of(&format!("traceparent: 00-{TRACE}-{SPAN}-{flags}\r\n")), None);
        }
    }

    #[test]
    fn an_invalid_trace_begins_a_new_one() {
        let zeros = "0".repeat(32);
        let upper = TRACE.to_uppercase();
        let twice = format!("00-{TRACE}-{SPAN}-01\r\ntraceparent: 00-{TRACE}-{SPAN}-01");
        for value in [
            String::new(),
            "nonsense".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("cc-{TRACE}-{SPAN}-01more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{upper}-{SPAN}-01"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{SPAN}-{TRACE}-01"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00_{TRACE}-{SPAN}-01"),
            twice,
        ] {
            let ours = of(&format!("traceparent: {value}\r\n")).unwrap();
            assert!(!ours.goes_on(), "{value}");
            let new = "00-00000000000000010000000000000002-0000000000000001-01";
            assert_eq!(ours.header(), new, "{value}");
        }
        assert!(!of("").unwrap().goes_on());
    }
}

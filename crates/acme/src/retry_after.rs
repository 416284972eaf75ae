//! `Retry-After` in a CA's refusal: the moment before which it must not be asked again (RFC 8555
//! section 6.6, RFC 9110 section 10.2.3).

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use hyper::http::response::Parts;
use hyper::{StatusCode, header};

use super::schedule::DAY;

tokio::task_local! {
    /// The moment named by the last refusal that this task got.
    static NOT_BEFORE: Cell<Option<SystemTime>>;
}

/// The longest wait that is believed: the longest rate-limit window of CAs.
const LONGEST: Duration = DAY.saturating_mul(7);

/// Runs something that asks a CA; with it, the moment that its last refusal named.
pub(crate) async fn noted<T>(work: impl Future<Output = T>) -> (T, Option<SystemTime>) {
    NOT_BEFORE
        .scope(Cell::new(None), async {
            let done = work.await;
            (done, NOT_BEFORE.with(Cell::get))
        })
        .await
}

/// The moment that the last answer to this task named, if it was a refusal.
pub(crate) fn last() -> Option<SystemTime> {
    NOT_BEFORE.try_with(Cell::get).ok().flatten()
}

/// Notes what an answer says.
pub(crate) fn note(answer: &Parts) {
    let refused = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    let said = answer.headers.get(header::RETRY_AFTER).filter(|_| refused.contains(&answer.status));
    let now = SystemTime::now();
    let at = said.and_then(|said| moment(said.to_str().ok()?.trim(), now));
    // Outside of an order it has no use.
    let _ = NOT_BEFORE.try_with(|not_before| not_before.set(at.map(|at| at.min(now + LONGEST))));
}

/// Seconds from now, or a date.
fn moment(text: &str, now: SystemTime) -> Option<SystemTime> {
    match text.parse::<u32>() {
        Ok(seconds) => Some(now + Duration::from_secs(seconds.into())),
        Err(_) => httpdate::parse_http_date(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r56_both_forms_are_read_and_others_are_not() {
        let now = SystemTime::now();
        assert_eq!(moment("120", now), Some(now + Duration::from_secs(120)));
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(moment("Sun, 06 Nov 1994 08:49:37 GMT", now), at(784_111_777));
        assert_eq!(moment("Thu, 01 Jan 1970 00:00:00 GMT", now), at(0));
        assert_eq!(moment("Thu, 29 Feb 2024 12:00:00 GMT", now), at(1_709_208_000));
        for text in ["", "-1", "soon", "Sun, 06 Nov 1994", "Sun, 06 anF 1994 08:49:37 GMT"] {
            assert_eq!(moment(text, now), None, "{text:?}");
        }
    }

    #[tokio::test]
    async fn r56_a_refusal_names_the_moment_and_it_is_bounded() {
        let answer = |status: u16, after: &str| {
            let answer = hyper::Response::builder().status(status).header("retry-after", after);
            answer.body(()).expect("an answer").into_parts().0
        };
        let begin = SystemTime::now();
        let ((), said) = noted(async { note(&answer(429, "3600")) }).await;
        assert!(said.is_some_and(|at| at >= begin + Duration::from_secs(3600)));
        let ((), said) = noted(async { note(&answer(503, "4000000000")) }).await;
        assert!(said.is_some_and(|at| at <= SystemTime::now() + LONGEST));
        let ((), said) = noted(async { note(&answer(200, "3600")) }).await;
        assert_eq!(said, None, "that is how long to poll");
        note(&answer(429, "3600")); // outside: ignored
    }
}

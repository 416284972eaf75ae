//! The text of notifications: their endpoints, and tests of them.

use crate::wire::{NotifyEndpoint, NotifyEndpoints, NotifyTest};

use super::{TextBuilder, line};

/// Formats the endpoints, each with what waits for it and how its last tries ended.
pub fn notify_endpoints(endpoints: &NotifyEndpoints) -> String {
    let mut lines = TextBuilder::default();
    for endpoint in &endpoints.endpoints {
        about(&mut lines, endpoint);
    }
    if endpoints.endpoints.is_empty() {
        line!(lines, "Nobody is notified; write [[notify]] in the configuration");
    }
    lines.0
}

fn about(lines: &mut TextBuilder, endpoint: &NotifyEndpoint) {
    let NotifyEndpoint { name, url, format, pending, .. } = endpoint;
    line!(lines, "{name}: {url} ({format})");
    line!(lines, "  Events: {}", endpoint.events.join(", "));
    let next = endpoint.next_try.as_ref().map(|next| format!(", next attempt {next}"));
    match &endpoint.oldest {
        Some(oldest) => line!(
            lines,
            "  Waiting: {pending}, the oldest since {oldest}{}",
            next.unwrap_or_default()
        ),
        None => line!(lines, "  Waiting: none"),
    }
    match &endpoint.last_success {
        Some(last) => line!(
            lines,
            "  Last delivery: {}, answered {} in {:.0} ms",
            last.at,
            last.status,
            last.took_ms
        ),
        None => line!(lines, "  Last delivery: none since this Teal started"),
    }
    if let Some(last) = &endpoint.last_failure {
        line!(lines, "  Last failure: {}, {}", last.at, last.reason);
    }
    if let Some(problem) = trouble(endpoint) {
        line!(lines, "  Problem: {problem}");
    }
}

/// Returns the problem of an endpoint in one line; `None`: it has none.
pub(super) fn trouble(endpoint: &NotifyEndpoint) -> Option<String> {
    let NotifyEndpoint { pending, failures, expired, dropped, .. } = endpoint;
    let reason = endpoint.last_failure.as_ref().map_or("", |last| &*last.reason);
    if endpoint.disabled {
        return Some(format!(
            "it answered 410, so nothing is sent until a reload; {pending} messages wait"
        ));
    }
    if *failures > 0 {
        return Some(format!("{failures} tries have failed, {pending} messages wait: {reason}"));
    }
    if let Some(problem) = &endpoint.outbox_problem {
        return Some(problem.clone());
    }
    let lost = expired + dropped;
    (lost > 0).then(|| {
        format!(
            "{lost} messages were lost: {expired} after 24 hours, {dropped} because too many waited"
        )
    })
}

/// Formats the result of a test.
pub fn notify_test(test: &NotifyTest) -> String {
    let NotifyTest { endpoint, status, took_ms, .. } = test;
    match (&test.problem, status) {
        (None, Some(status)) => {
            format!("Delivered to {endpoint}: answered {status} in {took_ms:.0} ms\n")
        }
        (problem, _) => {
            let problem = problem.as_deref().unwrap_or("no answer");
            format!("Not delivered to {endpoint}: {problem} (after {took_ms:.0} ms)\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{NotifyFailure, NotifySuccess};

    fn endpoint() -> NotifyEndpoint {
        NotifyEndpoint {
            name: "ops".to_owned(),
            url: "https://a.test".to_owned(),
            format: "json".to_owned(),
            events: vec!["switch".to_owned(), "failover".to_owned()],
            pending: 0,
            oldest: None,
            next_try: None,
            last_success: None,
            last_failure: None,
            failures: 0,
            disabled: false,
            outbox_problem: None,
            delivered: 0,
            failed: 0,
            expired: 0,
            dropped: 0,
        }
    }

    #[test]
    fn an_endpoint_says_what_waits_and_how_its_last_tries_ended() {
        let at = |second| format!("2026-11-23T15:04:0{second}.000Z");
        let failing = NotifyEndpoint {
            pending: 2,
            oldest: Some(at(1)),
            next_try: Some(at(9)),
            last_success: Some(NotifySuccess { at: at(0), status: 204, took_ms: 12.3 }),
            last_failure: Some(NotifyFailure { at: at(2), reason: "answered 503".to_owned() }),
            failures: 3,
            ..endpoint()
        };
        let said = notify_endpoints(&NotifyEndpoints { endpoints: vec![endpoint(), failing] });
        let expected = "ops: https://a.test (json)\n  Events: switch, failover\n  Waiting: none\n  \
            Last delivery: none since this Teal started\nops: https://a.test (json)\n  \
            Events: switch, failover\n  Waiting: 2, the oldest since 2026-11-23T15:04:01.000Z, next \
            attempt 2026-11-23T15:04:09.000Z\n  Last delivery: 2026-11-23T15:04:00.000Z, answered 204 \
            in 12 ms\n  Last failure: 2026-11-23T15:04:02.000Z, answered 503\n  Problem: 3 tries have \
            failed, 2 messages wait: answered 503\n";
        assert_eq!(said, expected);
        assert!(
            notify_endpoints(&NotifyEndpoints { endpoints: Vec::new() }).contains("[[notify]]")
        );
    }

    #[test]
    fn the_most_severe_problem_of_an_endpoint_is_named() {
        assert_eq!(trouble(&endpoint()), None);
        let lost = NotifyEndpoint { expired: 1, dropped: 2, ..endpoint() };
        assert!(trouble(&lost).is_some_and(|said| said.starts_with("3 messages were lost")));
        let gone = NotifyEndpoint { disabled: true, failures: 1, ..lost };
        assert!(trouble(&gone).is_some_and(|said| said.contains("answered 410")));
    }

    #[test]
    fn a_test_says_the_status_and_the_time_or_what_failed() {
        let good = NotifyTest {
            endpoint: "ops".to_owned(),
            delivered: true,
            status: Some(204),
            took_ms: 8.6,
            problem: None,
        };
        assert_eq!(notify_test(&good), "Delivered to ops: answered 204 in 9 ms\n");
        let problem = Some("connection refused".to_owned());
        let bad = NotifyTest { delivered: false, status: None, problem, ..good };
        let said = "Not delivered to ops: connection refused (after 9 ms)\n";
        assert_eq!(notify_test(&bad), said);
    }
}

//! Plain text of followed requests: one line for each step.

use std::fmt::Write as _;

use crate::wire::{TraceEnd, TraceStep};

/// Formats a step of a request.
pub fn trace_step(step: &TraceStep) -> String {
    let mut line = String::new();
    if step.missed > 0 {
        let _never_fails =
            writeln!(line, "({} steps are missing: they were not read in time)", step.missed);
    }
    let number = format!("#{}", step.request);
    let _never_fails = writeln!(line, "{number:<5}{:>10.3} ms  {}", step.after_ms, words(step));
    line
}

/// Formats the end of the stream.
pub fn trace_end(end: &TraceEnd) -> String {
    let requests = match end.requests {
        1 => "1 request".to_owned(),
        many => format!("{many} requests"),
    };
    let why = match &*end.reason {
        "time" => "; the time is up",
        "stopping" => "; Teal is stopping",
        _ => "",
    };
    format!("{requests} followed{why}\n")
}

fn words(step: &TraceStep) -> String {
    let text = |member: &Option<String>| member.clone().unwrap_or_default();
    let reason = text(&step.reason);
    match &*step.step {
        "accepted" => accepted(step),
        "routed" => format!("for service {}", text(&step.service)),
        "waits" => format!("waiting: {reason}"),
        "goes" => "no longer waiting".to_owned(),
        "leased" => {
            let color = step.color.map(|color| color.to_string()).unwrap_or_default();
            let address = step.address.as_ref().map(|address| format!(" at {address}"));
            format!("to {color}, target {}{}", text(&step.target), address.unwrap_or_default())
        }
        "connected" => match step.connection.as_deref() {
            Some("kept") => {
                format!("on a reused connection, idle for {:.0} ms", step.idle_ms.unwrap_or(0.0))
            }
            Some("shared") => "on a connection that other requests share".to_owned(),
            Some("login") => "on the connection that its client has logged in on".to_owned(),
            _ => "on a new connection".to_owned(),
        },
        "sent" => format!("sent in full, with a body of {}", bytes(step)),
        "answers" => format!("the response begins: status {}", step.status.unwrap_or(0)),
        "failed" if step.again == Some(true) => format!("failed: {reason}; retried"),
        "failed" => format!("failed: {reason}"),
        "ended" => ended(step, &reason),
        other => other.to_owned(),
    }
}

fn accepted(step: &TraceStep) -> String {
    let mut line = match &step.method {
        Some(method) => {
            let (host, path) = (step.host.as_deref(), step.path.as_deref());
            format!("{method} {}{}", host.unwrap_or_default(), path.unwrap_or_default())
        }
        None => "a request that cannot be parsed,".to_owned(),
    };
    let parts = [
        (" from ", &step.client),
        (" at ", &step.listener),
        (", ", &step.protocol),
        (", ", &step.tls),
        (", id ", &step.request_id),
    ];
    for (before, value) in parts {
        if let Some(value) = value {
            line.push_str(before);
            line.push_str(value);
        }
    }
    line
}

fn ended(step: &TraceStep, reason: &str) -> String {
    let status = step.status.map(|status| format!("{status}, "));
    let status = status.unwrap_or_default();
    match (step.whole, reason) {
        (Some(true), "") => format!("answered: {status}{}", bytes(step)),
        (Some(true), reason) => format!("answered by Teal: {status}{}, {reason}", bytes(step)),
        _ => format!("aborted: {status}{}, {reason}", bytes(step)),
    }
}

fn bytes(step: &TraceStep) -> String {
    match step.bytes.unwrap_or(0) {
        1 => "1 byte".to_owned(),
        many => format!("{many} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Color;

    #[test]
    fn a_step_is_a_line() {
        let step = |step: &str| TraceStep {
            request: 3,
            after_ms: 12.345,
            step: step.to_owned(),
            ..TraceStep::default()
        };
        let leased = TraceStep {
            color: Some(Color::Green),
            target: Some("http://app:80".to_owned()),
            address: Some("10.0.0.7:80".to_owned()),
            ..step("leased")
        };
        assert_eq!(
            trace_step(&leased),
            "#3       12.345 ms  to green, target http://app:80 at 10.0.0.7:80\n"
        );
        let ended =
            TraceStep { status: Some(200), bytes: Some(1), whole: Some(true), ..step("ended") };
        assert_eq!(trace_step(&ended), "#3       12.345 ms  answered: 200, 1 byte\n");
        let cut = TraceStep {
            whole: Some(false),
            reason: Some("client".to_owned()),
            missed: 2,
            ..step("ended")
        };
        assert_eq!(
            trace_step(&cut),
            "(2 steps are missing: they were not read in time)\n\
             #3       12.345 ms  aborted: 0 bytes, client\n"
        );
    }
}

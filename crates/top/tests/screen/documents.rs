//! Answers of Teal to draw.

use contract::wire::{ServiceProblem, Status};
use serde_json::{Value, json};
use top::Reading;

/// A target with its newest probe.
pub(crate) fn target(url: &str, reason: Option<&str>) -> Value {
    let health = if reason.is_some() { "down" } else { "up" };
    let status = if reason.is_some() { Value::Null } else { 200.into() };
    json!({ "url": url, "health": health, "last_probe": {
        "at": "2026-11-23T15:04:05.678Z", "age_seconds": 2.0, "ok": reason.is_none(), "status": status,
        "latency_ms": 0.8, "reason": reason,
    } })
}

/// A color with one target.
pub(crate) fn color(role: &str, port: u16) -> Value {
    json!({
        "role": role, "healthy": true, "in_flight": 0, "oldest_age_seconds": null,
        "drained": role == "idle", "targets": [target(&format!("http://127.0.0.1:{port}"), None)],
    })
}

/// A service whose blue color is active.
pub(crate) fn service(name: &str) -> Value {
    let mut service = json!({
        "name": name, "active": "blue", "generation": 7, "can_roll_back": true, "failover": "off", "held": null,
        "colors": { "blue": color("active", 8081), "green": color("idle", 8082) },
    });
    service["colors"]["blue"]["version"] = "v41".into();
    service["colors"]["blue"]["in_flight"] = 12.into();
    service["colors"]["blue"]["streams"] = 3.into();
    service["colors"]["blue"]["oldest_age_seconds"] = 4.2.into();
    service["colors"]["green"]["version"] = "v42".into();
    service
}

/// The answer about these services, of this many in all; problems are found as Teal finds them.
pub(crate) fn status(services: &[Value], total: usize) -> Status {
    let status = json!({
        "teal": { "version": "0.1.0", "pid": 1, "instance": "abc", "uptime_seconds": 60.0 },
        "generation": 7, "listeners": [], "admin": "127.0.0.1:9900", "total": total, "services": services,
    });
    let mut status: Status = serde_json::from_value(status).expect("a status");
    for service in &mut status.services {
        service.problems = ServiceProblem::of(service);
    }
    status
}

/// The same without series.
pub(crate) fn reading(services: &[Value]) -> Reading {
    let total = services.len();
    Reading { status: status(services, total), series: None }
}

/// Series in which blue gets more and more requests, and green nothing.
pub(crate) fn series(name: &str) -> Value {
    let steps = 30;
    let none = vec![0; steps];
    let unknown = vec![Value::Null; steps];
    let rising: Vec<_> = (0..steps).map(|step| step * 40).collect();
    let color = |requests: &[usize], p50: Value, p99: Value| {
        json!({
            "requests": requests, "client_errors": vec![2; steps], "server_errors": none, "failed": none,
            "p50_ms": vec![p50; steps], "p99_ms": vec![p99; steps], "in_flight": none, "streams": none,
        })
    };
    let blue = color(&rising, 1.25.into(), 18.5.into());
    let mut green = color(&none, Value::Null, Value::Null);
    green["client_errors"] = json!(none);
    green["p50_ms"] = json!(unknown);
    json!({ "at": "2026-11-23T15:04:05.000Z", "end": 1_795_446_245, "step_seconds": 1, "services": [
        { "service": name, "blue": blue, "green": green, "teal": none, "aborted": none },
    ] })
}

/// The reading of one service with its series.
pub(crate) fn with_series(service: Value) -> Reading {
    let name = service["name"].as_str().expect("a name").to_owned();
    let series = serde_json::from_value(series(&name)).expect("series");
    Reading { series: Some(series), ..reading(&[service]) }
}

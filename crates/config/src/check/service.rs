//! One service: its routes, colors, probes, deadlines.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rules::{
    Color, ColorSpec, Drain, ErrorPages, Failover, Health, Hold, Policy, ProbeKind, ServiceName,
    ServiceSpec, StatusRange, Streams, TargetUrl, Timeouts, Underscores,
};

use super::targets::{left_to_a_runner, targets};
use super::{
    Context, header, path, preview, probe, rollout, same_target, size, text, time, warmup,
};
use crate::key::{At, Key, Time};
use crate::problem::ProblemList;
use crate::raw;

/// The shortest interval of probes: more frequent ones are load, not evidence.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// The services that can be checked further, each with the position of its table.
pub(super) fn services(
    key: &Key<Vec<At<raw::Service>>>,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Vec<At<ServiceSpec>> {
    let mut services: Vec<At<ServiceSpec>> = Vec::new();
    for At { value: raw, offset } in key.elements() {
        if let Some(spec) = service(raw, context, found) {
            services.push(At { value: spec, offset: *offset });
        }
    }
    services
}

/// Checks a service. One without a valid name is checked too, but returns `None`.
fn service(
    raw: &raw::Service,
    context: &Context<'_>,
    found: &mut ProblemList,
) -> Option<ServiceSpec> {
    let name = raw.name.at().and_then(|At { value, offset }| match ServiceName::new(value) {
        Ok(name) => Some(name),
        Err(message) => {
            found.at(*offset, format!("service.name: {message}"));
            None
        }
    });
    let (blue, told_blue) = targets(&raw.blue, "service.blue", context, found);
    let (green, told_green) = targets(&raw.green, "service.green", context, found);
    left_to_a_runner(raw, found);
    for At { value: target, offset } in &green {
        if let Some(message) = same_target(target, blue.iter().map(|blue| &blue.value)) {
            found.at(*offset, format!("service.green.targets: {message}"));
        }
    }
    let hosts = hosts(&raw.hosts, found);
    let mut path_prefix = "/".to_owned();
    if let Some(At { value, offset }) = raw.path_prefix.at() {
        match text::path_prefix(value) {
            Ok(prefix) => path_prefix = prefix,
            Err(message) => found.at(*offset, format!("service.path_prefix: {message}")),
        }
    }
    let health = raw.health.get();
    if let Some(raw) = health {
        speaks_grpc(raw, blue.iter().chain(&green), found);
    }
    let health = self::health(health.unwrap_or(&raw::Health::default()), &hosts, found);
    if health.host.is_none() {
        named_by_request(&[("blue", &raw.blue), ("green", &raw.green)], found);
    }
    let warm_up = raw.warmup.get().map(|raw| warmup::warm_up(raw, found));
    let rollout = raw.rollout.get().map(|raw| rollout::rollout(raw, found));
    let policy = Arc::new(policy(raw, context, found));
    let colors = [(blue, told_blue), (green, told_green)].map(|(targets, told)| ColorSpec {
        targets: targets.into_iter().map(|target| target.value).collect(),
        told,
    });
    Some(ServiceSpec {
        name: name?,
        hosts,
        path_prefix,
        initial: match raw.initial.get() {
            Some(raw::Color::Green) => Color::Green,
            Some(raw::Color::Blue) | None => Color::Blue,
        },
        colors,
        health,
        warm_up,
        rollout,
        policy,
    })
}

fn policy(raw: &raw::Service, context: &Context<'_>, found: &mut ProblemList) -> Policy {
    Policy {
        strip_prefix: raw.strip_prefix.get().is_some_and(|strip| *strip),
        underscores: match raw.underscores.get() {
            Some(raw::Underscores::Keep) => Underscores::Keep,
            Some(raw::Underscores::Drop) => Underscores::Drop,
            Some(raw::Underscores::Auto) | None => Underscores::Auto,
        },
        drop_headers: header::dropped(&raw.drop_headers, found),
        drain: drain(raw.drain.get().unwrap_or(&raw::Drain::default()), found),
        timeouts: timeouts(raw.timeouts.get().unwrap_or(&raw::Timeouts::default()), found),
        failover: match raw.failover.get() {
            Some(raw::Failover::Auto) => Failover::Auto,
            Some(raw::Failover::Off) | None => Failover::Off,
        },
        hold: hold(raw.hold.get().unwrap_or(&raw::Hold::default()), found),
        error_pages: error_pages(&raw.error_pages, context, found),
        preview: preview::preview(&raw.preview, found),
    }
}

/// The directory of pages, which are read later.
fn error_pages(key: &Key<String>, context: &Context<'_>, found: &mut ProblemList) -> ErrorPages {
    let Some(At { value, offset }) = key.at() else { return ErrorPages::default() };
    let directory = path(value, "service.error_pages", "pages", context);
    let directory = directory.map_err(|message| found.at(*offset, message));
    directory.map_or_else(|()| ErrorPages::default(), ErrorPages::of_directory)
}

fn drain(raw: &raw::Drain, found: &mut ProblemList) -> Drain {
    let default = Drain::default();
    let timeout = time(&raw.timeout, "service.drain.timeout", found);
    Drain {
        timeout: timeout.map_or(default.timeout, |(timeout, _)| timeout),
        streams: match raw.streams.get() {
            Some(raw::Streams::Close) => Streams::Close,
            Some(raw::Streams::Keep) | None => Streams::Keep,
        },
    }
}

fn hosts(key: &Key<Vec<At<String>>>, found: &mut ProblemList) -> Vec<String> {
    let (mut hosts, mut seen) = (Vec::new(), HashSet::new());
    for At { value, offset } in key.elements() {
        match text::host_pattern(value) {
            Ok(host) if !seen.insert(host.clone()) => {
                found.at(*offset, format!("service.hosts has {value:?} twice; leave one out"));
            }
            Ok(host) => hosts.push(host),
            Err(message) => found.at(*offset, format!("service.hosts: {message}")),
        }
    }
    hosts
}

fn health(raw: &raw::Health, hosts: &[String], found: &mut ProblemList) -> Health {
    let default = Health::default();
    let (kind, mut path) = match raw.kind.get() {
        Some(raw::ProbeKind::Grpc) => (ProbeKind::Grpc, "/".to_owned()),
        Some(raw::ProbeKind::Http) | None => (ProbeKind::Http, default.path),
    };
    if let Some(At { value, offset }) = raw.path.at() {
        match text::probe_path(value) {
            Ok(written) => path = written,
            Err(message) => found.at(*offset, format!("service.health.path: {message}")),
        }
    }
    let mut plain: Vec<_> = hosts.iter().filter(|host| !host.starts_with('*')).cloned().collect();
    let mut host = plain.first().cloned();
    if let Some(At { value, offset }) = raw.host.at() {
        match text::host_with_port(value) {
            Ok(written) => {
                if !plain.contains(&written) {
                    plain.push(written.clone());
                }
                host = Some(written);
            }
            Err(message) => found.at(*offset, format!("service.health.host: {message}")),
        }
    }
    let interval = frequency(&raw.interval, "service.health.interval", found);
    let fast = frequency(&raw.fast_interval, "service.health.fast_interval", found);
    let interval = interval.map_or(default.interval, |(interval, _)| interval);
    if let Some((_, offset)) = fast.filter(|(fast, _)| *fast > interval) {
        let message =
            "is longer than service.health.interval; write a shorter one, or leave it out";
        found.at(offset, format!("service.health.fast_interval {message}"));
    }
    let timeout = time(&raw.timeout, "service.health.timeout", found);
    let (identity, headers) = (probe::identity(raw, found), probe::headers(raw, found));
    Health {
        kind,
        path,
        host,
        hosts: plain,
        interval,
        timeout: timeout.map_or(default.timeout, |(timeout, _)| timeout),
        rise: raw.rise.get().copied().unwrap_or(default.rise),
        fall: raw.fall.get().copied().unwrap_or(default.fall),
        fast_interval: fast.map_or(default.fast_interval.min(interval), |(fast, _)| fast),
        expect: expect(&raw.expect, found).unwrap_or(default.expect),
        identity,
        headers,
        https: false, // set once all listeners are known
    }
}

/// Reports a color whose server name is that of the request, while probes have no host to use.
fn named_by_request(colors: &[(&str, &Key<raw::Environment>)], found: &mut ProblemList) {
    for (color, environment) in colors {
        let tls = environment.get().and_then(|environment| environment.tls.get());
        let name = tls.and_then(|tls| tls.server_name.at());
        if let Some(At { offset, .. }) = name.filter(|name| name.value == "host") {
            let message = "is \"host\", but probes have no host to use, since service.hosts has no \
                           plain name; write one in service.health.host";
            found.at(*offset, format!("service.{color}.tls.server_name {message}"));
        }
    }
}

/// Checks that gRPC probes have targets with HTTP/2.
fn speaks_grpc<'t>(
    raw: &raw::Health,
    targets: impl Iterator<Item = &'t At<TargetUrl>>,
    found: &mut ProblemList,
) {
    let Some(At { value: raw::ProbeKind::Grpc, offset }) = raw.kind.at() else { return };
    for At { value: target, .. } in targets {
        if target.tls().is_some_and(|tls| tls.only_http1) {
            let message = format!(
                "service.health.type is \"grpc\", which needs HTTP/2, and tls.http2 = false disables it for \
                 {target}; leave tls.http2 out"
            );
            found.at(*offset, message);
        } else if !target.may_speak_http2() {
            let rest = target.authority();
            let instead = match target.socket() {
                Some(_) => "the target as h2c://HOST:PORT".to_owned(),
                None => format!("{target} as h2c://{rest}"),
            };
            let message =
                format!("service.health.type is \"grpc\", which needs HTTP/2; write {instead}");
            found.at(*offset, message);
        }
    }
    if let Some(At { offset, .. }) = raw.expect.at() {
        found.at(*offset, "service.health.expect is for type = \"http\"; leave it out");
    }
    if let Some(At { offset, .. }) = raw.expect_body.at() {
        found.at(*offset, "service.health.expect_body is for type = \"http\"; leave it out");
    }
}

fn frequency(key: &Key<Time>, name: &str, found: &mut ProblemList) -> Option<(Duration, usize)> {
    time(key, name, found).filter(|(interval, offset)| {
        let fits = *interval >= INTERVAL_MIN;
        if !fits {
            let message = format!("{name} is too short; write at least \"10ms\"");
            found.at(*offset, message);
        }
        fits
    })
}

fn expect(key: &Key<Vec<At<String>>>, found: &mut ProblemList) -> Option<Vec<StatusRange>> {
    let list = key.at()?;
    if list.value.is_empty() {
        let message = "service.health.expect is empty, so no probe could pass; write [\"2xx\"]";
        found.at(list.offset, message);
    }
    let mut ranges = Vec::new();
    for At { value, offset } in &list.value {
        match StatusRange::parse(value) {
            Ok(range) if range.low < 200 => {
                let message = "a probe ends with a final status; write 200 to 599";
                found.at(*offset, format!("service.health.expect: {value:?}: {message}"));
            }
            Ok(range) => ranges.push(range),
            Err(message) => found.at(*offset, format!("service.health.expect: {message}")),
        }
    }
    Some(ranges)
}

fn timeouts(raw: &raw::Timeouts, found: &mut ProblemList) -> Timeouts {
    let default = Timeouts::default();
    let mut deadline = |key: &Key<Time>, name: &str, default: Duration| {
        let written = time(key, &format!("service.timeouts.{name}"), found);
        written.map_or(default, |(deadline, _)| deadline)
    };
    let mut timeouts = Timeouts {
        tls_hello: deadline(&raw.tls_hello, "tls_hello", default.tls_hello),
        request_head: deadline(&raw.request_head, "request_head", default.request_head),
        body_progress: deadline(&raw.body_progress, "body_progress", default.body_progress),
        body_min_bytes: default.body_min_bytes,
        write_stall: deadline(&raw.write_stall, "write_stall", default.write_stall),
        connect: deadline(&raw.connect, "connect", default.connect),
        response_head: deadline(&raw.response_head, "response_head", default.response_head),
        response_idle: deadline(&raw.response_idle, "response_idle", default.response_idle),
        idle: deadline(&raw.idle, "idle", default.idle),
        target_idle: deadline(&raw.target_idle, "target_idle", default.target_idle),
        tunnel_idle: deadline(&raw.tunnel_idle, "tunnel_idle", default.tunnel_idle),
    };
    if let Some((bytes, offset)) =
        size(&raw.body_min_bytes, "service.timeouts.body_min_bytes", found)
    {
        // Zero would be a body without a deadline (promise L10).
        if bytes == 0 {
            let message = "would let a body take forever; write at least 1";
            found.at(offset, format!("service.timeouts.body_min_bytes {message}"));
        }
        timeouts.body_min_bytes = bytes;
    }
    timeouts
}

fn hold(raw: &raw::Hold, found: &mut ProblemList) -> Hold {
    let default = Hold::default();
    let bytes = size(&raw.bytes, "service.hold.bytes", found);
    if let Some((_, offset)) = bytes.filter(|(bytes, _)| *bytes == 0) {
        found.at(offset, "service.hold.bytes would hold no request; write at least 1");
    }
    Hold {
        requests: raw.requests.get().copied().map_or(default.requests, u64::from),
        bytes: bytes.map_or(default.bytes, |(bytes, _)| bytes),
        release_per_second: raw
            .release_per_second
            .get()
            .copied()
            .unwrap_or(default.release_per_second),
    }
}

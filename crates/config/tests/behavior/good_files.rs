//! The meaning of a valid file: every default, every key, every way of writing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::spoiled::{FILE, TLS, parse};
use config::{Config, Environment, Flags};
use rules::{
    Bake, Color, Drain, Expected, Failover, Health, Hold, JudgeSettings, Limits, OnFail, Role,
    RolloutSettings, ServiceName, ServiceSpec, StatusRange, Streams, TargetUrl, Timeouts, WarmUp,
};
use serde_json::Value;

fn good(text: &str) -> Config {
    parse(text).expect(text)
}

fn target(text: &str) -> TargetUrl {
    TargetUrl::parse(text).expect("a target")
}

#[test]
fn a_file_with_one_service_has_every_default_of_the_contract() {
    let text = "[[service]]\nname = \"web\"\nblue.targets = [\"http://127.0.0.1:8081\"]\n\
                green.targets = [\"http://127.0.0.1:8082\"]\n";
    let config = good(text);
    assert_eq!(config.state_dir, Path::new("/home/ops/.local/state/teal"));
    assert_eq!(config.workers, std::thread::available_parallelism().map_or(1, usize::from));
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:9900");
    assert!(config.admin.tokens.is_empty() && config.admin.hosts.is_empty());
    assert_eq!(config.admin.socket_group, None);
    assert_eq!(config.limits.head_bytes, 32_768);
    assert_eq!(config.limits.fields, 100);
    assert_eq!(config.limits.uri_bytes, 8192);
    assert_eq!(config.limits.body_bytes, None);
    assert_eq!(config.limits.connections, 10_000);
    assert_eq!(config.listeners.len(), 1);
    assert_eq!(config.listeners[0].address.to_string(), "127.0.0.1:8080");
    assert_eq!(config.source.as_deref(), Some(Path::new("/etc/teal/teal.toml")));
    let web = ServiceName::new("web").expect("a name");
    let (blue, green) = (target("http://127.0.0.1:8081"), target("http://127.0.0.1:8082"));
    assert_eq!(config.services, [ServiceSpec::new(web, vec![blue], vec![green])]);
    let spec = &config.services[0];
    assert_eq!((spec.path_prefix.as_str(), spec.initial), ("/", Color::Blue));
    assert_eq!(
        (spec.policy.failover, spec.policy.drain.timeout),
        (Failover::Off, Duration::from_secs(30))
    );
    let health = Health {
        kind: rules::ProbeKind::Http,
        path: "/health".to_owned(),
        host: None,
        hosts: Vec::new(),
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        rise: 2,
        fall: 2,
        fast_interval: Duration::from_millis(500),
        expect: vec![StatusRange { low: 200, high: 299 }],
        identity: Expected::default(),
        headers: Vec::new(),
        https: false,
    };
    assert_eq!(spec.health, health);
    let hold = Hold { requests: 10_000, bytes: 32 << 20, release_per_second: 1000 };
    assert_eq!(spec.policy.hold, hold);
}

#[test]
fn flags_alone_mean_the_same_as_the_smallest_file() {
    let environment = Environment { home: Some("/home/ops".into()), ..Environment::default() };
    let mut from_flags = config::from_flags(&Flags::default(), &environment).expect("good");
    from_flags.source = Some("/etc/teal/teal.toml".into());
    let text = "[[service]]\nname = \"web\"\nblue.targets = [\"http://127.0.0.1:8081\"]\n\
                green.targets = [\"http://127.0.0.1:8082\"]\n";
    assert_eq!(from_flags, good(text));
}

/// The rollouts of the example.
fn rollout() -> RolloutSettings {
    RolloutSettings {
        bake: Bake { duration: Duration::from_secs(420), on_fail: OnFail::Notify },
        judge: JudgeSettings { tolerance: 1500, floor: 2500, min_bad: 6, min_clients: 4 },
    }
}

#[test]
fn the_example_of_the_contract_is_understood_whole() {
    let config = good(include_str!("contract.toml"));
    assert_eq!(config.state_dir, Path::new("/var/lib/teal"));
    assert_eq!(config.workers, 2);
    assert_eq!(config.admin.tokens.len(), 1);
    let token = &config.admin.tokens[0];
    assert_eq!((token.name.as_str(), token.role), ("ci", Role::Operator));
    assert_eq!(token.sha256[..3], [0x9f, 0x86, 0xd0]);
    assert_eq!(config.admin.hosts, ["teal.internal"]);
    assert_eq!(config.admin.socket_group.as_deref(), Some("deploy"));
    let limits = Limits {
        head_bytes: 16_384,
        fields: 64,
        uri_bytes: 4096,
        body_bytes: Some(64 << 20),
        connections: 5000,
    };
    assert_eq!(config.limits, limits);
    let spec = &config.services[0];
    assert_eq!(spec.hosts, ["*.example.com", "example.com"]);
    assert_eq!(spec.path_prefix, "/shop");
    assert_eq!(spec.initial, Color::Green);
    assert_eq!(
        spec.color(Color::Blue).targets,
        [target("http://127.0.0.1:8081"), target("http://app:80")]
    );
    let health = Health {
        kind: rules::ProbeKind::Http,
        path: "/up?full=1".to_owned(),
        host: Some("example.com".to_owned()),
        hosts: vec!["example.com".to_owned()],
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(3),
        rise: 3,
        fall: 4,
        fast_interval: Duration::from_millis(100),
        expect: vec![StatusRange { low: 204, high: 204 }, StatusRange { low: 300, high: 399 }],
        identity: Expected::default(),
        headers: Vec::new(),
        https: false,
    };
    assert_eq!(spec.health, health);
    let warm_up = WarmUp {
        paths: vec!["/shop/".to_owned(), "/shop/login?x=1".to_owned()],
        requests: 7,
        connections: 3,
        timeout: Duration::from_secs(4),
        required: true,
    };
    assert_eq!((&spec.warm_up, spec.rollout), (&Some(warm_up), Some(rollout())));
    assert_eq!(
        spec.policy.drain,
        Drain { timeout: Duration::from_secs(90), streams: Streams::Close }
    );
    let seconds = Duration::from_secs;
    let timeouts = Timeouts {
        tls_hello: seconds(1),
        request_head: seconds(2),
        body_progress: seconds(3),
        body_min_bytes: 4,
        write_stall: seconds(5),
        connect: seconds(6),
        response_head: seconds(7),
        response_idle: seconds(8),
        idle: seconds(9),
        target_idle: seconds(10),
        tunnel_idle: seconds(11),
    };
    assert_eq!(spec.policy.timeouts, timeouts);
    assert_eq!(spec.policy.failover, Failover::Auto);
    assert_eq!(spec.policy.hold, Hold { requests: 12, bytes: 13, release_per_second: 14 });
}

#[test]
fn the_host_of_a_probe_is_the_first_plain_host_unless_it_is_written() {
    let host = |lines: &str| good(&format!("{FILE}{lines}")).services[0].health.host.clone();
    assert_eq!(host(""), None);
    assert_eq!(host("hosts = [\"*.b.c\"]"), None);
    assert_eq!(host("hosts = [\"*.b.c\", \"B.c\", \"d.e\"]").as_deref(), Some("b.c"));
    assert_eq!(host("hosts = [\"b.c\"]\nhealth.host = \"x.y:81\"").as_deref(), Some("x.y:81"));
    assert_eq!(host("health.host = \"[::1]:81\"").as_deref(), Some("[::1]:81"));
}

#[test]
fn a_short_interval_shortens_the_fast_interval_that_is_not_written() {
    let config = good(&format!("{FILE}health.interval = \"200ms\""));
    assert_eq!(config.services[0].health.fast_interval, Duration::from_millis(200));
}

#[test]
fn the_state_directory_is_written_or_where_the_environment_says() {
    let environment = |state: Option<&str>, xdg: Option<&str>, home: Option<&str>| Environment {
        state_directory: state.map(PathBuf::from),
        xdg_state_home: xdg.map(PathBuf::from),
        home: home.map(PathBuf::from),
        ..Environment::default()
    };
    let all = (Some("/var/lib/teal:/var/lib/x"), Some("/xdg"), Some("/home/ops"));
    for ((state, xdg, home), expected) in [
        (all, Some("/var/lib/teal")),
        ((None, all.1, all.2), Some("/xdg/teal")),
        ((Some(""), Some("relative"), all.2), Some("/home/ops/.local/state/teal")),
        ((None, None, None), None),
    ] {
        let state_dir = environment(state, xdg, home).state_dir();
        assert_eq!(state_dir.as_deref(), expected.map(Path::new));
    }
    let written = |line: &str, path: &str| {
        let text = format!("{line}\n{FILE}");
        config::parse(&text, Path::new(path), &environment(all.0, all.1, all.2))
            .map(|c| c.state_dir)
    };
    assert_eq!(written("state_dir = \"/s\"", "/etc/t.toml"), Ok("/s".into()));
    assert_eq!(written("state_dir = \"s\"", "/etc/t.toml"), Ok("/etc/s".into()));
    let here = std::env::current_dir().expect("a working directory");
    assert_eq!(written("state_dir = \"s\"", "t.toml"), Ok(here.join("s")));
    let nowhere = config::parse(FILE, Path::new("t.toml"), &Environment::default());
    assert_eq!(
        nowhere.expect_err("no place").to_string(),
        "t.toml: there is no state directory: STATE_DIRECTORY, XDG_STATE_HOME and HOME are not \
         set; write state_dir = \"/var/lib/teal\"\n1 problem"
    );
}

#[test]
fn the_example_file_is_good() {
    let config = good(include_str!("../../../../examples/teal.toml"));
    assert_eq!(config.services[0].name.as_str(), "web");
    assert_eq!(config.listeners[0].address.to_string(), "0.0.0.0:8080");
}

#[test]
fn a_file_may_begin_with_a_byte_order_mark_and_end_lines_as_on_windows() {
    let text = format!("\u{feff}{}", FILE.replace('\n', "\r\n"));
    assert_eq!(parse(&text), parse(FILE));
}

/// Every leaf of the schema with its path, lists of tables written as `[[name]]`; those of `[[notify]]` are in `notify`.
fn leaves(path: &str, schema: &Value, into: &mut Vec<(String, Value)>) {
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let inner = schema.get("items").unwrap_or(schema);
        if path == "notify" {
            continue;
        }
        if inner.get("properties").is_some() {
            leaves(&path, inner, into);
        } else {
            into.push((path, schema.clone()));
        }
    }
}

/// A deploy table with all its tables.
const DEPLOY: &str = "deploy = { runner = \"systemd\", unit = \"a@{color}\", \
                      smoke = [{ path = \"/\" }], outside = [{ url = \"http://a.org/\" }] }\n";

/// Returns true for a key of a table whose presence means something.
fn is_of_table(key: &str) -> bool {
    ["warmup.", "preview.", "rollout."].iter().any(|table| key.starts_with(table))
}

#[test]
fn every_default_that_the_schema_states_is_what_an_absent_key_means() {
    let mut all = Vec::new();
    leaves("", &config::schema(), &mut all);
    let stated = all.iter().filter_map(|(path, schema)| Some((path, schema.get("default")?)));
    let mut checked = 0;
    for (path, default) in stated {
        let text = match path.split_once('.') {
            Some(("listener", key @ ("tls" | "redirect_https"))) => {
                FILE.replacen("[[service]]", &format!("{key} = {default}\n[[service]]"), 1)
            }
            Some(("listener", key)) => {
                let text = format!("{TLS}{FILE}");
                let written = text.replacen(
                    "[[certificate]]",
                    &format!("{key} = {default}\n[[certificate]]"),
                    1,
                );
                assert_eq!(good(&written), good(&text), "{path} = {default}");
                checked += 1;
                continue;
            }
            Some(("service", key)) if key.starts_with("blue.") || key.starts_with("green.") => {
                let (color, key) = key.split_once('.').expect("a key of a color");
                let text = FILE.replace("http://", "https://");
                let (open, more) = (format!("{color} = {{ "), format!("{key} = {default}, "));
                let written = text.replacen(&open, &format!("{open}{more}"), 1);
                assert_eq!(good(&written), good(&text), "{path} = {default}");
                checked += 1;
                continue;
            }
            Some(("service", key)) if key.starts_with("deploy.") => {
                let text = format!("{FILE}{DEPLOY}");
                let (table, key) = key.rsplit_once('.').expect("a key of a table");
                let first = match table {
                    "deploy.smoke" => "path = ",
                    "deploy.outside" => "url = ",
                    _ => "runner = ",
                };
                let written = text.replacen(first, &format!("{key} = {default}, {first}"), 1);
                assert_eq!(good(&written), good(&text), "{path} = {default}");
                checked += 1;
                continue;
            }
            Some(("service", key)) if is_of_table(key) => {
                let table = key.split('.').next().unwrap_or_default();
                let text = format!("{FILE}{table} = {{}}\n");
                assert_eq!(good(&format!("{FILE}{key} = {default}\n")), good(&text), "{path}");
                checked += 1;
                continue;
            }
            Some(("service", key)) => format!("{FILE}{key} = {default}\n"),
            Some(("acme", key)) => {
                let named = FILE.replacen("[[service]]", "[[service]]\nhosts = [\"a.org\"]", 1);
                let text = format!("{TLS}{named}[acme]\n").replace("client_auth", "# client_auth");
                assert_eq!(good(&format!("{text}{key} = {default}\n")), good(&text), "{path}");
                checked += 1;
                continue;
            }
            Some(("access_log", key)) => {
                let text = format!("{FILE}[access_log]\npath = \"-\"\n");
                assert_eq!(good(&format!("{text}{key} = {default}\n")), good(&text), "{path}");
                checked += 1;
                continue;
            }
            Some((table, key)) => format!("{FILE}[{table}]\n{key} = {default}\n"),
            None => format!("{path} = {default}\n{FILE}"),
        };
        assert_eq!(good(&text), good(FILE), "{path} = {default}");
        checked += 1;
    }
    assert!(checked >= 30, "only {checked} keys state a default");
}

#[test]
fn every_key_of_the_schema_is_documented_and_says_its_default_or_is_required() {
    let mut all = Vec::new();
    leaves("", &config::schema(), &mut all);
    for (path, schema) in &all {
        let has = |word: &str| schema.get(word).is_some();
        assert!(has("description"), "{path} has no description");
        assert!(has("default") || has("x-default") || has("examples"), "{path} states no default");
        let integer = schema["type"] == "integer";
        assert!(!integer || (has("minimum") && has("maximum")), "{path} has no bounds");
    }
    assert!(all.len() >= 40, "only {} keys", all.len());
}

#[test]
fn statuses_are_written_as_they_are_read() {
    for text in ["204", "2xx", "3xx", "200-299", "200-204", "100-599"] {
        let written = StatusRange::parse(text).unwrap().to_string();
        let short = if text == "200-299" { "2xx" } else { text };
        assert_eq!(written, short);
    }
}

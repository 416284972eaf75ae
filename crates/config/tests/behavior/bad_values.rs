//! Invalid values, key by key, each with the exact message about it.

use crate::spoiled::{FILE, problems, service_line};

#[test]
fn hosts_that_no_request_could_have_are_refused() {
    for (line, expected) in [
        (
            "hosts = [\"example.com:80\"]",
            "5:10: service.hosts: \"example.com:80\" is not a host name: write it without the port, which is ignored",
        ),
        (
            "hosts = [\"http://x\"]",
            "5:10: service.hosts: \"http://x\" is not a host name: write the name alone, without a scheme or path",
        ),
        (
            "hosts = [\"*\"]",
            "5:10: service.hosts: \"*\" is not a host pattern; for any host leave hosts out",
        ),
        (
            "hosts = [\"*.*.x\"]",
            "5:10: service.hosts: \"*.*.x\" is not a host pattern: a wildcard stands for one label; write \"*.example.com\"",
        ),
        (
            "hosts = [\"a.*.x\"]",
            "5:10: service.hosts: \"a.*.x\" is not a host name: a wildcard is one label in front, such as \"*.example.com\"",
        ),
        (
            "hosts = [\"bücher.de\"]",
            "5:10: service.hosts: \"bücher.de\" is not a host name: write an international name in its ASCII form (xn--…)",
        ),
        (
            "hosts = [\"x.de.\"]",
            "5:10: service.hosts: \"x.de.\" is not a host name: write it without the dot at the end",
        ),
        (
            "hosts = [\"::1\"]",
            "5:10: service.hosts: \"::1\" is not a host name: an IPv6 address needs brackets; write \"[::1]\"",
        ),
        (
            "hosts = [\"\"]",
            "5:10: service.hosts: \"\" is not a host name: write labels of 1 to 63 letters, digits and '-', with dots between them, such as \"example.com\"",
        ),
        ("hosts = [\"X.de\", \"x.DE\"]", "5:18: service.hosts has \"x.DE\" twice; leave one out"),
        ("hosts = [5]", "5:10: service.hosts is a whole number but must be text in quotes"),
    ] {
        assert_eq!(service_line(line), [expected], "{line}");
    }
}

#[test]
fn path_prefixes_that_no_path_could_have_are_refused() {
    for (line, expected) in [
        (
            "path_prefix = \"api\"",
            "5:15: service.path_prefix: \"api\" is not a path prefix: it must begin with '/'; write \"/api\"",
        ),
        (
            "path_prefix = \"/api/\"",
            "5:15: service.path_prefix: \"/api/\" is not a path prefix: it ends at a segment boundary anyway; write \"/api\"",
        ),
        (
            "path_prefix = \"//\"",
            "5:15: service.path_prefix: \"//\" is not a path prefix: it ends at a segment boundary anyway; write \"/\"",
        ),
        (
            "path_prefix = \"/a//b\"",
            "5:15: service.path_prefix: \"/a//b\" is not a path prefix: it has an empty segment; write single slashes",
        ),
        (
            "path_prefix = \"/a?b\"",
            "5:15: service.path_prefix: \"/a?b\" is not a path prefix: write a path alone, without '?', '#' or '*'",
        ),
        (
            "path_prefix = \"/a/%2E%2e/b\"",
            "5:15: service.path_prefix: \"/a/%2E%2e/b\" is not a path prefix: a segment of dots never reaches a service; leave it out",
        ),
        (
            "path_prefix = \"/ä\"",
            "5:15: service.path_prefix: \"/ä\" is not a path prefix: write anything but visible ASCII characters as %XX",
        ),
        (
            "path_prefix = \"/a%2\"",
            "5:15: service.path_prefix: \"/a%2\" is not a path prefix: write anything but visible ASCII characters as %XX",
        ),
    ] {
        assert_eq!(service_line(line), [expected], "{line}");
    }
}

#[test]
fn settings_of_a_service_that_mean_nothing_are_refused() {
    for (line, expected) in [
        ("initial = \"red\"", "5:11: service.initial is \"red\"; write \"blue\" or \"green\""),
        ("failover = true", "5:12: service.failover is true; write \"off\" or \"auto\""),
        (
            "hold = { requests = 99999999999999999999 }",
            "5:21: service.hold.requests is 99999999999999999999; write a number from 1 to 10000000",
        ),
        (
            "hold = { bytes = \"32M\" }",
            "5:18: service.hold.bytes: \"32M\" is not a size: use a whole number of bytes, or one with the unit B, kB, KiB, MB, MiB, GB, GiB or TiB, such as \"32MiB\"",
        ),
        (
            "hold = { bytes = \"0\" }",
            "5:18: service.hold.bytes would hold no request; write at least 1",
        ),
        (
            "drain = { timeout = \"0s\" }",
            "5:21: service.drain.timeout: \"0s\" is zero; write at least \"1ms\"",
        ),
        (
            "timeouts = { idle = \"1d\" }",
            "5:21: service.timeouts.idle: \"1d\" is not a duration: use whole numbers with h, m, s or ms, larger units first, such as \"500ms\", \"5s\" or \"1m30s\"",
        ),
    ] {
        assert_eq!(service_line(line), [expected], "{line}");
    }
}

#[test]
fn probes_that_could_never_prove_anything_are_refused() {
    for (line, expected) in [
        (
            "health.path = \"health\"",
            "5:15: service.health.path: \"health\" is not a path to probe: it must begin with '/', such as \"/health\"",
        ),
        (
            "health.path = \"/a b\"",
            "5:15: service.health.path: \"/a b\" is not a path to probe: write '#' and anything but visible ASCII characters as %XX",
        ),
        (
            "health.host = \"a/b\"",
            "5:15: service.health.host: \"a/b\" is not a host name: write the name alone, without a scheme or path",
        ),
        ("health.rise = 0", "5:15: service.health.rise is 0; write a number from 1 to 100"),
        ("health.fall = 0", "5:15: service.health.fall is 0; write a number from 1 to 100"),
        (
            "health.fall = 2.5",
            "5:15: service.health.fall is a decimal number but must be a whole number; write fall = 2",
        ),
        (
            "health.interval = \"1ms\"",
            "5:19: service.health.interval is too short; write at least \"10ms\"",
        ),
        (
            "health.fast_interval = \"6s\"",
            "5:24: service.health.fast_interval is longer than service.health.interval; write a shorter one, or leave it out",
        ),
        (
            "health.expect = []",
            "5:17: service.health.expect is empty, so no probe could pass; write [\"2xx\"]",
        ),
        (
            "health.expect = [\"ok\"]",
            "5:18: service.health.expect: \"ok\" is not a status: write \"2xx\", \"204\" or \"200-299\" (100 to 599)",
        ),
        (
            "health.expect = [\"1xx\"]",
            "5:18: service.health.expect: \"1xx\": a probe ends with a final status; write 200 to 599",
        ),
    ] {
        assert_eq!(service_line(line), [expected], "{line}");
    }
}

#[test]
fn a_rollout_is_watched_for_a_bounded_time_by_a_judge_that_can_decide() {
    for (line, expected) in [
        ("rollout.bake = \"25h\"", "5:16: service.rollout.bake is too long; write at most \"24h\""),
        (
            "rollout.judge.floor = \"0.5\"",
            "5:23: service.rollout.judge.floor is \"0.5\"; write a percentage from \"0.01%\" to \"50%\"",
        ),
        (
            "rollout.judge.floor = \"80%\"",
            "5:23: service.rollout.judge.floor is \"80%\"; write a percentage from \"0.01%\" to \"50%\"",
        ),
        (
            "rollout.judge.tolerance = 0.5",
            "5:27: service.rollout.judge.tolerance is 0.5; write a number from 1.0 to 100.0",
        ),
    ] {
        assert_eq!(service_line(line), [expected], "{line}");
    }
}

#[test]
fn a_warm_up_has_paths_to_request_and_an_end() {
    for (line, expected) in [
        (
            "warmup.paths = []",
            "5:16: service.warmup.paths is empty; write at least one, such as [\"/\"]",
        ),
        (
            "warmup.paths = [\"login\"]",
            "5:17: service.warmup.paths: \"login\" is not a path to probe: it must begin with '/', such as \"/health\"",
        ),
        (
            "warmup.requests = 0",
            "5:19: service.warmup.requests is 0; write a number from 1 to 100000",
        ),
        (
            "warmup.connections = 65",
            "5:22: service.warmup.connections is 65; write a number from 1 to 64",
        ),
        (
            "warmup.timeout = \"6m\"",
            "5:18: service.warmup.timeout is too long; write at most \"5m\"",
        ),
    ] {
        assert_eq!(service_line(line), [expected], "{line}");
    }
}

// L10
#[test]
fn no_key_takes_a_deadline_away() {
    let said = service_line("timeouts.body_min_bytes = 0");
    assert_eq!(said, ["5:27: service.timeouts.body_min_bytes is 0; write at least 1"]);
    let said = service_line("timeouts.body_min_bytes = \"0\"");
    let message =
        "5:27: service.timeouts.body_min_bytes would let a body take forever; write at least 1";
    assert_eq!(said, [message]);
    for key in ["request_head", "body_progress", "write_stall", "connect", "response_head"] {
        for value in ["\"0s\"", "\"721h\"", "\"none\"", "0", "false"] {
            let said = service_line(&format!("timeouts.{key} = {value}"));
            assert_eq!(said.len(), 1, "{key} = {value}: {said:?}");
        }
    }
}

#[test]
fn limits_stay_within_what_the_engine_can_hold() {
    for (line, expected) in [
        ("fields = 300", "8:10: limits.fields is 300; write a number from 1 to 256"),
        ("head_bytes = 10", "8:14: limits.head_bytes is 10; write a number from 1024 to 1048576"),
        (
            "head_bytes = \"2MiB\"",
            "8:14: limits.head_bytes is 2097152; write a size from 1024 to 1048576",
        ),
        (
            "uri_bytes = 32769",
            "8:13: limits.uri_bytes is 32769, more than the whole head may have; write at most limits.head_bytes (32768)",
        ),
        ("body_bytes = -1", "8:14: limits.body_bytes is -1; write at least 0"),
        ("connections = 0", "8:15: limits.connections is 0; write a number from 1 to 10000000"),
    ] {
        assert_eq!(problems(&format!("{FILE}[limits]\n{line}\n")), [expected], "{line}");
    }
}

// A4
#[test]
fn nothing_of_a_token_is_ever_repeated() {
    let hash = "a".repeat(64);
    let text = format!(
        "{FILE}[admin]\ntokens = [\n{{ name = \"ci\", role = \"viewer\", sha256 = \"hunter2\" }},\n\
         {{ name = \"a\", role = \"viewer\", sha256 = \"{hash}\" }},\n\
         {{ name = \"b\", role = \"viewer\", sha256 = \"{hash}\" }},\n\
         {{ name = \"b\", role = \"viewer\", sha256 = 5, token = \"hunter2\" }},\n]\n"
    );
    let said = problems(&text);
    assert_eq!(
        said,
        [
            "9:42: admin.tokens.sha256: it has 7 characters, not 64 hexadecimal digits; write the SHA-256 that `teal token new` prints, never the token itself",
            "11:41: admin.tokens.sha256: the tokens of \"a\" and \"b\" are the same; make one for each",
            "12:10: admin.tokens has the name \"b\" twice; receipts could not tell them apart",
            "12:41: admin.tokens.sha256 is a whole number but must be text in quotes; write sha256 = \"<64 hexadecimal digits from teal token new>\"",
            "12:44: unknown key \"token\" in admin.tokens; known keys are name, role, sha256",
        ]
    );
    assert!(said.iter().all(|problem| !problem.contains("hunter2") && !problem.contains(&hash)));
}

#[test]
fn r37_a_value_of_another_type_is_reported_with_its_probable_meaning() {
    for (line, expected) in [
        ("failover = true", "service.failover is true; write \"off\" or \"auto\""),
        ("failover = 1", "service.failover is 1; write \"off\" or \"auto\""),
        ("failover = \"Auto\"", "service.failover is \"Auto\"; write \"auto\""),
        ("initial = \"GREEN\"", "service.initial is \"GREEN\"; write \"green\""),
        (
            "drain = \"30s\"",
            "service.drain is text but must be a table; write drain = { timeout = \"30s\" }",
        ),
        (
            "health = \"/up\"",
            "service.health is text but must be a table; write health = { path = \"/up\" }",
        ),
        (
            "hosts = \"a.test\"",
            "service.hosts is text but must be a list; write hosts = [\"a.test\"]",
        ),
        (
            "health = { rise = \"3\" }",
            "service.health.rise is text but must be a whole number; write rise = 3",
        ),
        (
            "health = { timeout = 3 }",
            "service.health.timeout is a whole number but must be a duration; write timeout = \"3s\"",
        ),
        (
            "strip_prefix = \"true\"",
            "service.strip_prefix is text but must be true or false; write strip_prefix = true",
        ),
        (
            "strip_prefix = 1",
            "service.strip_prefix is a whole number but must be true or false; write strip_prefix \
             = true or strip_prefix = false",
        ),
        (
            "hold = { bytes = true }",
            "service.hold.bytes is true or false but must be a size; write bytes = \"32MiB\"",
        ),
        ("health = { rise = 1000 }", "service.health.rise is 1000; write a number from 1 to 100"),
        ("health = { rise = -1 }", "service.health.rise is -1; write a number from 1 to 100"),
    ] {
        let said = service_line(line);
        assert_eq!(said.len(), 1, "{line}: {said:?}");
        assert!(said[0].ends_with(expected), "{line}: {said:?}");
    }
}

#[test]
fn r37_targets_and_paths_in_place_of_their_table_are_answered_with_the_table() {
    let file = |rest: &str| format!("state_dir = \"s\"\n{rest}");
    let service = "[[service]]\nname = \"web\"\ngreen = { targets = [\"http://127.0.0.1:2\"] }\n";
    for (text, expected) in [
        (
            format!("{service}blue = \"http://127.0.0.1:9\""),
            "write blue = { targets = [\"http://127.0.0.1:9\"] }",
        ),
        (
            format!("{service}blue = [\"http://a:9\", \"http://b:9\"]"),
            "write blue = { targets = [\"http://a:9\", \"http://b:9\"] }",
        ),
        (
            format!("{service}blue = {{ targets = \"http://127.0.0.1:9\" }}"),
            "write targets = [\"http://127.0.0.1:9\"]",
        ),
        ("access_log = \"a.log\"".to_owned(), "write access_log = { path = \"a.log\" }"),
        (
            "listener = \"0.0.0.0:80\"".to_owned(),
            "write [[listener]] with address = \"0.0.0.0:80\"",
        ),
        ("workers = \"2\"".to_owned(), "write workers = 2"),
    ] {
        let said = problems(&file(&text));
        assert!(said.iter().any(|said| said.ends_with(expected)), "{text}: {said:?}");
    }
    let said = problems(&file("[admin]\ntokens = \"the-secret\""));
    assert!(!said.iter().any(|said| said.contains("the-secret")), "{said:?}");
}

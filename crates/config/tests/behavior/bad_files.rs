//! Problems of a file as a whole: each names the place, the fault, and the correction.

use crate::spoiled::{FILE, parse, problems, service_line};

#[test]
fn all_problems_of_a_file_are_reported_at_once_with_their_positions() {
    let said = parse(
        r#"state-dir = "x"
workers = 0
[admin]
listen = "0.0.0.0:9900"
tokens = [{ name = "a b", role = "admin", sha256 = "secret-token" }, { name = "x" }]
[[listener]]
address = "localhost:8080"
[[service]]
name = "Web"
blue = "http://10.0.0.1"
health = { intervall = "5s", interval = 5, rise = 0 }
"#,
    )
    .expect_err("spoiled")
    .to_string()
    .replace("/etc/teal/", "");
    let expected = r#"teal.toml:1:1: unknown key "state-dir" in the file; did you mean "state_dir"?
teal.toml:2:11: workers is 0; write a number from 1 to 1024
teal.toml:4:10: admin.listen: "0.0.0.0:9900" is not a loopback address, and beyond loopback the admin API needs TLS; write admin.tls with cert and key, or "127.0.0.1:9900" and reach it over SSH
teal.toml:5:20: admin.tokens.name: "a b" is not a token name; use 1 to 63 of A-Z a-z 0-9 . _ -
teal.toml:5:34: admin.tokens.role is "admin"; write "viewer" or "deployer" or "operator"
teal.toml:5:52: admin.tokens.sha256: it has 12 characters, not 64 hexadecimal digits; write the SHA-256 that `teal token new` prints, never the token itself
teal.toml:5:70: admin.tokens needs "role"; write role = "operator"
teal.toml:5:70: admin.tokens needs "sha256"; write sha256 = "<64 hexadecimal digits from teal token new>"
teal.toml:7:11: listener.address: "localhost:8080" is not an IP address with a port; write it as "127.0.0.1:8080"
teal.toml:8:1: service needs "green"; write green = { targets = ["http://127.0.0.1:8082"] }
teal.toml:9:8: service.name: service name "Web" must be 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit
teal.toml:10:8: service.blue is text but must be a table; write blue = { targets = ["http://10.0.0.1"] }
teal.toml:11:12: unknown key "intervall" in service.health; did you mean "interval"?
teal.toml:11:41: service.health.interval is a whole number but must be a duration; write interval = "5s"
teal.toml:11:51: service.health.rise is 0; write a number from 1 to 100
15 problems"#;
    assert_eq!(said, expected);
}

#[test]
fn broken_syntax_is_reported_alone_with_every_place() {
    for (text, expected) in [
        (
            "interval = 5s\nfoo\n",
            &[
                "1:12: text, durations and sizes need quotes; write \"5s\", not 5s",
                "2:4: this is not TOML: key with no value, expected `=`",
            ][..],
        ),
        ("workers = 1\nworkers = 2\n", &["2:1: this is defined twice; leave one of the two out"]),
        ("[admin]\n[admin]\n", &["2:2: this is defined twice; leave one of the two out"]),
    ] {
        assert_eq!(problems(text), expected, "{text}");
    }
}

#[test]
fn a_file_without_a_service_is_refused() {
    assert_eq!(problems(""), ["1:1: the file needs \"service\"; write [[service]]"]);
    assert_eq!(
        problems("service = []"),
        ["1:11: service is empty; write at least one [[service]]"]
    );
    assert_eq!(
        problems("[service]\nname = \"web\""),
        ["1:1: service is a list of tables; write [[service]] in double brackets"]
    );
}

#[test]
fn an_unknown_key_gets_the_nearest_known_one_or_the_table_it_belongs_in() {
    for (line, expected) in [
        (
            "pathprefix = \"/\"",
            "5:1: unknown key \"pathprefix\" in service; did you mean \"path_prefix\"?",
        ),
        (
            "timeouts = { conect = \"2s\" }",
            "5:14: unknown key \"conect\" in service.timeouts; did you mean \"connect\"?",
        ),
        ("rise = 2", "5:1: unknown key \"rise\" in service; it belongs in service.health"),
        (
            "drain = { nonsense = 1 }",
            "5:11: unknown key \"nonsense\" in service.drain; known keys are streams, timeout",
        ),
    ] {
        assert_eq!(service_line(line), [expected], "{line}");
    }
}

#[test]
fn invalid_addresses_are_reported_with_a_valid_one() {
    for endpoint in ["127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces", "h2c://x:1", ""] {
        let said = service_line(&format!("[otel]\nendpoint = \"{endpoint}\""));
        let expected = format!(
            "6:12: otel.endpoint is {endpoint:?}, not the address of a collector; write it without \
             a path, such as \"http://127.0.0.1:4318\""
        );
        assert_eq!(said, [expected]);
    }
    for (written, said) in [
        ("unix:run/app.sock", "a socket has an absolute path"),
        ("unix:", "a socket has an absolute path"),
        ("unix:/run/", "a socket has an absolute path"),
    ] {
        assert_eq!(
            problems(&FILE.replace("http://10.0.0.2:82", written)),
            [format!("6:22: service.green.targets: {written:?}: {said}, write it as unix:/PATH")]
        );
    }
    let long = format!("unix:/{}", "x".repeat(107));
    let said = problems(&FILE.replace("http://10.0.0.2:82", &long));
    assert!(said.len() == 1 && said[0].contains("has at most 107 bytes"), "{said:?}");
    let grpc = format!("{FILE}health = {{ type = \"grpc\", expect = [\"2xx\"] }}\n");
    let plain = problems(&grpc);
    assert_eq!(plain.len(), 3, "{plain:?}");
    assert!(plain[2].ends_with("service.health.expect is for type = \"http\"; leave it out"));
    assert!(plain[0].ends_with(
        "service.health.type is \"grpc\", which needs HTTP/2; write http://10.0.0.1:81 as \
         h2c://10.0.0.1:81"
    ));
}

#[test]
fn targets_that_would_make_a_switch_useless_are_refused() {
    let both = FILE.replace("10.0.0.2:82", "10.0.0.1:81");
    let said = "6:22: service.green.targets: http://10.0.0.1:81 is also a target of blue; a switch \
                would change nothing, and stopping one color would stop both: give each color its \
                own address";
    assert_eq!(problems(&both), [said]);
    let twice = FILE.replace("\"http://10.0.0.1:81\"", "\"http://x\", \"http://X:80/\"");
    assert_eq!(
        problems(&twice),
        ["5:33: service.blue.targets has http://x:80 twice; leave one out"]
    );
    let none = FILE.replace("\"http://10.0.0.1:81\"", "");
    assert_eq!(
        problems(&none),
        ["5:20: service.blue.targets is empty; write at least one http://HOST:PORT"]
    );
    for own in ["127.0.0.1:8080", "localhost:8080"] {
        let circle = FILE.replace("10.0.0.1:81", own);
        let said = format!(
            "5:21: service.blue.targets: http://{own} is Teal's own listener, so requests would loop; write \
             the address of the application"
        );
        assert_eq!(problems(&circle), [said]);
    }
}

#[test]
fn two_services_on_one_route_or_name_are_refused() {
    let second = |rest: &str| {
        format!(
            "{FILE}[[service]]\nblue.targets = [\"http://x\"]\ngreen.targets = [\"http://y\"]\n{rest}"
        )
    };
    let said = problems(&second("name = \"api\""));
    let route = "7:1: services \"web\" and \"api\" have the same route (any host, path prefix /); \
                 give one of them other hosts or another path_prefix";
    assert_eq!(said, [route]);
    let said = problems(&second("name = \"web\"\nhosts = [\"x\"]"));
    assert_eq!(said, ["10:8: service.name: there are two services named \"web\"; rename one"]);
    assert!(problems(&second("name = \"api\"\npath_prefix = \"/api\"")).is_empty());
    assert!(problems(&second("name = \"api\"\nhosts = [\"x\"]")).is_empty());
}

#[test]
fn addresses_that_can_not_be_bound_together_are_refused() {
    let listener =
        |address: &str| problems(&format!("{FILE}[[listener]]\naddress = {address:?}\n"));
    assert_eq!(
        listener("127.0.0.1:8080"),
        [
            "8:11: listener.address: 127.0.0.1:8080 is taken by the listener 0.0.0.0:8080; leave one out"
        ]
    );
    assert_eq!(
        listener("0.0.0.0:9900"),
        [
            "8:11: listener.address: 0.0.0.0:9900 is taken by admin.listen (127.0.0.1:9900); write another port"
        ]
    );
    assert_eq!(
        listener(":81"),
        [
            "8:11: listener.address: \":81\" is not an IP address with a port; write it as \"0.0.0.0:81\""
        ]
    );
    assert!(listener("0.0.0.0:0").is_empty());
    assert!(listener("0.0.0.0:8443").is_empty());
}

#[test]
fn a_file_that_can_not_be_read_is_explained() {
    let directory = tempfile::tempdir().expect("a directory");
    let environment = config::Environment::default();
    let said = |path: &std::path::Path| {
        let problems = config::load(path, &environment).expect_err("no configuration");
        problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        said(&directory.path().join("none.toml")),
        ["does not exist; check the path given to --config, or run `teal run` without it"]
    );
    assert_eq!(said(directory.path()), ["is a directory; name the file in it"]);
    let path = directory.path().join("binary.toml");
    std::fs::write(&path, b"name = \"\xff\"").expect("written");
    assert_eq!(said(&path), ["is not UTF-8 from byte 8 on; save it as UTF-8"]);
    std::fs::write(&path, vec![b'#'; 5 << 20]).expect("written");
    assert_eq!(said(&path), ["is larger than 4 MiB; is it a configuration?"]);
}

#[test]
fn r35_a_path_other_than_a_file_is_refused_without_waiting_for_it() {
    let environment = config::Environment::default();
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let socket = directory.path().join("socket");
    let _listening = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    for (path, expected) in [
        (pipe.as_path(), "is a named pipe, not a file; copy the configuration to a file"),
        (&socket, "is a socket, not a file; copy the configuration to a file"),
        ("/dev/zero".as_ref(), "is a device, not a file; copy the configuration to a file"),
    ] {
        let problems = config::load(path, &environment).expect_err("no configuration");
        let said: Vec<_> = problems.iter().map(|problem| &problem.message).collect();
        assert_eq!(said, [expected], "{}", path.display());
    }
}

#[test]
fn r35_the_time_for_many_problems_grows_with_their_number_alone() {
    let file = |services: usize| {
        let service =
            "[[service]]\nname = \"S\"\nblue = { targets = [\"ftp://x\"] }\nfailver = 1\n";
        let hosts: Vec<String> = (0..services).map(|host| format!("\"h{host}.test\"")).collect();
        let hosts = format!("hosts = [{}]\n", hosts.join(", "));
        let groups = "[[group]]\nname = \"g\"\nservices = [\"none\"]\n".repeat(services);
        format!("{}{hosts}{groups}", service.repeat(services))
    };
    let took = |services: usize| {
        let text = file(services);
        let once = || {
            let begun = std::time::Instant::now();
            let found = config::parse(&text, "t.toml".as_ref(), &config::Environment::default());
            assert!(found.expect_err("many problems").len() > 3 * services);
            begun.elapsed()
        };
        (0..3).map(|_| once()).min().expect("three times")
    };
    let (few, many) = (took(500), took(2000));
    assert!(many < few * 8, "{few:?} for 500, {many:?} for four times as many");
}

#[test]
fn r35_a_hundred_problems_are_printed_and_the_rest_are_counted() {
    let text = "unknown = 1\n[[service]]\nname = \"S\"\n".to_owned()
        + &"[[service]]\nname = \"S\"\n".repeat(200);
    let found = config::parse(&text, "t.toml".as_ref(), &config::Environment::default());
    let problems = found.expect_err("many problems");
    let shown = problems.to_string();
    assert_eq!(shown.lines().count(), 102, "{shown}");
    let left =
        format!("and {} more; fix these first\n{} problems", problems.len() - 100, problems.len());
    assert!(shown.ends_with(&left), "{shown}");
}

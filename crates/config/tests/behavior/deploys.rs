//! Deploys of a service: their meaning, and the messages about faulty ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::spoiled::{FILE, parse, problems, service_line};
use config::{Container, Deploy, Keep, Pull, Runner, Smoke};
use rules::Color;

fn deploy(line: &str) -> Deploy {
    let mut deploys = parse(&format!("{FILE}{line}\n")).expect("good").deploys;
    assert_eq!(deploys.len(), 1);
    deploys.remove(0)
}

#[test]
fn a_deploy_needs_only_its_runner() {
    assert_eq!(parse(FILE).expect("good").deploys, []);
    let deploy = deploy("deploy = { runner = \"systemd\", unit = \"app@{color}.service\" }");
    assert_eq!(deploy.service.as_str(), "web");
    assert_eq!(deploy.directory, Path::new("/etc/teal"));
    let unit = "app@{color}.service".to_owned();
    assert_eq!(deploy.runner, Runner::Systemd { unit, user: false, env_file: None });
    assert_eq!((deploy.port(Color::Blue), deploy.port(Color::Green)), (Some(81), Some(82)));
    assert_eq!((deploy.keep, deploy.stop_timeout), (Keep::UntilNext, Duration::from_secs(30)));
    assert!(deploy.smoke.is_empty() && deploy.outside.is_empty() && deploy.freeze.is_empty());
    assert!(deploy.before.is_empty() && deploy.after.is_empty());
}

#[test]
fn every_key_of_a_deploy_is_understood() {
    let deploy = deploy(
        "[service.deploy]\nrunner = \"command\"\ncommand = [\"./app-{version}\", \"{port}\"]\n\
         env = { LOG = \"info\" }\ncwd = \"app\"\nlog = \"/var/log/{color}.log\"\n\
         port = { green = 9000 }\nkeep = \"1h\"\nstop_timeout = \"5s\"\n\
         smoke = [{ path = \"/login?a=b\", expect = [\"200\", \"3xx\"], contains = \"Sign in\", \
         within = \"2s\" }, { exec = [\"./smoke.sh\", \"x\"] }]\n\
         outside = [{ url = \"https://Example.com:8443/health\", within = \"3s\", ca = \"ca.pem\" }]\n\
         before = [[\"./migrate\", \"up\"], [\"true\"]]\nafter = [[\"./announce\"]]\n\
         freeze = [\"Fri 16:00 - Mon 07:00 Europe/Berlin\"]\n",
    );
    let Runner::Command { command, env, cwd, log } = &deploy.runner else { panic!("{deploy:?}") };
    assert_eq!(*command, ["./app-{version}", "{port}"]);
    assert_eq!(env.get("LOG").map(String::as_str), Some("info"));
    assert_eq!(
        (&**cwd, log.as_deref()),
        (Path::new("/etc/teal/app"), Some(Path::new("/var/log/{color}.log")))
    );
    assert_eq!((deploy.port(Color::Blue), deploy.port(Color::Green)), (Some(81), Some(9000)));
    assert_eq!(deploy.keep, Keep::For(Duration::from_secs(3600)));
    let [Smoke::Path { path, expect, within }, Smoke::Exec { command, .. }] = &deploy.smoke[..]
    else {
        panic!("{:?}", deploy.smoke)
    };
    assert_eq!((path.as_str(), *within), ("/login?a=b", Duration::from_secs(2)));
    assert!(expect.status(200) && expect.status(302) && !expect.status(201));
    assert_eq!(*command, ["./smoke.sh", "x"]);
    let [outside] = &deploy.outside[..] else { panic!("{:?}", deploy.outside) };
    assert_eq!((outside.host.as_str(), outside.path.as_str()), ("example.com:8443", "/health"));
    assert_eq!(outside.server.to_string(), "https://example.com:8443");
    assert_eq!(outside.ca, Some(PathBuf::from("/etc/teal/ca.pem")));
    assert!(outside.expect.status(204) && !outside.expect.status(302));
    assert_eq!(deploy.before, [vec!["./migrate", "up"], vec!["true"]]);
    assert_eq!(deploy.after, [["./announce"]]);
    assert_eq!(deploy.freeze[0].to_string(), "Fri 16:00 - Mon 07:00 Europe/Berlin");
    assert_eq!(deploy.program("./migrate"), Path::new("/etc/teal/./migrate"));
    assert_eq!(deploy.program("true"), Path::new("true"));
}

#[test]
fn hooks_are_files_beside_the_configuration() {
    let deploy = deploy(
        "deploy = { runner = \"hooks\", start = \"start.sh\", stop = \"/opt/stop\", \
         status = \"status.sh\", keep = \"no\" }",
    );
    let [start, stop, status] =
        ["/etc/teal/start.sh", "/opt/stop", "/etc/teal/status.sh"].map(PathBuf::from);
    assert_eq!(deploy.runner, Runner::Hooks { start, stop, status, logs: None });
    assert_eq!(deploy.keep, Keep::No);
}

#[test]
fn a_container_needs_only_its_image() {
    let deploy = deploy("deploy = { runner = \"docker\", image = \"app:{version}\" }");
    let expected = Container {
        image: "app:{version}".to_owned(),
        name: "{service}-{color}".to_owned(),
        network: None,
        port: None,
        env_file: None,
        env: BTreeMap::new(),
        mounts: Vec::new(),
        labels: BTreeMap::new(),
        pull: Pull::Missing,
        command: Vec::new(),
    };
    assert_eq!(deploy.runner, Runner::Docker(Box::new(expected)));
    // Its targets are not on loopback, so Docker cannot pass on their ports.
    assert_eq!((deploy.port(Color::Blue), deploy.port(Color::Green)), (None, None));
}

#[test]
fn every_key_of_a_container_is_understood() {
    let deploy = deploy(
        "[service.deploy]\nrunner = \"docker\"\nimage = \"reg.example:5000/a/app:{version}\"\n\
         container = \"app.{color}\"\nnetwork = \"app_net\"\ncontainer_port = 3000\n\
         env_file = \"secrets.env\"\nenv = { LOG = \"{color}\" }\n\
         mounts = [\"/srv/{service}:/data:ro\", \"cache:/cache\"]\nlabels = { \"a.b\" = \"{version}\" }\n\
         pull = \"always\"\ncommand = [\"serve\", \"--port={port}\"]\nport = { green = 9000 }\n",
    );
    let map = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let expected = Container {
        image: "reg.example:5000/a/app:{version}".to_owned(),
        name: "app.{color}".to_owned(),
        network: Some("app_net".to_owned()),
        port: Some(3000),
        env_file: Some(PathBuf::from("/etc/teal/secrets.env")),
        env: map("LOG", "{color}"),
        mounts: ["/srv/{service}:/data:ro", "cache:/cache"].map(str::to_owned).to_vec(),
        labels: map("a.b", "{version}"),
        pull: Pull::Always,
        command: ["serve", "--port={port}"].map(str::to_owned).to_vec(),
    };
    assert_eq!(deploy.runner, Runner::Docker(Box::new(expected)));
    assert_eq!((deploy.port(Color::Blue), deploy.port(Color::Green)), (None, Some(9000)));
}

#[test]
fn a_port_on_loopback_is_that_of_the_target() {
    for (host, port) in [("127.0.0.1", Some(81)), ("localhost", Some(81)), ("web-blue", None)] {
        let text = FILE.replace("10.0.0.1", host);
        let line = "deploy = { runner = \"docker\", image = \"app\" }\n";
        let deploys = parse(&format!("{text}{line}")).expect("good").deploys;
        assert_eq!(deploys[0].port(Color::Blue), port, "{host}");
    }
}

#[test]
fn a_faulty_container_is_refused_with_what_to_write() {
    for (keys, words) in [
        ("pull = \"never\"", "needs \"image\" with runner = \"docker\"; write image = \"registry"),
        ("image = \"my app\"", "\"my app\", which is not the name of an image; write one such as"),
        ("image = \"app:{versoin}\"", "service.deploy.image has {versoin} in \"app:{versoin}\""),
        ("image = \"a\", pull = \"allways\"", "write \"always\" or \"missing\" or \"never\""),
        ("image = \"a\", container = \"app\"", "\"app\" for both colors; write {color} in it"),
        ("image = \"a\", container = \"/{color}\"", "which is not the name of a container"),
        ("image = \"a\", network = \"container:db\"", "which is not the name of a network"),
        ("image = \"a\", container_port = 0", "service.deploy.container_port is 0"),
        ("image = \"a\", container_port = 65536", "service.deploy.container_port"),
        ("image = \"a\", mounts = [\"/data\"]", "\"/data\" is not a mount; write SRC:DST"),
        ("image = \"a\", mounts = [\"./a:/b\"]", "\"./a:/b\" is not a mount"),
        ("image = \"a\", mounts = [\"/a:/b:z\"]", "\"/a:/b:z\" is not a mount"),
        ("image = \"a\", mounts = [\"/{colour}:/b\"]", "service.deploy.mounts has {colour}"),
        ("image = \"a\", labels = { \"teal.color\" = \"red\" }", "\"teal.color\" is set by Teal"),
        ("image = \"a\", env = { TEAL_PORT = \"1\" }", "TEAL_PORT is set by Teal"),
        ("image = \"a\", env_file = \"\"", "service.deploy.env_file is not a path"),
        ("image = \"a\", command = []", "service.deploy.command has an empty command"),
        ("image = \"a\", unit = \"a\"", "service.deploy.unit is for runner = \"systemd\", and"),
        ("image = \"a\", volumes = [\"a\"]", "unknown key \"volumes\" in service.deploy"),
    ] {
        let said = service_line(&format!("deploy = {{ runner = \"docker\", {keys} }}"));
        assert!(said.len() == 1 && said[0].contains(words), "{keys}: {said:?}");
    }
}

#[test]
fn a_faulty_deploy_is_refused_with_what_to_write() {
    for (line, words) in [
        ("deploy = {}", "service.deploy needs \"runner\"; write runner = \"systemd\""),
        (
            "deploy = { runner = \"podman\" }",
            "service.deploy.runner is \"podman\"; write \"hooks\" or \"systemd\" or \"docker\" or \"command\"",
        ),
        (
            "deploy = { runner = \"hooks\", stop = \"a\", status = \"b\" }",
            "service.deploy needs \"start\" with runner = \"hooks\"; write start = \"deploy/start.sh\"",
        ),
        (
            "deploy = { runner = \"systemd\", unit = \"app.service\" }",
            "\"app.service\" for both colors; write {color} in it, such as \"app@{color}.service\"",
        ),
        (
            "deploy = { runner = \"systemd\", unit = \"a@{color}\", comand = [\"a\"] }",
            "unknown key \"comand\" in service.deploy; did you mean \"command\"?",
        ),
        (
            "deploy = { runner = \"systemd\", unit = \"a@{color}\", command = [\"a\"] }",
            "service.deploy.command is for runner = \"docker\" or \"command\", and the runner is \"systemd\"; leave it out",
        ),
        ("deploy = { runner = \"command\", command = [] }", "has an empty command; write"),
        (
            "deploy = { runner = \"command\", command = [\"app-{versoin}\", \"${home}\"] }",
            "has {versoin} in \"app-{versoin}\"; the placeholders are {service} {color} {version} {port}",
        ),
        (
            "deploy = { runner = \"command\", command = [\"a\"], env = { TEAL_PORT = \"1\" } }",
            "TEAL_PORT is set by Teal",
        ),
        (
            "deploy = { runner = \"command\", command = [\"a\"], log = \"app.log\" }",
            "service.deploy.log is \"app.log\" for both colors; write {color} in it",
        ),
        (
            "deploy = { runner = \"command\", command = [\"a\"], port = { blue = 82 } }",
            "service.deploy.port is 82 for both colors",
        ),
        (
            "deploy = { runner = \"command\", command = [\"a\"], keep = \"forever\" }",
            "\"forever\" is not a duration",
        ),
    ] {
        let said = service_line(line);
        assert!(said.len() == 1 && said[0].contains(words), "{line}: {said:?}");
    }
}

#[test]
fn a_faulty_check_of_a_deploy_is_refused_with_what_to_write() {
    for (line, words) in [
        (
            "deploy = { runner = \"command\", command = [\"a\"], smoke = [{}] }",
            "service.deploy.smoke checks nothing; write { path = \"/login\" }",
        ),
        (
            "deploy = { runner = \"command\", command = [\"a\"], smoke = [{ path = \"/\", exec = [\"a\"] }] }",
            "service.deploy.smoke has path and exec",
        ),
        (
            "deploy = { runner = \"command\", command = [\"a\"], smoke = [{ exec = [\"a\"], contains = \"b\" }] }",
            "service.deploy.smoke.contains is for path; leave it out",
        ),
        (
            "deploy = { runner = \"command\", command = [\"a\"], outside = [{ url = \"example.com\" }] }",
            "\"example.com\" is not a URL; write one such as \"https://example.com/health\"",
        ),
        (
            "deploy = { runner = \"command\", command = [\"a\"], before = [[]] }",
            "service.deploy.before has an empty command",
        ),
        (
            "deploy = { runner = \"command\", command = [\"a\"], freeze = [\"weekends\"] }",
            "service.deploy.freeze: \"weekends\" is not a weekly window",
        ),
    ] {
        let said = service_line(line);
        assert!(said.len() == 1 && said[0].contains(words), "{line}: {said:?}");
    }
}

#[test]
fn every_problem_of_a_deploy_is_reported_at_once() {
    let said = service_line(
        "deploy = { runner = \"hooks\", stop = \"a\", unit = \"b\", keep = \"x\", \
         smoke = [{ path = \"login\" }], freeze = [\"x\"], stop_timeout = \"1\" }",
    );
    assert_eq!(said.len(), 7, "{said:?}");
}

/// A service whose targets a runner tells, with these keys of its deploys.
fn told(deploy: &str) -> String {
    format!(
        "[[listener]]\naddress = \"0.0.0.0:8080\"\n[[service]]\nname = \"web\"\n\
         blue = {{ targets = \"runner\", proxy_protocol = \"v1\" }}\n\
         green = {{ targets = \"runner\", tls = {{ http2 = false }} }}\n{deploy}\n"
    )
}

#[test]
fn targets_can_be_left_to_a_runner_with_all_other_keys_of_a_color() {
    let config =
        parse(&told("deploy = { runner = \"command\", command = [\"a\"], port = \"auto\" }"));
    let config = config.expect("good");
    let [blue, green] = &config.services[0].colors;
    assert!(blue.targets.is_empty() && green.targets.is_empty());
    let settings = blue.told.as_ref().expect("a runner tells them");
    assert_eq!((settings.announce, &settings.tls), (Some(rules::ProxyHeader::V1), &None));
    assert!(green.tls().expect("it has settings").only_http1);
    let deploy = &config.deploys[0];
    assert!(deploy.auto_port);
    assert_eq!((deploy.port(Color::Blue), deploy.port(Color::Green)), (None, None));
    for deploy in [
        "deploy = { runner = \"command\", command = [\"a\"], port = { blue = 81, green = 82 } }",
        "deploy = { runner = \"systemd\", unit = \"a@{color}\", env_file = \"/{color}\", port = \"auto\" }",
        "deploy = { runner = \"docker\", image = \"a\", container_port = 3000 }",
        "deploy = { runner = \"docker\", image = \"a\", port = \"auto\" }",
        "deploy = { runner = \"hooks\", start = \"a\", stop = \"b\", status = \"c\" }",
    ] {
        assert_eq!(problems(&told(deploy)), [""; 0], "{deploy}");
    }
}

#[test]
fn targets_that_nobody_would_tell_are_refused_with_their_position() {
    let auto = "deploy = { runner = \"command\", command = [\"a\"], port = \"auto\" }";
    for (text, expected) in [
        (
            told(""),
            "5:20: service.blue.targets is \"runner\", and the service has no runner; write [service.deploy]",
        ),
        (
            told(auto)
                .replace("blue = { targets = \"runner\"", "blue = { targets = [\"http://a\"]"),
            "6:21: service.green.targets is \"runner\", and those of blue are listed; leave both to the runner",
        ),
        (
            told(auto)
                .replace("blue = { targets = \"runner\"", "blue = { targets = [\"http://a\"]"),
            "7:56: service.deploy.port is \"auto\", so nobody knows the targets before a start; write targets = \"runner\"",
        ),
        (
            told(auto).replace("\"auto\"", "\"any\""),
            "7:56: service.deploy.port is \"any\"; write \"auto\"",
        ),
        (
            told(auto).replace("\"auto\"", "8081"),
            "7:56: service.deploy.port is a whole number but must be a table, or \"auto\"",
        ),
        (
            told("deploy = { runner = \"command\", command = [\"a\"] }"),
            "7:10: service.deploy has no port to tell Teal for targets = \"runner\"; write port = \"auto\"",
        ),
        (
            told("deploy = { runner = \"docker\", image = \"a\" }"),
            "7:10: service.deploy has no port to tell Teal for targets = \"runner\"; write container_port",
        ),
        (
            told("deploy = { runner = \"systemd\", unit = \"a@{color}\", port = \"auto\" }"),
            "the unit learns its port only from env_file",
        ),
        (
            told(auto).replace("\"runner\", proxy", "\"runer\", proxy"),
            "5:20: service.blue.targets is text but must be a list, or \"runner\"; write targets = [\"runer\"]",
        ),
        (
            told(auto).replace("\"runner\", proxy", "8081, proxy"),
            "5:20: service.blue.targets is a whole number but must be a list of text, or \"runner\"",
        ),
    ] {
        let said = problems(&text);
        assert!(said.iter().any(|problem| problem.contains(expected)), "{expected}: {said:#?}");
    }
}

#[test]
fn the_old_environment_is_kept_for_as_long_as_traffic_may_go_back_by_itself() {
    let file = |keep: &str, rollout: &str| {
        format!(
            "{FILE}rollout = {rollout}\ndeploy = {{ runner = \"systemd\", unit = \"app@{{color}}.service\", keep = \
             \"{keep}\" }}\n"
        )
    };
    for (keep, rollout) in [
        ("until-next", "{}"),
        ("10m", "{}"),
        ("no", "{ on_fail = \"notify\" }"),
        ("5m", "{ bake = \"4m\" }"),
    ] {
        assert!(parse(&file(keep, rollout)).is_ok(), "{keep} {rollout}");
    }
    for (keep, rollout, seconds) in
        [("no", "{}", 600), ("9m", "{}", 600), ("1m", "{ bake = \"2m\" }", 120)]
    {
        let found = problems(&file(keep, rollout));
        let told = format!("write \"until-next\" or at least \"{seconds}s\"");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("service.deploy.keep is shorter than service.rollout.bake"));
        assert!(found[0].ends_with(&told), "{found:?}");
    }
}

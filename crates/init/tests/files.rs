//! The files of every kind of answers: what `teal check`, a shell, systemd and a reader of YAML say of them.

#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::process::Command;

use config::Environment;
use init::{File, Given, Place, RunnerKind, TlsKind, ask, files, next_steps, write};

const RUNNERS: [RunnerKind; 5] = [
    RunnerKind::Hooks,
    RunnerKind::Systemd,
    RunnerKind::Docker,
    RunnerKind::Compose,
    RunnerKind::Command,
];

fn place(directory: &Path) -> Place {
    Place { directory: directory.to_owned(), environment: Environment::default() }
}

fn made(given: &Given, place: &Place) -> Vec<File> {
    let answers = ask(given, None, true, RunnerKind::Command, place).expect("answers");
    assert!(!next_steps(&answers, place).is_empty());
    files(&answers, place)
}

fn text<'f>(files: &'f [File], path: &str) -> &'f str {
    let file = files.iter().find(|file| file.path == path);
    &file.expect(path).text
}

/// Runs a program to its end; returns true with its output if it succeeded.
fn ran(program: &str, arguments: &[&str], directory: &Path) -> (bool, String) {
    let mut command = Command::new(program);
    let output = command.args(arguments).current_dir(directory).output().expect(program);
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn every_answer_makes_a_configuration_with_a_reason_on_each_line() {
    let place = place(Path::new("/srv/shop"));
    for runner in RUNNERS {
        for tls in [TlsKind::None, TlsKind::Files, TlsKind::Acme] {
            let given = Given {
                service: Some("shop".to_owned()),
                hosts: Some(vec!["shop.example.com".to_owned()]),
                tls: Some(tls),
                runner: Some(runner),
                ..Given::default()
            };
            let files = made(&given, &place);
            let config = text(&files, "teal.toml");
            config::parse(config, &place.config(), &place.environment)
                .unwrap_or_else(|problems| panic!("{runner:?}, {tls:?}: {problems}\n{config}"));
            for line in config.lines().filter(|line| line.contains(" = ")) {
                assert!(line.contains("  # ") || line.contains(" # "), "no reason: {line}");
            }
            assert!(config.lines().count() <= 45, "{config}");
            assert!(text(&files, "deploy.sh").contains("teal deploy shop --version"), "{files:?}");
        }
    }
}

#[test]
fn the_configuration_of_the_shipped_unit_has_its_state_directory() {
    let files = made(&Given::default(), &place(Path::new("/etc/teal")));
    assert!(text(&files, "teal.toml").contains("state_dir = \"/var/lib/teal\""));
}

#[test]
fn scripts_are_good_for_a_shell_and_can_be_started() {
    for runner in RUNNERS {
        let directory = tempfile::tempdir().expect("a directory");
        let given = Given { runner: Some(runner), ..Given::default() };
        let files = made(&given, &place(directory.path()));
        let _written = write(directory.path(), &files).expect("written");
        for file in files.iter().filter(|file| file.executable) {
            let (good, said) = ran("sh", &["-n", &file.path], directory.path());
            assert!(good, "{}: {said}", file.path);
        }
        let (good, said) = ran("./deploy.sh", &[], directory.path());
        assert!(!good && said.contains("write: deploy.sh VERSION"), "{said}");
    }
}

#[test]
fn hooks_start_stop_and_describe_a_program() {
    let directory = tempfile::tempdir().expect("a directory");
    let given = Given {
        runner: Some(RunnerKind::Hooks),
        command: Some("sh -c 'echo $0; exec sleep 60' {color}-{port}".to_owned()),
        ..Given::default()
    };
    let _written =
        write(directory.path(), &made(&given, &place(directory.path()))).expect("written");
    let hook = |name: &str| {
        let mut command = Command::new(directory.path().join("hooks").join(name));
        command.env("TEAL_COLOR", "green").env("TEAL_PORT", "8082");
        let output = command.output().expect("a hook");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(hook("status").0, Some(3));
    assert_eq!(hook("start").0, Some(0));
    assert_eq!(hook("status").0, Some(0));
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while hook("logs").1 != "green-8082\n" {
        assert!(std::time::Instant::now() < limit, "the program has not said anything");
    }
    assert_eq!(hook("stop").0, Some(0));
    assert_eq!(hook("status").0, Some(3));
    assert_eq!(hook("stop").0, Some(0), "it is stopped already");
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let directory = tempfile::tempdir().expect("a directory");
    let given = Given {
        service: Some("shop".to_owned()),
        runner: Some(RunnerKind::Systemd),
        command: Some("/bin/sleep {port} '100% of $5'".to_owned()),
        ..Given::default()
    };
    let files = made(&given, &place(directory.path()));
    let _written = write(directory.path(), &files).expect("written");
    let (good, said) = ran("systemd-analyze", &["verify", "./shop@.service"], directory.path());
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("shop@")).collect();
    assert!(good && ours.is_empty(), "{said}");
    assert!(text(&files, "teal.toml").contains("unit = \"shop@{color}.service\""));
}

#[test]
fn the_compose_file_is_yaml_with_a_port_on_loopback_for_each_color() {
    let directory = tempfile::tempdir().expect("a directory");
    let given = Given {
        service: Some("shop".to_owned()),
        blue: Some("9001".to_owned()),
        green: Some("9002".to_owned()),
        runner: Some(RunnerKind::Compose),
        image: Some("registry.example.com/shop:{version}".to_owned()),
        ..Given::default()
    };
    let _written =
        write(directory.path(), &made(&given, &place(directory.path()))).expect("written");
    let script = "import yaml\n\
        services = yaml.safe_load(open('compose.yaml'))['services']\n\
        assert list(services) == ['shop-blue', 'shop-green'], services\n\
        for color, port in [('blue', 9001), ('green', 9002)]:\n\
        \x20   service = services['shop-' + color]\n\
        \x20   assert service['ports'] == [f'127.0.0.1:{port}:8080'], service\n\
        \x20   assert service['image'] == 'registry.example.com/shop:${VERSION:-latest}', service\n";
    let (good, said) = ran("python3", &["-c", script], directory.path());
    assert!(good, "{said}");
    // What the hooks ask of Docker Compose, which a script in its place writes down.
    fs::create_dir(directory.path().join("bin")).expect("a directory");
    let docker = "#!/bin/sh\necho \"$VERSION: $*\" >>calls\ncase $2 in ps) echo 4f2a ;; esac\n";
    fs::write(directory.path().join("bin/docker"), docker).expect("written");
    let (good, _) = ran("chmod", &["+x", "bin/docker"], directory.path());
    assert!(good);
    let calls = "export PATH=$PWD/bin:$PATH TEAL_COLOR=green TEAL_VERSION=v2\n\
                 unset VERSION; hooks/start && hooks/status && hooks/logs && hooks/stop && cat calls";
    let (good, said) = ran("sh", &["-c", calls], directory.path());
    assert!(good, "{said}");
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "v2: compose up --detach --no-deps shop-green",
            ": compose ps --filter status=running --quiet shop-green",
            ": compose logs --no-color --no-log-prefix --tail 20 shop-green",
            ": compose rm --stop --force shop-green",
        ]
    );
    let none = "export PATH=$PWD/bin:$PATH TEAL_COLOR=green\n\
                printf '#!/bin/sh\\n' >bin/docker; hooks/status";
    let (good, _) = ran("sh", &["-c", none], directory.path());
    assert!(!good, "no container runs");
}

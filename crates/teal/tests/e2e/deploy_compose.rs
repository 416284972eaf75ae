//! The example for Docker Compose as it stands, by a real Docker Engine and a real Compose: Teal and both colors in
//! containers, and deploys from the host.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::{CliResult, Client, Load, LoadOptions, wait_until};

use crate::TEAL;
use crate::docker::{Docker, is_inside};
use crate::teal_in_docker;
use crate::upgrade::LEFT;

const LISTENER: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

/// The application of the tests in the place of that of the example.
fn application(color: &str) -> String {
    let program = std::env::current_exe().expect("a process has a program").display().to_string();
    let version = format!("${{{}_VERSION:-v1}}", color.to_uppercase());
    format!(
        "  web-{color}:\n    volumes: [\"{program}:/app:ro\"]\n    stop_grace_period: 1s\n    \
         command: [/app, \"deploying::application\", --exact, --ignored, --nocapture]\n    \
         environment: {{ APPLICATION_HOST: 0.0.0.0, COLOR: {color}, VERSION: \"{version}\" }}\n"
    )
}

/// Makes a program `docker` that has the command `compose`, which Debian's has not, for a directory that is first in `PATH`.
pub(crate) fn docker_with_compose(programs: &Path) {
    let script = "#!/bin/sh\n[ \"$1\" = compose ] && shift && exec docker-compose \"$@\"\n\
                  PATH=${PATH#*:}\nexec docker \"$@\"\n";
    let shim = programs.join("docker");
    fs::write(&shim, script).expect("a file");
    fs::set_permissions(shim, fs::Permissions::from_mode(0o755)).expect("changed");
}

/// A copy of the example.
struct Example {
    directory: PathBuf,
    host: String,
}

impl Example {
    fn copy(docker: &Docker, directory: &Path) -> Self {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("changed");
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/compose");
        for entry in fs::read_dir(example).expect("the example is there").flatten() {
            fs::copy(entry.path(), directory.join(entry.file_name())).expect("a copy");
        }
        let config = directory.join("teal.toml");
        let text = fs::read_to_string(&config).expect("it is there");
        fs::write(config, text.replace(", contains = \"version\"", "")).expect("a file");
        let services = ["blue", "green"].map(application).concat();
        let text = format!("services:\n{services}");
        fs::write(directory.join("test.yaml"), text).expect("a file");
        let programs = directory.join("bin");
        fs::create_dir(&programs).expect("a directory");
        symlink(TEAL, programs.join("teal")).expect("a link");
        docker_with_compose(&programs);
        Self { directory: directory.to_owned(), host: docker.host() }
    }

    /// Runs a command of the example in its directory.
    fn run(&self, files: &str, command: &str) -> CliResult {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.directory.join("bin").display());
        let environment = [
            ("PATH", &*path),
            ("DOCKER_HOST", &*self.host),
            ("COMPOSE_FILE", files),
            ("COMPOSE_PROJECT_NAME", "example"),
        ];
        let command = format!("cd '{}' && {command}", self.directory.display());
        testkit::run(Path::new("sh"), ["-c", &command], &environment, Duration::from_secs(60))
    }

    /// The commands that the example says to run once.
    fn preparation(&self) -> Vec<String> {
        let text = fs::read_to_string(self.directory.join("teal.toml")).expect("it is there");
        let commands = text.lines().filter_map(|line| line.strip_prefix("#   $ "));
        commands.filter(|command| !command.contains("deploy.sh")).map(str::to_owned).collect()
    }
}

#[test]
fn the_example_for_compose_is_deployed_twice_without_loss() {
    // L1 L2 L3 L4
    let test = "the_example_for_compose_is_deployed_twice_without_loss";
    if !is_inside(module_path!(), test) {
        return;
    }
    if Command::new("docker-compose").arg("version").output().is_err() {
        return eprintln!("{test} is skipped: docker-compose is not installed");
    }
    let docker = Docker::start();
    teal_in_docker::build(&docker);
    let program = std::env::current_exe().expect("a process has a program").display().to_string();
    docker.import_libraries_of(&program, "app:v1");
    for version in ["app:v2", "app:v3"] {
        docker.run(&["tag", "app:v1", version]);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let example = Example::copy(&docker, directory.path());
    let as_it_stands = example.run("compose.yaml", "docker compose config --quiet");
    as_it_stands.assert_code(0);
    let both = "compose.yaml:test.yaml";
    for command in example.preparation() {
        example.run(both, &command).assert_code(0);
    }
    wait_until(LEFT, "blue answers", || {
        Client::try_connect(LISTENER.into()).is_ok_and(|mut client| {
            client.try_send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").is_ok()
                && client.read_answer(false).is_ok_and(|answer| answer.status == 200)
        })
    });
    let load =
        Load::start(LISTENER.into(), LoadOptions { connections: 4, ..LoadOptions::default() });
    for (version, color) in [("v2", "green"), ("v3", "blue")] {
        load.expect_anyone();
        let deployed = example.run(both, &format!("./deploy.sh {version}"));
        deployed.assert_code(0);
        load.expect_only(color);
        load.wait_for_more(50);
        let running = docker.run(&["ps", "--format", "{{.Image}}", "--filter", "name=web-"]);
        assert_eq!(running, format!("app:{version}"), "{}", deployed.all());
    }
    load.stop().assert_nothing_lost();
    example.run(both, "docker compose --env-file versions.env down --timeout 1").assert_code(0);
}

//! Deploys of containers by a real Docker Engine.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use testkit::{Client, Settings, Teal, free_port, wait_until};

use crate::TEAL;
use crate::deploying::{Deploying, application_command};
use crate::docker::{Docker, is_inside, libraries_of};
use crate::upgrade::LEFT;

/// The versions that have an image.
const VERSIONS: [&str; 5] = ["v1", "v2", "v3", "sick", "wrong-outside"];

/// An Engine with an image for each version, and the runner for it.
fn docker() -> (Docker, String) {
    // A restart of the daemon leaves the containers alone, as on every machine where that must not be felt.
    let flags = ["--host=unix:///var/run/docker.sock", "--userland-proxy=false", "--live-restore"];
    let docker = Docker::start_with(&flags);
    let mut command = application_command();
    docker.import_libraries_of(&command[0], "app:v1");
    for version in &VERSIONS[1..] {
        docker.run(&["tag", "app:v1", &format!("app:{version}")]);
    }
    let mount = format!("{}:/app:ro", command[0]);
    "/app".clone_into(&mut command[0]);
    let runner = format!(
        "runner = \"docker\", image = \"app:{{version}}\", pull = \"never\", mounts = [{mount:?}], command = {command:?}, \
         env = {{ APPLICATION_HOST = \"0.0.0.0\" }}"
    );
    (docker, runner)
}

/// The state of a color's container; empty if there is none.
fn state(docker: &Docker, color: &str) -> String {
    let filter = format!("name=^web-{color}$");
    docker.run(&["ps", "-a", "--filter", &filter, "--format", "{{.State}}"])
}

#[test]
fn containers_are_deployed_without_loss_and_put_back_when_they_fail() {
    // L1 L2 L3 L4
    let test = "containers_are_deployed_without_loss_and_put_back_when_they_fail";
    if !is_inside(module_path!(), test) {
        return;
    }
    let (docker, runner) = docker();
    let outside = "outside = [{ url = \"http://LISTENER/outside\", within = \"1s\" }]";
    let setup = Deploying::with(&runner, &format!("keep = \"no\", {outside}"));
    let load = setup.load();
    for (version, color, old) in [("v2", "green", "blue"), ("v3", "blue", "green")] {
        load.expect_anyone();
        setup.deploy(version).assert_code(0);
        load.expect_only(color);
        load.wait_for_more(50);
        assert_eq!(state(&docker, color), "running");
        assert_ne!(state(&docker, old), "running");
    }
    let sick = setup.deploy_with(&["web", "--version", "sick", "--wait-healthy", "2s"]);
    sick.assert_code(3);
    for words in ["Target green is not healthy", "last lines of web (green):", "sick listens on"] {
        assert!(sick.stderr.contains(words), "{words} in {}", sick.all());
    }
    assert_ne!(state(&docker, "green"), "running");
    load.expect_anyone();
    let wrong = setup.deploy("wrong-outside");
    wrong.assert_code(6);
    assert!(wrong.stderr.contains("Switched back: blue is active"), "{}", wrong.all());
    assert_ne!(state(&docker, "green"), "running");
    load.expect_only("blue");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    setup.finish();
}

/// Starts `teal deploy` and waits until it is at a step.
fn begin(setup: &Deploying, arguments: &[&str], step: &str) -> thread::JoinHandle<Output> {
    let mut command = setup.deploy_command(arguments);
    let running = thread::spawn(move || command.output().expect("it can be started"));
    wait_until(LEFT, "the step has begun", || {
        let newest = setup.newest();
        newest["result"].is_null() && newest["step"] == step
    });
    running
}

#[test]
fn a_daemon_that_is_restarted_in_the_middle_of_a_deploy_costs_nothing() {
    // L3 L4 L10
    let test = "a_daemon_that_is_restarted_in_the_middle_of_a_deploy_costs_nothing";
    if !is_inside(module_path!(), test) {
        return;
    }
    let (mut docker, runner) = docker();
    // At the address of their network: Docker's rules for a published port are gone for a moment when it starts.
    docker.run(&["network", "create", "app"]);
    let runner = format!("{runner}, network = \"app\", container_port = 8080");
    let setup = Deploying::told_by(&runner, "keep = \"no\"");
    setup.deploy("v1").assert_code(0);
    let load = setup.load();
    load.expect_only("blue");

    // While the gate waits for a version that will never be healthy.
    let sick = ["web", "--version", "sick", "--wait-healthy", "5s"];
    let running = begin(&setup, &sick, "gate");
    docker.kill();
    load.wait_for_more(50);
    docker.start_again();
    let ended = running.join().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("Target green is not healthy"), "{said}");
    assert_ne!(state(&docker, "green"), "running");

    // While the old color is drained and then stopped.
    let mut upload = Client::connect(setup.listener).patience(LEFT);
    upload.send("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nhe");
    load.expect_anyone();
    let running = begin(&setup, &["web", "--version", "v2"], "drain");
    docker.kill();
    load.expect_only("green");
    load.wait_for_more(50);
    upload.send("ld");
    assert_eq!(upload.answer().status, 200);
    wait_until(LEFT, "blue is to be stopped", || setup.newest()["step"] == "keep");
    load.wait_for_more(50);
    docker.start_again();
    let ended = running.join().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert_eq!(state(&docker, "green"), "running");
    assert_ne!(state(&docker, "blue"), "running");
    load.stop().assert_nothing_lost();
    setup.finish();
}

/// The example for Docker, and the application of all examples.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

/// The files that Python needs for the application.
pub(crate) fn python() -> Vec<String> {
    let used = "import sys, argparse, signal, threading, http.server, encodings.idna, encodings.ascii\n\
                print(sys.executable)\n\
                for module in list(sys.modules.values()):\n    print(getattr(module, '__file__', None) or '')";
    let said = Command::new("/usr/bin/python3").args(["-I", "-S", "-c", used]).output();
    let said = String::from_utf8(said.expect("python3 is installed").stdout).expect("paths");
    let files: Vec<String> =
        said.lines().filter(|line| line.starts_with('/')).map(str::to_owned).collect();
    let libraries = files.iter().filter(|file| Path::new(file).extension() != Some("py".as_ref()));
    let libraries: Vec<String> = libraries.flat_map(|file| libraries_of(file)).collect();
    [files, libraries, vec!["/bin/busybox".to_owned()]].concat()
}

#[test]
fn the_example_for_docker_is_built_and_deployed_twice() {
    if !is_inside(module_path!(), "the_example_for_docker_is_built_and_deployed_twice") {
        return;
    }
    let flags = ["--host=unix:///var/run/docker.sock", "--userland-proxy=false"];
    let docker = Docker::start_with(&flags);
    docker.import(&python(), "python:3-alpine"); // what the example's image is based on
    let mut teal = Teal::prepare(TEAL, &Settings::of_urls(&[], &[]));
    let folder = teal.config().parent().expect("it is in a directory").join("deploy-docker");
    fs::create_dir(&folder).expect("a directory");
    for name in ["Dockerfile", "deploy.sh"] {
        fs::copy(format!("{EXAMPLE}/deploy-docker/{name}"), folder.join(name)).expect("a copy");
    }
    fs::copy(format!("{EXAMPLE}/app.py"), folder.with_file_name("app.py")).expect("a copy");
    let text = fs::read_to_string(format!("{EXAMPLE}/deploy-docker/teal.toml")).expect("a file");
    let mut text = text.replace("state_dir", "admin.listen = \"127.0.0.1:0\"\nstate_dir");
    for port in ["8080", "8081", "8082"] {
        text = text.replace(port, &free_port().to_string());
    }
    teal.write_config(&text);
    let state = format!("\"{}\"", teal.state_dir().display());
    let text = text.replace("\"state\"", &state);
    fs::write(folder.join("teal.toml"), text).expect("a file");
    teal.start_again();

    let programs = Path::new(TEAL).parent().expect("a directory").display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
    let variables = [("PATH", &*path), ("DOCKER_HOST", "unix:///var/run/docker.sock")];
    for (version, color) in [("v1", "green"), ("v2", "blue")] {
        let script = [folder.join("deploy.sh").display().to_string(), version.to_owned()];
        let said = testkit::run(Path::new("sh"), script, &variables, Duration::from_secs(90));
        said.assert_code(0);
        assert_eq!(teal.active(), color);
        let answer = Client::connect(teal.listener()).get("/").text();
        assert_eq!(answer, format!("version {version}\n"));
    }
    teal.assert_books_balance();
}

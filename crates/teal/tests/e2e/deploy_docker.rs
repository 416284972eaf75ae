//! Deploys of containers by a real Docker Engine.

use crate::deploying::{Deploying, application_command};
use crate::docker::{Docker, is_inside};

/// The versions that have an image.
const VERSIONS: [&str; 5] = ["v1", "v2", "v3", "sick", "wrong-outside"];

/// An Engine with an image for each version, and the runner for it.
fn docker() -> (Docker, String) {
    let flags = ["--host=unix:///var/run/docker.sock", "--userland-proxy=false"];
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

//! Deploys of containers whose addresses nobody knows before they are started: Teal is told the address in their network,
//! or the port on loopback at which Docker publishes them.

use testkit::CliResult;

use crate::deploying::{Deploying, words};
use crate::docker::{self, Docker};

const IMAGE: &str = "libraries";

/// A deploy by the Docker of the test.
fn deploy(setup: &Deploying, docker: &Docker, version: &str) -> CliResult {
    let config = setup.teal.config().display().to_string();
    let arguments = ["deploy", "--config", &config, "web", "--version", version];
    let (admin, token) = (format!("http://{}", setup.teal.admin()), setup.teal.token());
    let docker = docker.host();
    let environment = [("DOCKER_HOST", &*docker), ("TEAL_ADMIN", &*admin), ("TEAL_TOKEN", &*token)];
    setup.teal.cli_bare(&arguments, &environment)
}

/// Deploys three versions under load, and returns the last target.
fn deploy_three(docker: &Docker, further: &str) -> String {
    let program = std::env::current_exe().expect("a process has a program").display().to_string();
    let command = ["/app", "deploying::application", "--exact", "--ignored", "--nocapture"];
    let command = words(&command.map(str::to_owned));
    let runner = format!(
        "runner = \"docker\", image = \"{IMAGE}:latest\", pull = \"never\", container_port = 8080, \
         env = {{ APPLICATION_HOST = \"0.0.0.0\" }}, mounts = [\"{program}:/app:ro\"], command = {command}"
    );
    let setup = Deploying::told_by(&runner, further);
    deploy(&setup, docker, "v1").assert_code(0);
    let load = setup.load();
    load.expect_only("blue");
    for (version, color) in [("v2", "green"), ("v3", "blue")] {
        load.expect_anyone();
        deploy(&setup, docker, version).assert_code(0);
        load.expect_only(color);
        load.wait_for_more(50);
    }
    load.stop().assert_nothing_lost();
    setup.finish();
    let target = setup.teal.color("blue")["targets"][0]["url"].clone();
    docker.run(&["rm", "-f", "web-blue", "web-green"]);
    target.as_str().expect("it was told").to_owned()
}

#[test]
fn containers_are_reached_at_the_address_of_their_network_or_at_a_port_that_was_chosen() {
    // L1 L2 L3 L4 L9
    let test =
        "containers_are_reached_at_the_address_of_their_network_or_at_a_port_that_was_chosen";
    if !docker::is_inside(module_path!(), test) {
        return;
    }
    let docker = Docker::start();
    let program = std::env::current_exe().expect("a process has a program").display().to_string();
    docker.import_libraries_of(&program, IMAGE);
    docker.run(&["network", "create", "app"]);
    let target = deploy_three(&docker, "network = \"app\"");
    assert!(target.ends_with(":8080") && !target.contains("127.0.0.1"), "{target}");
    let target = deploy_three(&docker, "network = \"app\", port = \"auto\"");
    assert!(target.starts_with("http://127.0.0.1:") && !target.ends_with(":8080"), "{target}");
}

//! The files of `teal init` for Docker and for Compose deploy containers, by a real Docker Engine and a real Compose.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::{Client, Settings, Teal, free_port};

use crate::TEAL;
use crate::deploy_compose::docker_with_compose;
use crate::deploy_docker::python;
use crate::docker::{Docker, is_inside};

/// The image of a version: the application of the examples, at the port that the runner or Compose tells.
const DOCKERFILE: &str = "FROM python:3-alpine\nCOPY app.py /app.py\nARG VERSION\nENV VERSION=$VERSION\n\
    CMD [\"sh\", \"-c\", \"exec python3 /app.py --host 0.0.0.0 --port 8080 --version $VERSION\"]\n";

const COMMAND_WITHIN: Duration = Duration::from_secs(90);

/// The variables for the script that was written.
struct Variables(PathBuf);

impl Variables {
    fn run(&self, script: &Path, words: &[&str]) -> testkit::CliResult {
        let teal = Path::new(TEAL).parent().expect("a directory");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{path}", self.0.display(), teal.display());
        let host = ("DOCKER_HOST", "unix:///var/run/docker.sock");
        testkit::run(script, words, &[("PATH", &*path), host], COMMAND_WITHIN)
    }
}

/// Builds the images `web:v1` and `web:v2`.
fn build(directory: &Path, variables: &Variables) {
    fs::write(directory.join("Dockerfile"), DOCKERFILE).expect("a file");
    let app = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/app.py");
    fs::copy(app, directory.join("app.py")).expect("a copy");
    for version in ["v1", "v2"] {
        let (tag, argument) = (format!("web:{version}"), format!("VERSION={version}"));
        let directory = directory.display().to_string();
        let words = ["build", "--tag", &*tag, "--build-arg", &*argument, &*directory];
        variables.run(Path::new("docker"), &words).assert_code(0);
    }
}

/// Writes the files for this runner, starts Teal with them, and deploys twice by the script.
fn deploy_twice(runner: &str, variables: &Variables) {
    let mut teal = Teal::prepare(TEAL, &Settings::of_urls(&[], &[]));
    let directory = teal.config().parent().expect("a directory").to_owned();
    fs::remove_file(teal.config()).expect("removed");
    let listen = format!("127.0.0.1:{}", free_port());
    let [blue, green] = [(); 2].map(|()| free_port().to_string());
    let at = directory.display().to_string();
    let words = [
        "init", &*at, "--yes", "--runner", runner, "--listen", &*listen, "--blue", &*blue,
        "--green", &*green,
    ];
    variables.run(Path::new(TEAL), &words).assert_code(0);
    let text = fs::read_to_string(teal.config()).expect("written");
    teal.write_config(&format!("admin.listen = \"127.0.0.1:0\"\n{text}"));
    teal.start_again();
    for (version, color) in [("v1", "green"), ("v2", "blue")] {
        variables.run(&directory.join("deploy.sh"), &[version]).assert_code(0);
        assert_eq!(teal.active(), color, "{runner}");
        let answer = Client::connect(teal.listener()).get("/").text();
        assert_eq!(answer, format!("version {version}\n"), "{runner}");
    }
    teal.assert_books_balance();
}

#[test]
fn what_init_writes_for_docker_and_for_compose_deploys_containers() {
    let test = "what_init_writes_for_docker_and_for_compose_deploys_containers";
    if !is_inside(module_path!(), test) {
        return;
    }
    let flags = ["--host=unix:///var/run/docker.sock", "--userland-proxy=false"];
    let docker = Docker::start_with(&flags);
    docker.import(&python(), "python:3-alpine");
    let directory = tempfile::tempdir().expect("a directory");
    let variables = Variables(directory.path().to_owned());
    build(directory.path(), &variables);
    deploy_twice("docker", &variables);
    if Command::new("docker-compose").arg("version").output().is_err() {
        return eprintln!("the rest of {test} is skipped: docker-compose is not installed");
    }
    docker_with_compose(directory.path());
    deploy_twice("compose", &variables);
}

//! `docs/guide/recipes/ci.md`: the commands of both workflows, against a real sshd, deploy and can do nothing else.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use testkit::{CliResult, Client, wait_until};

use crate::ground::{self, at, daemon, install, shell};
use crate::{file, tools};

const SOON: Duration = Duration::from_secs(20);

/// The directory of the pipeline.
const PIPELINE: &str = "/run/pipeline";

/// Runs a Python script on a workflow and returns its output.
fn read(workflow: &str, find: &str) -> String {
    let script =
        format!("import sys, yaml; flow = yaml.safe_load(open(sys.argv[1])); print({find})");
    let path = file(&format!("examples/ci/{workflow}")).display().to_string();
    let libraries = tools("python").display().to_string();
    let arguments = ["-c", &script, &path];
    let ran = testkit::run(Path::new("python3"), arguments, &[("PYTHONPATH", &libraries)], SOON);
    ran.assert_code(0);
    ran.stdout
}

/// Runs the script of a pipeline as its host does: in a directory of its own, and ended by the first failure.
fn pipeline(script: &str, variables: &[(&str, &str)]) -> CliResult {
    let arguments = ["-e", "-o", "pipefail", "-c", &format!("cd {PIPELINE}; {script}")];
    testkit::run(Path::new("bash"), arguments, variables, Duration::from_secs(60))
}

/// The machine: sshd with the drop-in of the guide, the unit of the example for systemd, and Teal.
fn prepare() -> (Child, String, String) {
    ground::name("example.com");
    install("examples/ci/sshd.conf", "/etc/ssh/sshd_config.d/deploy.conf");
    install("examples/ci/deploy", "/opt/app/deploy");
    install("examples/app.py", "/opt/app/app.py");
    install("examples/deploy-systemd/app@.service", "/etc/systemd/system/app@.service");
    fs::create_dir_all("/run/app").expect("a directory");
    fs::create_dir_all(PIPELINE).expect("a directory");
    shell(&format!("rm -f /etc/ssh/ssh_host_*; ssh-keygen -q -A && mkdir -p /run/sshd /etc/ssh/authorized_keys && cd {PIPELINE} \
        && ssh-keygen -q -t ed25519 -N '' -f key && (printf 'restrict,command=\"/opt/app/deploy\" '; cat key.pub) \
        > /etc/ssh/authorized_keys/root")).assert_code(0);
    let sshd = daemon(&["/usr/sbin/sshd", "-D"]);
    wait_until(SOON, "sshd listens", || std::net::TcpStream::connect(at(22)).is_ok());
    let config =
        fs::read_to_string(file("examples/deploy-systemd/teal.toml")).expect("the example");
    ground::start_teal_of(&config.replace("state_dir = \"state\"\n", "")); // the unit has a place for it
    let known = shell("ssh-keyscan -t ed25519 example.com 2>/dev/null").stdout;
    let key = fs::read_to_string(format!("{PIPELINE}/key")).expect("it was made");
    (sshd, key, known)
}

#[test]
fn both_pipelines_deploy_over_ssh_and_their_key_can_do_nothing_else() {
    let test = "ci::both_pipelines_deploy_over_ssh_and_their_key_can_do_nothing_else";
    if !ground::is_ready(test, &["/usr/sbin/sshd"]) {
        return;
    }
    let (_sshd, key, known) = prepare();
    let version = || Client::connect(at(8080)).get("/").text();

    let script = read("github.yml", "flow['jobs']['deploy']['steps'][0]['run']");
    let variables = [
        ("DEPLOY_KEY", key.trim_end()),
        ("KNOWN_HOSTS", known.trim_end()),
        ("GITHUB_SHA", "5f2c01"),
    ];
    pipeline(&script, &variables).assert_code(0);
    assert_eq!(version(), "version 5f2c01\n");

    fs::write(format!("{PIPELINE}/known"), &known).expect("a file");
    let script = read(
        "gitlab.yml",
        "'\\n'.join(flow['deploy']['before_script'] + flow['deploy']['script'])",
    );
    let (key, known) = (format!("{PIPELINE}/key"), format!("{PIPELINE}/known"));
    let variables = [("DEPLOY_KEY", &*key), ("KNOWN_HOSTS", &*known), ("CI_COMMIT_SHA", "77aa10")];
    pipeline(&script, &variables).assert_code(0);
    assert_eq!(version(), "version 77aa10\n");

    for order in ["id; true", "", "$(id)"] {
        let variables = [("DEPLOY_KEY", &*key), ("KNOWN_HOSTS", &*known), ("CI_COMMIT_SHA", order)];
        let refused = pipeline(&script, &variables);
        refused.assert_code(2);
        assert!(refused.stderr.contains("not a version"), "{order}: {}", refused.all());
    }
    assert_eq!(version(), "version 77aa10\n");
}

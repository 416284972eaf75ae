//! Teal as the first process of a Docker container, as the guide runs it: no root, no capability, a root file
//! system that cannot be written, Docker's own filter of system calls.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use packager::{Architecture, Facts, Inputs};
use testkit::{Client, wait_until};

use crate::TEAL;
use crate::docker::{Docker, is_inside};
use crate::setup::SOON;
use crate::upgrade::LEFT;

const GUIDE: &str = include_str!("../../../../docs/guide/operate.md");

/// The commands that the guide shows for a container, each as its words.
fn commands() -> Vec<Vec<String>> {
    let (_, section) =
        GUIDE.split_once("\n## In a container\n").expect("the guide has the section");
    let (_, block) = section.split_once("\n```sh\n").expect("it has a block");
    let (block, _) = block.split_once("\n```\n").expect("the block ends");
    let commands = block.replace("\\\n", " ");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    commands.lines().map(words).collect()
}

/// Builds the image `teal` from the packaged directory, on a base of what a program needs, without a shell.
pub(crate) fn build(docker: &Docker) {
    docker.import_libraries_of(TEAL, "base");
    let directory = tempfile::tempdir().expect("a directory");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let image = packager::make_image(&Inputs {
        root,
        program: TEAL.into(),
        documents_by: TEAL.into(),
        output: directory.path().to_owned(),
        facts: Facts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            architecture: Architecture::of_this_machine().expect("it is amd64 or arm64"),
            epoch: 1_767_225_600,
            maintainer: String::new(),
        },
        compression: 0,
    });
    let context = image.expect("the directory of the image is made");
    let (file, context) = (context.join("Containerfile"), context.display().to_string());
    let (file, version) = (file.display().to_string(), "VERSION=1.2.3");
    let arguments = ["--build-arg", "BASE=base", "--build-arg", version, "--tag", "teal"];
    docker.run(&[&["build"], &arguments[..], &["--file", &file, &context]].concat());
    let of = "{{.Config.StopSignal}} {{index .Config.Labels \"org.opencontainers.image.version\"}}";
    assert_eq!(docker.run(&["image", "inspect", "--format", of, "teal"]), "SIGTERM 1.2.3");
}

/// The configuration, for targets at these addresses.
fn configure(path: &Path, blue: &str, green: &str) {
    let text = format!(
        "[admin]\nlisten = \"127.0.0.1:9900\"\n[metrics]\nlisten = \"0.0.0.0:9901\"\n[[listener]]\naddress = \"0.0.0.0:8080\"\n[[service]]\nname = \"web\"\n\
         blue = {{ targets = [\"http://{blue}:80\"] }}\ngreen = {{ targets = [\"http://{green}:80\"] }}\n\
         health = {{ path = \"/health\", interval = \"200ms\", fast_interval = \"50ms\" }}\n"
    );
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("changed");
}

/// The address where clients of the container connect.
fn public(docker: &Docker) -> SocketAddr {
    let address = docker.address("teal", "bridge");
    SocketAddr::new(address.parse().expect("an address"), 8080)
}

/// The address where machines other than the container's own find the published port.
fn published(docker: &Docker) -> [SocketAddr; 2] {
    let gateway = docker.run(&["inspect", "-f", "{{.NetworkSettings.Gateway}}", "teal"]);
    ["127.0.0.1", &gateway].map(|ip| SocketAddr::new(ip.parse().expect("an address"), 8080))
}

/// Both colors and Teal, started by the commands of the guide with a configuration in this directory.
fn start(docker: &Docker, directory: &Path) {
    for color in ["blue", "green"] {
        let target = ["demo-target", "--version", color, "--listen", "0.0.0.0:80"];
        let run = ["run", "-d", "-i", "--user", "0", "--name", color, "teal"];
        docker.run(&[&run[..], &target].concat());
    }
    let address = |name: &str| docker.address(name, "bridge");
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("changed");
    let file = directory.join("teal.toml");
    configure(&file, &address("blue"), &address("green"));
    let mount = format!("{}:/etc", file.display());
    for words in commands() {
        let words = words.into_iter().skip(1);
        let words: Vec<String> =
            words.map(|word| word.replace("/etc/teal/teal.toml:/etc", &mount)).collect();
        if words[0] == "exec" {
            wait_until(LEFT, "it serves", || Client::try_connect(public(docker)).is_ok());
        }
        docker.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn teal_is_process_1_of_a_container_without_root_capabilities_or_a_disk() {
    // L7
    if !is_inside(
        module_path!(),
        "teal_is_process_1_of_a_container_without_root_capabilities_or_a_disk",
    ) {
        return;
    }
    let docker = Docker::start();
    build(&docker);
    let directory = tempfile::tempdir().expect("a directory");
    start(&docker, directory.path());
    let teal = |words: &[&str]| docker.run(&[&["exec", "teal", "teal"], words].concat());
    wait_until(LEFT, "both colors are healthy", || {
        let status = teal(&["status"]);
        status.contains("Blue healthy: true") && status.contains("Green healthy: true")
    });
    let inspect = |format: &str| docker.run(&["inspect", "--format", format, "teal"]);
    let state = "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.Config.User}}";
    assert_eq!(inspect(state), "true [ALL] 65532:65532");
    let public = public(&docker);
    assert_eq!(Client::connect(public).get("/").status, 200);
    let published = published(&docker);
    let mut kept = published.map(Client::connect);
    let mut ask_published = |color: &str| {
        for client in published.map(Client::connect).iter_mut().chain(&mut kept) {
            let answer = client.get("/");
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.text().contains(color), "{color}: {}", answer.text());
        }
    };
    ask_published("blue");
    for path in ["/metrics", "/livez", "/readyz"] {
        let watched = SocketAddr::new(public.ip(), 9901);
        assert_eq!(Client::connect(watched).get(path).status, 200, "{path}");
    }

    // An operator beside it, by the socket in its volume alone.
    let beside = ["run", "--rm", "--user", "65532:65532", "--volume", "teal-run:/run/teal", "teal"];
    let beside = |words: &[&str]| docker.run(&[&beside[..], words].concat());
    assert!(beside(&["status"]).starts_with("Active: blue"));
    assert!(beside(&["switch", "green"]).starts_with("Switched from blue to green"));
    ask_published("green");
    drop(kept); // an older Teal would wait for them

    // By a command and by a signal; process 1 stays.
    let pid = inspect("{{.State.Pid}}");
    let serving = || {
        let status: serde_json::Value =
            serde_json::from_str(&teal(&["status", "--json"])).expect("JSON");
        status["teal"]["pid"].as_u64().expect("a number")
    };
    let first = serving();
    teal(&["upgrade"]);
    let second = serving();
    assert_ne!(first, second);
    wait_until(LEFT, "the older one has left", || !teal(&["status"]).contains("older Teal"));
    docker.run(&["kill", "--signal", "USR2", "teal"]);
    wait_until(LEFT, "a newer one serves", || serving() != second);
    assert_eq!(inspect("{{.State.Pid}} {{.RestartCount}}"), format!("{pid} 0"));
    assert!(Client::connect(public).get("/").status == 200);

    // The check of the image's own.
    wait_until(LEFT, "Docker says that it is healthy", || {
        inspect("{{.State.Health.Status}}") == "healthy"
    });

    // A stop waits for a request whose body is still on its way.
    let mut upload = Client::connect(public);
    upload.send("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nab");
    wait_until(SOON, "it is in flight", || teal(&["status"]).contains("1 in flight"));
    thread::scope(|scope| {
        let stopping = scope.spawn(|| docker.run(&["stop", "--time", "60", "teal"]));
        wait_until(LEFT, "it accepts nobody", || Client::try_connect(public).is_err());
        upload.send("cd");
        assert_eq!(upload.answer().status, 200);
        stopping.join().expect("no panic");
    });
    assert_eq!(inspect("{{.State.ExitCode}} {{.State.OOMKilled}}"), "0 false");
}

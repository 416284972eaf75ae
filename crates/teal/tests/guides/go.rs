//! `docs/guide/recipes/go.md`: a Go service on Unix sockets under systemd, which shuts down gracefully.

use std::fs;

use testkit::Page;
use testkit::systemd::run;

use crate::ground::{self, install, shell};
use crate::recipe::deploy_two_versions;

#[test]
fn a_go_service_on_unix_sockets_is_deployed_under_load_without_loss() {
    // L1 L2
    let test = "go::a_go_service_on_unix_sockets_is_deployed_under_load_without_loss";
    if !ground::is_ready(test, &["/usr/bin/go"]) {
        return;
    }
    fs::create_dir_all("/etc/hello").expect("a directory");
    let source = crate::file("examples/go/main.go").display().to_string();
    shell(&format!(
        "cd /opt && GOCACHE=/opt/cache go build -o /opt/hello/releases/v1/hello {source} \
         && cp -r hello/releases/v1 hello/releases/v2"
    ))
    .assert_code(0);
    run("chmod", &["-R", "a+rX", "/opt/hello"]);
    install("examples/go/hello@.service", "/etc/systemd/system/hello@.service");
    ground::start_teal("examples/go/teal.toml");
    let page = Page { host: "hello.example.com", path: "/" };
    deploy_two_versions("hello", (8080, page, None), || {});
}

//! `docs/guide/recipes/node.md`: a Node application under pm2, started by hooks.

use std::fs;
use std::os::unix::fs::symlink;

use testkit::Page;

use crate::ground::{self, install};
use crate::recipe::deploy_two_versions;
use crate::tools;

#[test]
fn a_node_service_under_pm2_is_deployed_under_load_without_loss() {
    // L1 L2
    let pm2 = tools("node/node_modules/pm2/bin/pm2");
    let programs = ["/usr/bin/node", &pm2.display().to_string()];
    let test = "node::a_node_service_under_pm2_is_deployed_under_load_without_loss";
    if !ground::is_ready(test, &programs) {
        return;
    }
    let pm2 = fs::canonicalize(pm2).expect("it is there");
    symlink(pm2, "/usr/local/bin/pm2").expect("the directory is of this test");
    install("examples/node/hooks", "/opt/web/hooks");
    for version in ["v1", "v2"] {
        for part in ["app.js", "package.json"] {
            install(
                &format!("examples/node/{part}"),
                &format!("/opt/web/releases/{version}/{part}"),
            );
        }
    }
    ground::start_teal("examples/node/teal.toml");
    let page = Page { host: "web.example.com", path: "/" };
    deploy_two_versions("web", (8080, page, None), || {});
}

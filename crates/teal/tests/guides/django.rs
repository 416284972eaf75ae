//! `docs/guide/recipes/django.md`: a shop under gunicorn and systemd, with a migration and static files of two versions.

use std::fs;

use testkit::Page;
use testkit::systemd::run;

use crate::ground::{self, install, shell};
use crate::recipe::deploy_two_versions;
use crate::tools;

const HOST: &str = "shop.example.com";

/// A release as the guide makes it, with the libraries of this machine instead of downloaded ones.
fn release(version: &str) {
    let at = format!("/opt/shop/releases/{version}");
    for part in ["shop", "manage.py"] {
        install(&format!("examples/django/{part}"), &format!("{at}/{part}"));
    }
    if version == "v2" {
        let v2 = crate::file("examples/django/v2/shop").display().to_string();
        run("cp", &["-r", &v2, &at]);
    }
    run("python3", &["-m", "venv", "--without-pip", &format!("{at}/venv")]);
    let packages = run("sh", &["-c", &format!("echo {at}/venv/lib/python3*/site-packages")]);
    let libraries = fs::canonicalize(tools("python")).expect("the libraries of the tests");
    fs::write(format!("{packages}/test.pth"), libraries.display().to_string()).expect("a file");
}

#[test]
fn a_django_shop_is_deployed_under_load_without_loss() {
    // L1 L2
    let python = tools("python/gunicorn");
    if !ground::is_ready(
        "django::a_django_shop_is_deployed_under_load_without_loss",
        &["/usr/bin/python3", &python.display().to_string()],
    ) {
        return;
    }
    ground::name(HOST);
    let trust = ground::certify(HOST);
    run("useradd", &["--system", "shop"]);
    install("examples/django/prepare", "/opt/shop/prepare");
    fs::create_dir_all("/opt/shop/shared").expect("a directory");
    fs::write("/opt/shop/shared/secret_key", "of a test").expect("a file");
    run("chown", &["-R", "shop", "/opt/shop/shared"]);
    install("examples/django/shop@.service", "/etc/systemd/system/shop@.service");
    for version in ["v1", "v2"] {
        release(version);
    }
    ground::start_teal("examples/django/teal.toml");
    let page = Page { host: HOST, path: "/" };
    deploy_two_versions("shop", (443, page, Some(trust)), || {
        let answered = get("/page");
        assert!(answered.contains(&format!("https://{HOST}/page")), "{answered}");
        // Those of a page of v1 that a client has open are there as well.
        let all = shell("cd /opt/shop/shared/static && ls shop.?*.css").stdout;
        assert_eq!(all.lines().count(), 2, "one of each version: {all}");
        for file in all.lines() {
            get(&format!("/static/{file}"));
        }
        let of_v2 = all.lines().find(|file| answered.contains(*file)).expect(&answered);
        assert!(get(&format!("/static/{of_v2}")).contains("font-family: serif"));
    });
}

/// What the shop answers, with a status of 200.
fn get(path: &str) -> String {
    let answered = shell(&format!("curl -sSf https://{HOST}{path}"));
    answered.assert_code(0);
    answered.stdout
}

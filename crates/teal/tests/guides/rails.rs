//! `docs/guide/recipes/rails.md`: a small Rails application under puma and systemd, that insists on https.

use std::fs;

use testkit::Page;
use testkit::systemd::run;

use crate::ground::{self, install, shell};
use crate::recipe::deploy_two_versions;

const HOST: &str = "blog.example.com";

#[test]
fn a_rails_blog_is_deployed_under_load_without_loss() {
    // L1 L2
    let programs = ["/usr/bin/puma", "/usr/share/rubygems-integration/all/specifications"];
    if !ground::is_ready("rails::a_rails_blog_is_deployed_under_load_without_loss", &programs) {
        return;
    }
    ground::name(HOST);
    let trust = ground::certify(HOST);
    run("useradd", &["--system", "blog"]);
    fs::create_dir_all("/opt/blog/shared").expect("a directory");
    fs::write("/opt/blog/shared/secrets.env", "SECRET_KEY_BASE=of-a-test\n").expect("a file");
    install("examples/rails/blog@.service", "/etc/systemd/system/blog@.service");
    for version in ["v1", "v2"] {
        for part in ["app.rb", "config.ru", "config"] {
            install(
                &format!("examples/rails/{part}"),
                &format!("/opt/blog/releases/{version}/{part}"),
            );
        }
    }
    ground::start_teal("examples/rails/teal.toml");
    let page = Page { host: HOST, path: "/" };
    deploy_two_versions("blog", (443, page, Some(trust)), || {
        let said = shell(&format!("curl -sSf https://{HOST}/where"));
        assert_eq!(said.stdout, format!("https://{HOST}/where 127.0.0.1\n"), "{}", said.all());
        let status = "-o /dev/null -w '%{http_code} %{redirect_url}'";
        let redirected = shell(&format!("curl -sS {status} http://{HOST}/where"));
        let expected = format!("308 https://{HOST}/where");
        assert_eq!(redirected.stdout, expected, "{}", redirected.all());
    });
}

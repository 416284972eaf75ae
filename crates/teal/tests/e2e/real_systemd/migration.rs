//! From a unit with `DynamicUser=`, as Teal was shipped once, to the one that is shipped now, by the commands
//! of the guide: the state goes along.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::boot::{boot, install_program, is_inside, run, systemctl};
use super::guides::{OPERATE, commands, shell};
use super::shipped::Shipped;
use testkit::Target;

/// The unit as it was shipped.
const EARLIER: &str = "[Unit]\nDescription=Teal, a lossless blue-green proxy\n[Service]\nType=notify\n\
    ExecStart=/usr/local/bin/teal run --config /etc/teal/teal.toml\nExecReload=/bin/kill -HUP $MAINPID\n\
    DynamicUser=yes\nStateDirectory=teal\nRestart=on-failure\nKillMode=mixed\n\
    StandardError=append:/run/test/log\n[Install]\nWantedBy=multi-user.target\n";

#[test]
fn the_state_of_an_earlier_unit_with_dynamic_user_goes_along_to_the_shipped_one() {
    // L6
    if !is_inside() {
        let test = concat!(
            module_path!(),
            "::the_state_of_an_earlier_unit_with_dynamic_user_goes_along_to_the_shipped_one"
        );
        let units = [("teal.service".to_owned(), EARLIER.to_owned())];
        return boot(test.split_once("::").expect("the name of the crate").1, &units);
    }
    install_program();
    let teal = Shipped { blue: Target::start("blue"), green: Target::start("green") };
    fs::create_dir_all("/etc/teal").expect("a directory");
    teal.configure("", "");
    teal.restart();
    let link = fs::read_link("/var/lib/teal").expect("the state is a passing user's");
    assert!(link.ends_with("private/teal"), "{}", link.display());
    teal.teal(None, &["switch", "green"]).assert_code(0);
    let state = |of: &Shipped| {
        let status = of.teal(None, &["status", "--json"]).stdout;
        let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
        let service = &status["services"][0];
        let history = of.teal(None, &["history"]).stdout;
        let token = fs::read_to_string("/var/lib/teal/admin.token").expect("a token");
        (service["active"].clone(), service["generation"].clone(), history, token)
    };
    let before = state(&teal);
    assert_eq!(before.0, "green");
    // As the guide says: stop it, then these steps.
    systemctl(&["stop", "teal"]);
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .expect("the guide is read in the repository");
    let steps = commands(OPERATE).into_iter().filter(|step| step.heading.starts_with("Install"));
    let mut done = 0;
    for step in steps.filter(|step| step.command != "teal status") {
        shell(&step.command).assert_code(0);
        done += 1;
    }
    assert!(done >= 6, "only {done} steps of the guide were found");
    teal.wait_healthy();
    assert_eq!(state(&teal), before, "color, generation, history and token");
    assert_eq!(teal.client().get("/").fields.get("x-target"), Some("green"));
    assert_eq!(teal.show("User"), "teal");
    let found = fs::symlink_metadata("/var/lib/teal").expect("the state directory");
    let owner = run("id", &["-u", "teal"]);
    assert!(found.is_dir(), "it is no longer a link");
    for path in ["/var/lib/teal", "/var/lib/teal/journal", "/var/lib/teal/admin.token"] {
        let found = fs::metadata(path).expect("it is there");
        assert_eq!(found.uid().to_string(), owner, "{path} is Teal's");
        assert_eq!(found.mode() & 0o077, 0, "{path} is nobody else's");
    }
    teal.teal(None, &["rollback"]).assert_code(0);
    assert_eq!(teal.client().get("/").fields.get("x-target"), Some("blue"));
}

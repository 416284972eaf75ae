//! Deploys by executables of the user, under load.

use std::path::Path;

use crate::TEAL;
use crate::deploying::{Deploying, application_command, script};

#[test]
fn environments_that_hooks_start_and_stop_are_deployed_without_loss() {
    // L1 L2 L3 L4
    let folder = tempfile::tempdir().expect("a temporary directory");
    let runner = hooks(folder.path(), "");
    let setup = Deploying::with(&runner, "keep = \"no\"");
    let load = setup.load();
    for (version, color, old) in [("v2", "green", "blue"), ("v3", "blue", "green")] {
        load.expect_anyone();
        setup.deploy(version).assert_code(0);
        load.expect_only(color);
        load.wait_for_more(50);
        assert!(setup.runs(color) && !setup.runs(old));
    }
    let sick = setup.deploy_with(&["web", "--version", "sick", "--wait-healthy", "1s"]);
    sick.assert_code(3);
    assert!(sick.stderr.contains("sick listens on"), "{}", sick.all());
    assert!(!setup.runs("green"));
    load.stop().assert_nothing_lost();
    setup.finish();
    end(folder.path(), "blue");
}

#[test]
fn hooks_are_told_ports_that_nobody_chose() {
    // L1 L2 L3 L4
    let folder = tempfile::tempdir().expect("a temporary directory");
    let runner = format!("{}, port = \"auto\"", hooks(folder.path(), ""));
    let setup = Deploying::told_by(&runner, "keep = \"no\"");
    setup.deploy("v1").assert_code(0);
    let load = setup.load();
    for (version, color) in [("v2", "green"), ("v3", "blue")] {
        load.expect_anyone();
        let deployed = setup.deploy(version);
        deployed.assert_code(0);
        load.expect_only(color);
        load.wait_for_more(50);
        let target = setup.teal.color(color)["targets"][0]["url"].clone();
        let target = target.as_str().expect("it was told");
        assert!(deployed.stdout.contains(&format!("is up at {target}")), "{}", deployed.all());
    }
    load.stop().assert_nothing_lost();
    setup.finish();
    end(folder.path(), "blue");
}

#[test]
fn traffic_does_not_come_back_to_a_color_that_is_being_stopped() {
    // L4
    let folder = tempfile::tempdir().expect("a temporary directory");
    let said = folder.path().join("said");
    let setup = Deploying::with(&hooks(folder.path(), "$(dirname $0)/while-stopping\n"), "");
    let load = setup.load();
    load.expect_anyone();
    let reach = format!(
        "--admin http://{} --token-file {}/admin.token",
        setup.teal.admin(),
        setup.teal.state_dir().display()
    );
    let commands = ["rollback", "switch blue"].map(|verb| {
        format!("{TEAL} {verb} {reach} >>{said} 2>&1; echo $? >>{said}", said = said.display())
    });
    script(folder.path(), "while-stopping", &format!("#!/bin/sh\n{}\n", commands.join("\n")));
    setup.deploy_with(&["web", "--version", "v2", "--keep", "no"]).assert_code(0);
    let said = std::fs::read_to_string(&said).expect("blue was stopped");
    assert_eq!(said.lines().filter(|line| *line == "3").count(), 2, "{said}");
    assert_eq!(said.matches("blue of web is retired, and deploy 2 may be stopping it").count(), 2);
    assert!(setup.teal.active() == "green" && !setup.runs("blue"));
    load.expect_only("green");
    load.wait_for_more(50);

    let refused = setup.teal.cli(&["rollback"]);
    refused.assert_code(3);
    assert!(refused.stderr.contains("blue of web is retired"), "{}", refused.all());
    script(folder.path(), "while-stopping", "#!/bin/sh\n");
    load.expect_anyone();
    setup.deploy("v3").assert_code(0);
    assert_eq!(setup.teal.color("blue")["retired"], false);
    setup.teal.cli(&["rollback"]).assert_code(0);
    load.expect_only("green");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    setup.finish();
    end(folder.path(), "blue");
    end(folder.path(), "green");
}

/// Hooks that start and stop the application, with their files in a folder. `while_stopping` is what the stop of an
/// environment does before anything else.
fn hooks(folder: &Path, while_stopping: &str) -> String {
    let application = application_command().join(" ");
    let pid = format!("{}/$TEAL_COLOR.pid", folder.display());
    let log = format!("{}/$TEAL_COLOR.log", folder.display());
    let start =
        format!("#!/bin/sh\nsetsid {application} >{log} 2>&1 </dev/null &\necho $! >{pid}\n");
    let stop = format!(
        "#!/bin/sh\ntest -f {pid} || exit 0\n{while_stopping}kill $(cat {pid}) 2>/dev/null\n\
         while kill -0 $(cat {pid}) 2>/dev/null; do sleep 0.05; done\nrm {pid}\n"
    );
    let status =
        format!("#!/bin/sh\ntest -f {pid} && kill -0 $(cat {pid}) 2>/dev/null && exit 0\nexit 3\n");
    let logs = format!("#!/bin/sh\ntail -n 20 {log}\n");
    let [start, stop, status, logs] =
        [("start", start), ("stop", stop), ("status", status), ("logs", logs)]
            .map(|(name, text)| format!("{name} = \"{}\"", script(folder, name, &text).display()));
    format!("runner = \"hooks\", {start}, {stop}, {status}, {logs}")
}

/// Ends the application of a color: hooks leave nobody who would stop what runs.
fn end(folder: &Path, color: &str) {
    let pid = std::fs::read_to_string(folder.join(format!("{color}.pid"))).expect("it runs");
    let pid = pid.trim().parse().expect("a process id");
    testkit::signal_process(pid, rustix::process::Signal::KILL);
}

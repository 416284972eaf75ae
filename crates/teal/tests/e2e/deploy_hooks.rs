//! Deploys by executables of the user, under load.

use crate::deploying::{Deploying, application_command, script};

#[test]
fn environments_that_hooks_start_and_stop_are_deployed_without_loss() {
    // L1 L2 L3 L4
    let folder = tempfile::tempdir().expect("a temporary directory");
    let application = application_command().join(" ");
    let pid = format!("{}/$TEAL_COLOR.pid", folder.path().display());
    let log = format!("{}/$TEAL_COLOR.log", folder.path().display());
    let start =
        format!("#!/bin/sh\nsetsid {application} >{log} 2>&1 </dev/null &\necho $! >{pid}\n");
    let stop = format!(
        "#!/bin/sh\ntest -f {pid} || exit 0\nkill $(cat {pid}) 2>/dev/null\n\
         while kill -0 $(cat {pid}) 2>/dev/null; do sleep 0.05; done\nrm {pid}\n"
    );
    let status =
        format!("#!/bin/sh\ntest -f {pid} && kill -0 $(cat {pid}) 2>/dev/null && exit 0\nexit 3\n");
    let logs = format!("#!/bin/sh\ntail -n 20 {log}\n");
    let [start, stop, status, logs] =
        [("start", start), ("stop", stop), ("status", status), ("logs", logs)]
            .map(|(name, text)| format!("{name} = {:?}", script(folder.path(), name, &text)));
    let runner = format!("runner = \"hooks\", {start}, {stop}, {status}, {logs}");
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
    // Hooks leave nobody who would stop what runs.
    let config = setup.teal.config().display().to_string();
    assert!(std::path::Path::new(&config).exists());
    let pid = std::fs::read_to_string(folder.path().join("blue.pid")).expect("it runs");
    testkit::signal_process(
        pid.trim().parse().expect("a process id"),
        rustix::process::Signal::KILL,
    );
}

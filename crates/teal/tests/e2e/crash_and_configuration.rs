//! A crash while the configuration file is invalid, gone or another: it changes nothing.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::Signal;
use testkit::{Client, Pki, Teal, wait_until};

use crate::setup::{SOON, Setup};
use crate::upgrade::LEFT;

/// Kills the serving Teal with the file as it is: another one serves, on the same color.
fn kill(setup: &mut Setup) {
    let killed = setup.teal.kill_serving();
    let answer = Client::connect(setup.teal.listener()).get("/");
    assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("green")));
    assert_ne!(setup.teal.wait_revived(killed), killed);
}

fn reload(teal: &Teal, said: &str) {
    let result = teal.cli(&["reload"]);
    assert!(result.code == Some(0) && result.all().contains(said), "{}", result.all());
}

/// Kills it twice with a broken file, with a reload of a good one between and after that.
fn crash_with(break_file: impl Fn(&Teal), words: &[&str]) -> Setup {
    let mut setup = Setup::new();
    setup.teal.switch_to("green");
    break_file(&setup.teal);
    kill(&mut setup);
    setup.teal.log_has(&["ERROR", "was killed by signal 9", "this one serves in its place"]);
    setup.teal.log_has(&[&["WARN", "in use before the crash"], words].concat());
    // The file is still not the one in force, as status and metric say.
    let status = setup.teal.cli(&["status"]).stdout;
    assert!(status.contains("Reload: refused"), "{status}");
    let in_force = || setup.teal.metrics().count("teal_config_last_reload_successful", &[]);
    assert_eq!(in_force(), 0);
    setup.teal.write_settings(&setup.settings().drain("7s"));
    reload(&setup.teal, "drain changed");
    assert_eq!(in_force(), 1);
    break_file(&setup.teal);
    kill(&mut setup);
    setup.teal.write_settings(&setup.settings().drain("7s"));
    reload(&setup.teal, "othing"); // what the reload took is in force after the crash
    setup.teal.wait_healthy("blue", true);
    setup.teal.switch_to("blue");
    assert_eq!(setup.who(), "blue");
    setup
}

#[test]
fn a_crash_while_the_file_is_invalid_causes_no_outage_and_a_start_with_it_is_refused() {
    // L6
    let invalid = |teal: &Teal| teal.write_config("[[service]]\nname = \"web\"\nbleu = 1\n");
    let mut setup = crash_with(invalid, &["teal.toml:3:1: ", "bleu", "teal reload"]);
    invalid(&setup.teal);
    assert_eq!(setup.teal.stop(SOON), Some(0));
    setup.teal.spawn(&[]);
    assert_eq!(setup.teal.wait_exit(SOON), Some(2), "{}", setup.teal.log());
    assert!(setup.teal.log().contains("teal.toml:3:1: "), "{}", setup.teal.log());
}

#[test]
fn a_crash_while_the_file_is_gone_causes_no_outage() {
    let gone = |teal: &Teal| fs::remove_file(teal.config()).expect("it was there");
    crash_with(gone, &["teal.toml: does not exist", "teal reload"]).finish();
}

#[test]
fn a_crash_applies_no_file_without_a_reload() {
    // Its contents may be half of a change, or may need what this state directory or disk lacks.
    let other = |teal: &Teal| {
        let text = fs::read_to_string(teal.config()).expect("it is there");
        teal.write_config(&text.replace("[admin]", "[admin]\nhosts = [\"other\"]"));
    };
    crash_with(other, &["the file has changed since", "teal reload"]).finish();
}

#[test]
fn a_crash_while_a_program_that_the_file_names_is_gone_causes_no_outage() {
    let mut setup = Setup::new();
    setup.teal.switch_to("green");
    let program = Teal::script(setup.teal.state_dir().parent().expect("a directory"), "exit 0");
    let good = setup.settings().to_toml(&setup.teal.state_dir());
    setup.teal.write_config(&format!("{good}\n[upgrade]\nbinary = \"{program}\"\n"));
    reload(&setup.teal, "upgrade changed");
    fs::remove_file(&program).expect("it was there");
    kill(&mut setup);
    setup.teal.log_has(&["WARN", "in use before the crash", "upgrade.binary"]);
    setup.finish();
}

#[test]
fn the_copy_of_the_configuration_has_no_name_and_is_private_also_after_upgrades() {
    let mut setup = Setup::new();
    setup.teal.switch_to("green");
    for _ in 0..2 {
        setup.teal.write_settings(&setup.settings().drain("8s"));
        setup.teal.upgrade();
        setup.teal.wait_alone(LEFT);
    }
    for pid in [setup.teal.parent_pid(), setup.teal.pid()] {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors");
        let paths = open.map(|entry| entry.expect("a descriptor").path());
        let link = |path: &Path| fs::read_link(path).unwrap_or_default();
        let copies = paths.filter(|path| link(path).to_string_lossy().starts_with("/memfd:teal"));
        let modes = copies.map(|path| fs::metadata(path).expect("it is open").mode() & 0o777);
        // The text, and the contents of files of TLS.
        assert_eq!(modes.collect::<Vec<_>>(), [0o600; 2], "of process {pid}");
    }
    fs::remove_file(setup.teal.config()).expect("it was there");
    kill(&mut setup);
    setup.teal.write_settings(&setup.settings().drain("8s"));
    reload(&setup.teal, "othing");
    setup.finish();
}

#[test]
fn a_signal_to_reload_during_a_restart_is_carried_out() {
    let setup = Setup::new();
    // The fourth death in a row: the next one is started 0.4 s later.
    for _ in 0..4 {
        wait_until(SOON, "one is started", || setup.teal.serving().is_some());
        setup.teal.kill_serving();
    }
    setup.teal.write_settings(&setup.settings().drain("7s"));
    setup.teal.signal(Signal::HUP);
    setup.teal.log_has(&["reload", "drain changed"]);
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

#[test]
fn a_crash_while_a_certificate_is_broken_causes_no_outage() {
    // L6
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("web", &["web.test"]);
    let mut setup = Setup::with(|settings| {
        let certificate =
            format!("[[certificate]]\ncert = {:?}\nkey = {:?}\n", pair.cert, pair.key);
        settings.listener_key("tls", "true").extra(&certificate)
    });
    let trust = pki.trust(Some("web.test"));
    let serves = |setup: &Setup| {
        let mut client = Client::try_connect_tls(setup.teal.listener(), &trust).expect("TLS");
        client.send("GET / HTTP/1.1\r\nHost: web.test\r\n\r\n");
        assert_eq!(client.answer().status, 200);
    };
    serves(&setup);
    // Broken at the start, after a renewal, and gone.
    let break_it: [&dyn Fn(); 3] = [
        &|| fs::write(&pair.cert, "rubbish").expect("a file"),
        &|| fs::write(&pair.key, "rubbish").expect("a file"),
        &|| fs::remove_file(&pair.key).expect("a file"),
    ];
    for break_it in break_it {
        break_it();
        let killed = setup.teal.kill_serving();
        serves(&setup);
        setup.teal.wait_revived(killed);
        setup.teal.log_has(&["in use before the crash", "which now has problems", "web"]);
        let problem = || setup.teal.status()["certificate_problem"].clone();
        wait_until(SOON * 2, "the problem is reported", || problem().is_string());
        pki.issue("web", &["web.test"]);
        wait_until(SOON * 2, "the renewed one is in use", || problem().is_null());
        serves(&setup);
    }
    setup.finish();
}

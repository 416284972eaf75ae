//! Decisions when the disk is read-only, silent, or has lost the files.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use testkit::{Client, Response, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::setup::{SOON, Setup};
use crate::upgrade::LEFT;

/// Asks with a token that is no longer on the disk.
pub(crate) fn post(teal: &Teal, token: &str, path: &str) -> Response {
    let mut client = Client::connect(teal.admin()).patience(Duration::from_secs(20));
    client.send(format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Length: \
         0\r\n\r\n",
        teal.admin()
    ));
    client.answer()
}

pub(crate) fn available(teal: &Teal) -> u64 {
    teal.metrics().count("teal_journal_available", &[])
}

// L6
#[test]
fn r3_a_decision_is_durable_under_its_name_though_files_were_removed_or_replaced() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 5] = [
        ("journal removed", |state| fs::remove_file(state.join("journal")).expect("removed")),
        ("head removed", |state| fs::remove_file(state.join("head")).expect("removed")),
        ("journal replaced", |state| {
            fs::copy(state.join("journal"), state.join("copy")).expect("copied");
            fs::rename(state.join("copy"), state.join("journal")).expect("replaced");
        }),
        ("directory removed", |state| fs::remove_dir_all(state).expect("removed")),
        ("directory renamed", |state| {
            fs::rename(state, state.with_extension("old")).expect("renamed");
        }),
    ];
    for (what, harm) in harms {
        let mut setup = Setup::new();
        let token = setup.teal.token();
        harm(&setup.teal.state_dir());
        let answer = post(&setup.teal, &token, "/admin/switch?to=green");
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        assert_eq!(available(&setup.teal), 1, "{what}");
        setup.teal.log_has(&["the journal continues in a fresh file"]);
        setup.teal.kill();
        setup.teal.start_again();
        assert_eq!(setup.teal.active(), "green", "{what}: {}", setup.teal.log());
        setup.finish();
    }
}

// L6
#[test]
fn r3_a_state_directory_that_may_be_anothers_is_left_alone_and_switches_are_refused() {
    let setup = Setup::new();
    let (token, state) = (setup.teal.token(), setup.teal.state_dir());
    fs::remove_dir_all(&state).expect("removed");
    fs::create_dir(&state).expect("made");
    fs::write(state.join("journal"), "another Teal's").expect("written");
    let answer = post(&setup.teal, &token, "/admin/switch?to=green");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("another Teal"), "{}", answer.text());
    assert_eq!(available(&setup.teal), 0);
    assert!(setup.teal.status()["journal"].is_string());
    let journal = fs::read_to_string(state.join("journal")).expect("there");
    assert_eq!(journal, "another Teal's");
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

// L6
#[test]
fn r3_a_directory_that_was_made_again_stays_locked_also_after_an_upgrade() {
    let mut setup = Setup::new();
    let (token, state) = (setup.teal.token(), setup.teal.state_dir());
    let is_locked = |setup: &Setup, when: &str| {
        let mut second = Teal::prepare(TEAL, &setup.settings());
        second.write_config(&setup.settings().to_toml(&state));
        second.spawn(&[]);
        let code = second.wait_exit(SOON);
        assert!(matches!(code, Some(1 | 2)), "{when}: {code:?}: {}", second.log());
        assert!(second.log().contains(&state.display().to_string()), "{when}: {}", second.log());
    };
    fs::remove_dir_all(&state).expect("removed");
    let answer = post(&setup.teal, &token, "/admin/switch?to=green");
    assert_eq!(answer.status, 200, "{}", answer.text());
    is_locked(&setup, "made again");
    let answer = post(&setup.teal, &token, "/admin/upgrade");
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), setup.teal.log());
    is_locked(&setup, "in the trial");
    setup.teal.wait_alone(LEFT);
    is_locked(&setup, "after an upgrade");
    setup.teal.wait_healthy("blue", true);
    setup.teal.switch_to("blue");
    is_locked(&setup, "after a switch");
    setup.teal.kill();
    setup.teal.start_again();
    assert_eq!(setup.teal.active(), "blue", "{}", setup.teal.log());
    setup.finish();
}

// L6
#[test]
fn r5_a_changed_configuration_on_a_read_only_file_system_is_refused_in_clear_words() {
    let can = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|s| s.success());
    if !geteuid().is_root() || !can {
        println!("skipped: a read-only mount needs root and unshare");
        return;
    }
    let mut setup = Setup::new();
    setup.teal.switch_to("green");
    setup.teal.kill();
    let (directory, state) = (tempfile::tempdir().expect("a directory"), setup.teal.state_dir());
    let program = Teal::script(directory.path(), &on_read_only(&state));
    setup.teal.start_again_by(&program);
    let more = format!(
        "[[service]]\nname = \"more\"\npath_prefix = \"/more\"\nblue = {{ targets = [{:?}] }}\n\
         green = {{ targets = [{:?}] }}",
        setup.green.url(),
        setup.blue.url()
    );
    setup.teal.write_settings(&setup.settings().extra(&more));
    let reload = setup.teal.cli(&["reload"]);
    assert!(matches!(reload.code, Some(1..=3)), "{}", reload.all());
    assert!(reload.all().contains("ead-only"), "{}", reload.all());
    assert_eq!(setup.who(), "green", "the old one is served");
    // A restart can't make the change durable either.
    setup.teal.kill();
    setup.teal.spawn(&[]);
    let code = setup.teal.wait_exit(SOON);
    assert_eq!(code, Some(1), "{}", setup.teal.log());
    for word in ["not those of the last start (+more)", "ead-only", "the previous configuration"] {
        assert!(setup.teal.log().contains(word), "{word}: {}", setup.teal.log());
    }
}

/// Starts Teal with a state directory that it can only read.
fn on_read_only(state: &Path) -> String {
    format!(
        "exec unshare -m sh -c 'mount --make-rprivate / && mount --bind {0} {0} && mount -o \
         remount,ro,bind {0} && exec {TEAL} \"$@\"' teal \"$@\"\n",
        state.display()
    )
}

// L6
#[test]
fn r5_a_restart_on_a_read_only_file_system_serves_and_refuses_switches() {
    let can = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|s| s.success());
    if !geteuid().is_root() || !can {
        println!("skipped: a read-only mount needs root and unshare");
        return;
    }
    let mut setup = Setup::new();
    setup.teal.switch_to("green");
    setup.teal.kill();
    let (directory, state) = (tempfile::tempdir().expect("a directory"), setup.teal.state_dir());
    let script = on_read_only(&state);
    for lost in ["", "admin.token", "lock"] {
        if !lost.is_empty() {
            fs::remove_file(state.join(lost)).expect("removed");
        }
        let program = Teal::script(directory.path(), &script);
        setup.teal.start_again_by(&program);
        assert_eq!((setup.who(), setup.teal.active()), ("green".to_owned(), "green".to_owned()));
        setup.teal.log_has(&["cannot create the admin socket", "ead-only"]);
        assert_eq!(available(&setup.teal), 0);
        let why = setup.teal.status()["journal"].to_string();
        assert!(why.contains("ead-only"), "{why}");
        if lost.is_empty() {
            setup.teal.wait_healthy("blue", true);
            let answer = setup.teal.switch("blue", "");
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(answer.text().contains("ead-only"), "{}", answer.text());
            // The journal is there, if not for writing: no reason against an upgrade.
            setup.teal.cli(&["upgrade"]).assert_code(0);
        }
        assert_eq!(setup.who(), "green");
        setup.teal.kill();
    }
}

/// Delays `fdatasync` for as long as a file is there.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
int fdatasync(int fd) {
    const char *slow = getenv("TEAL_TEST_SLOW");
    // Looks at the condition again and again: the test takes the file away.
    while (slow && access(slow, F_OK) == 0) usleep(10000);
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return real(fd);
}
"#;

/// A library to preload, from its source.
pub(crate) fn compiled(directory: &Path, source: &str) -> String {
    let (file, shim) = (directory.join("shim.c"), directory.join("shim.so"));
    fs::write(&file, source).expect("written");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&shim).arg(&file).arg("-ldl");
    assert!(compiler.status().expect("cc is there").success());
    shim.display().to_string()
}

/// A Teal whose disk is silent while `slow` is there.
fn on_a_silent_disk(directory: &Path, slow: &Path) -> (Target, Target, Teal) {
    let (shim, slow) = (compiled(directory, SHIM), slow.display());
    let program = Teal::script(
        directory,
        &format!("LD_PRELOAD={shim} TEAL_TEST_SLOW={slow} exec {TEAL} \"$@\"\n"),
    );
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let teal = Teal::start_healthy(&program, &Settings::new(&blue, &green));
    (blue, green, teal)
}

fn who(teal: &Teal) -> String {
    let answer = Client::connect(teal.listener()).get("/who");
    answer.fields.get("x-target").expect("a target answered").to_owned()
}

// L6 L10
#[test]
fn r4_a_disk_that_does_not_answer_is_reported_in_time_and_nothing_is_published_before_it_does() {
    let directory = tempfile::tempdir().expect("a directory");
    let slow = directory.path().join("slow");
    let (_blue, _green, mut teal) = on_a_silent_disk(directory.path(), &slow);
    fs::write(&slow, "").expect("written");
    let begun = Instant::now();
    let token = teal.token();
    let answer = post(&teal, &token, "/admin/switch?to=green");
    let took = begun.elapsed();
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(answer.text().contains("under way, neither done nor refused"), "{}", answer.text());
    assert!(took < Duration::from_secs(10), "{took:?}");
    let status = teal.status();
    assert_eq!(status["waits"][0]["stage"], "writing", "{status}");
    assert!(
        status["journal"].as_str().is_some_and(|why| why.contains("not confirmed")),
        "{status}"
    );
    assert_eq!(available(&teal), 0);
    assert_eq!(who(&teal), "blue", "not before it is durable");
    let next = post(&teal, &token, "/admin/hold");
    assert!(matches!(next.status, 409 | 503), "{}", next.text());
    fs::remove_file(&slow).expect("removed");
    wait_until(SOON, "what was decided is published", || who(&teal) == "green");
    wait_until(SOON, "all is well", || available(&teal) == 1);
    wait_until(SOON, "it is drained", || teal.color("blue")["drained"] == true);
    // A stop does not wait for the disk.
    fs::write(&slow, "").expect("written");
    teal.wait_healthy("blue", true);
    let answer = post(&teal, &token, "/admin/switch?to=blue");
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert_eq!(teal.stop(Duration::from_secs(10)), Some(0), "{}", teal.log());
}

// L6
#[test]
fn a_state_directory_that_is_removed_is_made_again_at_once_with_all_that_was_decided() {
    let mut setup = Setup::new();
    setup.teal.switch_to("green");
    let state = setup.teal.state_dir();
    let socket = state.join("admin.sock");
    for round in 0..2 {
        let token = setup.teal.token();
        fs::remove_dir_all(&state).expect("removed");
        let there = || {
            let names = ["journal", "head", "lock", "admin.token"];
            names.iter().all(|name| state.join(name).exists()) && socket.exists()
        };
        wait_until(SOON * 4, "all of it is there again, though nobody asks for a change", there);
        setup.teal.log_has(&["the state directory", "was removed; creating it again"]);
        setup.teal.log_has(&["the admin socket", "was removed; created it again"]);
        assert_eq!(available(&setup.teal), 1);
        // Clients find it by the socket, and are let in by the token before and by the new one.
        let socket = format!("unix:{}", socket.display());
        let reload = ["reload", "--admin", &socket];
        wait_until(SOON, "the socket is served", || {
            setup.teal.cli_bare(&["status", "--admin", &socket], &[]).code == Some(0)
        });
        assert_ne!(setup.teal.token(), token);
        assert_eq!(post(&setup.teal, &token, "/admin/reload").status, 200, "{round}");
        wait_until(SOON, "the new token is let in", || {
            post(&setup.teal, &setup.teal.token(), "/admin/reload").status == 200
        });
        setup.teal.cli_bare(&reload, &[]).assert_code(0);
        // A Teal that is started after a crash of this one has the socket, too.
        let killed = setup.teal.kill_serving();
        assert_ne!(setup.teal.wait_revived(killed), killed);
        wait_until(SOON, "the socket is served", || {
            setup.teal.cli_bare(&["status", "--admin", &socket], &[]).code == Some(0)
        });
    }
    fs::remove_dir_all(&state).expect("removed");
    wait_until(SOON * 4, "the journal is there", || state.join("head").exists());
    setup.teal.kill();
    setup.teal.start_again();
    assert_eq!(setup.teal.active(), "green", "{}", setup.teal.log());
    setup.finish();
}

#[test]
fn an_upgrade_has_the_state_with_it_though_its_directory_was_removed_just_before() {
    // L6
    let setup = Setup::new();
    setup.teal.switch_to("green");
    let token = setup.teal.token();
    fs::remove_dir_all(setup.teal.state_dir()).expect("removed");
    let upgraded = post(&setup.teal, &token, "/admin/upgrade");
    assert_eq!(upgraded.status, 200, "{}", upgraded.text());
    assert_eq!(setup.teal.active(), "green", "{}", setup.teal.log());
    setup.finish();
}

#[test]
fn an_upgrade_passes_on_the_lock_of_the_directory_as_it_was_made_again() {
    // L6
    let mut setup = Setup::new();
    let state = setup.teal.state_dir();
    fs::remove_dir_all(&state).expect("removed");
    let there = || ["head", "admin.token"].iter().all(|name| state.join(name).exists());
    wait_until(SOON * 4, "it is there again", there);
    let older = setup.teal.pid();
    setup.teal.upgrade();
    // As long as it may take everything back.
    let open = fs::read_dir(format!("/proc/{older}/fd")).expect("it is there");
    let open = open.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    // One that is removed has " (deleted)" after its name.
    let lock = state.join("lock").display().to_string();
    let open = open.map(|path| path.display().to_string());
    let locks: Vec<_> = open.filter(|path| path.starts_with(&lock)).collect();
    assert_eq!(locks, [lock], "one, and not of the directory before");
    setup.finish();
}

#[test]
fn a_token_that_cannot_be_made_again_at_first_is_made_by_a_later_look() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = Teal::surviving_full_files(TEAL, directory.path());
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::start_healthy(&program, &Settings::new(&blue, &green));
    let (path, before) = (teal.state_dir().join("admin.token"), teal.token());
    teal.limit_file_size(Some(0));
    fs::remove_file(&path).expect("removed");
    let said = || teal.log().contains("cannot write the admin token");
    wait_until(SOON * 4, "it says that it cannot", said);
    assert!(!path.exists());
    teal.limit_file_size(None);
    wait_until(SOON * 4, "it is made by a later look", || path.exists());
    assert_ne!(teal.token(), before);
    wait_until(SOON, "it is let in", || post(&teal, &teal.token(), "/admin/reload").status == 200);
    assert_eq!(post(&teal, &before, "/admin/reload").status, 200, "and so is the one before");
    assert_eq!(teal.stop(SOON), Some(0));
}

//! Starts on a disk that is full or read-only, and what others may do to the state directory and its ports.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use testkit::{Settings, Target, Teal, wait_until};

use crate::setup::{SOON, Setup};
use crate::state_of_disk::{available, post};
use crate::{TEAL, own_network};
#[test]
fn a_metric_shows_that_the_disk_is_full_while_the_journal_still_has_room() {
    // L6
    let setup = "mkdir -p /run/reserve && mount -t tmpfs -o size=1m none /run/reserve";
    let test = "a_metric_shows_that_the_disk_is_full_while_the_journal_still_has_room";
    if !own_network::is_inside(module_path!(), test, "127.0.0.1 localhost\n", "hosts: files", setup)
    {
        return;
    }
    let state = Path::new("/run/reserve/state");
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let settings = Settings::new(&blue, &green);
    let mut teal = Teal::prepare(TEAL, &settings);
    teal.write_config(&settings.to_toml(state));
    teal.spawn(&[]);
    teal.wait_ready();
    teal.wait_healthy("green", true);
    let token = fs::read_to_string(state.join("admin.token")).expect("it is there");
    let on_reserve = || teal.metrics().count("teal_journal_on_reserve", &[]) == 1;
    assert!(!on_reserve());
    let filler = Path::new("/run/reserve/filler");
    fs::write(filler, vec![1; 2 << 20]).expect_err("there is less room");
    let mut colors = ["green", "blue"].into_iter().cycle();
    let mut switch = || {
        let to = colors.next().unwrap_or_default();
        let path = format!("/admin/switch?to={to}&wait_healthy=5s");
        assert_eq!(post(&teal, token.trim(), &path).status, 200);
    };
    // The journal asks for more room once 64 KiB are left.
    for _ in 0..200 {
        if on_reserve() {
            break;
        }
        switch();
    }
    assert!(on_reserve());
    assert_eq!(available(&teal), 1, "and switches go on");
    fs::remove_file(filler).expect("removed");
    switch();
    assert!(!on_reserve());
    assert_eq!(teal.stop(SOON), Some(0));
}

#[test]
fn a_start_on_a_full_disk_makes_the_token_once_there_is_room() {
    let setup = "mkdir -p /run/full && mount -t tmpfs -o size=1m none /run/full";
    let test = "a_start_on_a_full_disk_makes_the_token_once_there_is_room";
    if !own_network::is_inside(module_path!(), test, "127.0.0.1 localhost\n", "hosts: files", setup)
    {
        return;
    }
    let state = Path::new("/run/full/state");
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let settings = Settings::new(&blue, &green);
    let mut teal = Teal::prepare(TEAL, &settings);
    let text = settings.to_toml(state);
    teal.write_config(&text);
    teal.spawn(&[]);
    teal.wait_ready();
    assert_eq!(teal.stop(SOON), Some(0));
    let token = state.join("admin.token");
    fs::remove_file(&token).expect("removed");
    let filler = Path::new("/run/full/filler");
    let full = fs::write(filler, vec![1; 2 << 20]).expect_err("there is less room");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    teal.spawn(&[]);
    teal.wait_ready();
    teal.log_has(&["cannot write the admin token", "until the state directory is writable"]);
    fs::remove_file(filler).expect("removed");
    wait_until(SOON * 4, "it is made", || token.exists());
    let made = fs::read_to_string(&token).expect("it is there");
    wait_until(SOON, "it is let in", || post(&teal, made.trim(), "/admin/reload").status == 200);
    assert_eq!(teal.stop(SOON), Some(0));
}

#[test]
fn a_start_on_a_read_only_disk_names_its_lock_and_makes_the_token_once_it_can() {
    // L6
    let setup = "mkdir -p /run/ro && mount -t tmpfs none /run/ro";
    let test = "a_start_on_a_read_only_disk_names_its_lock_and_makes_the_token_once_it_can";
    if !own_network::is_inside(module_path!(), test, "127.0.0.1 localhost\n", "hosts: files", setup)
    {
        return;
    }
    let remount = |how: &str| {
        let how = format!("remount,{how}");
        let mount = Command::new("mount").args(["-o", &how, "/run/ro"]).status();
        assert!(mount.expect("mount is there").success());
    };
    let state = Path::new("/run/ro/state");
    let (token, lock) = (state.join("admin.token"), state.join("lock"));
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let settings = Settings::new(&blue, &green);
    let mut teal = Teal::prepare(TEAL, &settings);
    teal.write_config(&settings.to_toml(state));
    teal.spawn(&[]);
    teal.wait_ready();
    assert_eq!(teal.stop(SOON), Some(0));
    for missing in ["", "lock"] {
        fs::remove_file(&token).expect("removed");
        if !missing.is_empty() {
            fs::remove_file(state.join(missing)).expect("removed");
        }
        remount("ro");
        teal.spawn(&[]);
        teal.wait_ready();
        teal.log_has(&["cannot write the admin token", "until the state directory is writable"]);
        remount("rw");
        wait_until(SOON * 4, "the token is made", || token.exists());
        let named = fs::read_to_string(&lock).expect("it is there");
        assert_eq!(named.trim(), teal.pid().to_string(), "{missing}");
        let made = fs::read_to_string(&token).expect("it is there");
        let enters = || post(&teal, made.trim(), "/admin/reload").status == 200;
        wait_until(SOON, "it is let in", enters);
        assert_eq!(teal.stop(SOON), Some(0));
    }
}

#[test]
fn a_directory_of_the_admin_socket_that_others_may_write_to_is_made_private() {
    let setup = Setup::new();
    let mut teal = Teal::prepare(TEAL, &setup.settings());
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = directory.path().join("run");
    fs::create_dir(&runtime).expect("made");
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o777)).expect("set");
    let shown = runtime.display().to_string();
    let checked = teal.cli_bare(
        &["check", "--config", &teal.config().display().to_string()],
        &[("RUNTIME_DIRECTORY", &shown)],
    );
    let words = format!("{shown} has mode 0777: others may write to it; write: chmod 755 {shown}");
    assert!(checked.all().contains(&words), "{}", checked.all());
    teal.spawn_as_service(&[("RUNTIME_DIRECTORY", &shown)], None);
    wait_until(SOON, "the socket is there", || runtime.join("admin.sock").exists());
    teal.log_has(&[&format!("{shown} had mode 0777: others may write to it; it has 0755 now")]);
    assert_eq!(fs::metadata(&runtime).expect("there").permissions().mode() & 0o7777, 0o755);
    assert_eq!(teal.stop(SOON), Some(0));
}

#[test]
fn check_says_whether_the_ports_are_held_by_the_teal_of_this_state_directory() {
    let setup = Setup::new();
    let check = |config: &Path| {
        let checked =
            setup.teal.cli_bare(&["check", "--config", &config.display().to_string()], &[]);
        checked.assert_code(0);
        checked.all()
    };
    // Its own configuration, with the addresses that it has: as it should be.
    let own = fs::read_to_string(setup.teal.config()).expect("there");
    let (listener, admin) = (setup.teal.listener().to_string(), setup.teal.admin().to_string());
    let bound = own.replacen("127.0.0.1:0", &listener, 1).replacen("127.0.0.1:0", &admin, 1);
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("teal.toml");
    fs::write(&file, &bound).expect("written");
    assert!(!check(&file).contains("another program"), "{}", check(&file));
    // Without its socket, too: the lock says it.
    fs::remove_file(setup.teal.state_dir().join("admin.sock")).expect("removed");
    assert!(!check(&file).contains("another program"), "{}", check(&file));
    let other = bound.replace(
        &setup.teal.state_dir().display().to_string(),
        &directory.path().join("other").display().to_string(),
    );
    fs::write(&file, other).expect("written");
    let said = check(&file);
    for words in [&*listener, "another program is using it", "`teal run` would refuse to start"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    setup.finish();
}

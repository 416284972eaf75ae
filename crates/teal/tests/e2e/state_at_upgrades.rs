//! The state, if its directory is removed or replaced in the middle of an upgrade.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use testkit::{Teal, signal_process, wait_for};

use crate::TEAL;
use crate::setup::{SOON, Setup};
use crate::state_of_disk::compiled;
use crate::upgrade_that_fails::fails;

/// Replaces journal and head when the journal is first read: by those in another directory, or by nothing if they
/// are not there.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void replace(const char *journal) {
    const char *names[] = {"journal", "head"};
    for (int i = 0; i < 2; i++) {
        char from[4096], there[4096];
        int directory = (int)(strlen(journal) - strlen("journal"));
        snprintf(from, sizeof from, "%s/%s", getenv("TEAL_TEST_FROM"), names[i]);
        snprintf(there, sizeof there, "%.*s%s", directory, journal, names[i]);
        if (rename(from, there) != 0) unlink(there);
    }
}
int open64(const char *path, int flags, ...) {
    static int done;
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    const char *name = strrchr(path, '/');
    if (!done && (flags & O_ACCMODE) == O_RDONLY && name && strcmp(name, "/journal") == 0) {
        done = 1;
        replace(path);
    }
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    return real(path, flags, mode);
}
"#;

/// A newer Teal that finds in its state directory what is in this one.
fn finding(directory: &Path, from: &Path) -> String {
    let (shim, from) = (compiled(directory, SHIM), from.display());
    let text = format!("LD_PRELOAD={shim} TEAL_TEST_FROM={from} exec {TEAL} \"$@\"\n");
    Teal::script(directory, &text)
}

#[test]
fn a_newer_one_that_sees_no_state_where_there_is_one_is_refused() {
    // L6
    let mut setup = Setup::new();
    setup.teal.switch_to("green");
    let directory = tempfile::tempdir().expect("a directory");
    let program = finding(directory.path(), &directory.path().join("nothing"));
    let (state, generation) = (setup.teal.state_dir(), setup.teal.generation());
    let why = fails(&mut setup, &program, SOON);
    let said = format!(
        "there is no state in {}, where the Teal that runs had one of generation {generation}",
        state.display()
    );
    assert!(why.contains(&said) && why.contains("try the upgrade again"), "{why}");
    setup.teal.log_has(&["the journal was removed or replaced during the upgrade"]);
    goes_on_after_a_crash(setup);
}

#[test]
fn a_newer_one_that_sees_an_older_state_than_the_running_one_is_refused() {
    // L6
    let mut setup = Setup::new();
    let (state, directory) = (setup.teal.state_dir(), tempfile::tempdir().expect("a directory"));
    let (before, copy) = (setup.teal.generation(), directory.path().join("copy"));
    fs::create_dir(&copy).expect("made");
    for name in ["journal", "head"] {
        fs::copy(state.join(name), copy.join(name)).expect("copied");
    }
    setup.teal.switch_to("green");
    let generation = setup.teal.generation();
    let program = finding(directory.path(), &copy);
    let why = fails(&mut setup, &program, SOON);
    let said = format!(
        "the state in {} is of generation {before}, older than that of the Teal that runs, which is of \
         generation {generation}",
        state.display()
    );
    assert!(why.contains(&said) && why.contains("try the upgrade again"), "{why}");
    setup.teal.log_has(&["the journal was removed or replaced during the upgrade"]);
    goes_on_after_a_crash(setup);
}

/// Checks that the decisions of the running one are in its journal again.
fn goes_on_after_a_crash(mut setup: Setup) {
    let known = (setup.teal.active(), setup.teal.generation());
    setup.teal.kill();
    setup.teal.start_again();
    assert_eq!((setup.teal.active(), setup.teal.generation()), known, "{}", setup.teal.log());
    setup.finish();
}

#[test]
fn a_published_switch_stays_though_the_newer_one_dies_and_its_journal_is_removed() {
    // L2 L6
    let mut setup = Setup::new();
    let (first, state) = (setup.teal.pid(), setup.teal.state_dir());
    let newer = setup.teal.upgrade();
    assert_eq!(setup.teal.switch("green", "&wait_healthy=10s").status, 200);
    assert_eq!(setup.who(), "green");
    let generation = setup.teal.generation();
    // It does not write its journal again.
    signal_process(newer, Signal::STOP);
    for name in ["journal", "head"] {
        fs::remove_file(state.join(name)).expect("removed");
    }
    assert_eq!(setup.teal.kill_serving(), newer);
    assert_eq!(setup.who(), "green", "no client goes back");
    wait_for(SOON, "the older one is asked again", || {
        setup.teal.try_ask("GET", "/livez", &[]).ok()
    });
    assert_eq!(setup.teal.pid(), first);
    assert_eq!((setup.teal.active(), setup.who()), ("green".to_owned(), "green".to_owned()));
    assert_eq!(setup.teal.generation(), generation);
    setup.teal.log_has(&["the journal was removed or replaced during the upgrade"]);
    // No request went to blue meanwhile.
    assert!(setup.blue.seen().requests_to("/who").is_empty());
    goes_on_after_a_crash(setup);
}

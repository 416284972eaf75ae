//! Teal and its user where the shipped unit looks for them, in the systemd of a test.

use std::fs;

pub(super) use testkit::systemd::{boot, is_inside, run, systemctl};

use crate::TEAL;

/// Puts the program where the unit looks for it. Inside.
pub(super) fn install_program() {
    testkit::systemd::install_program(TEAL);
}

/// Installs Teal and its user, as the guide says. Inside.
pub(super) fn install() {
    install_program();
    fs::create_dir_all("/etc/sysusers.d").expect("a directory");
    let users = include_str!("../../../../../packaging/teal.sysusers");
    fs::write("/etc/sysusers.d/teal.conf", users).expect("a file");
    run("systemd-sysusers", &["teal.conf"]);
}

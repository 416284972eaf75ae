//! The machine of a guide: a systemd in namespaces, with a Teal of the shipped unit, users, names and certificates.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use testkit::systemd::{boot, install_program, is_inside, run, systemctl};
use testkit::{CliResult, Pki, Trust, wait_until};

use crate::{TEAL, file};

/// The time limit for a command of a guide.
const WITHIN: Duration = Duration::from_secs(60);

/// Returns true inside. Outside, boots a systemd and runs the test of this whole name there; without the programs that the
/// guide needs, says so.
#[expect(clippy::print_stderr, reason = "whoever runs the tests has to see what was left out")]
pub(crate) fn is_ready(test: &str, programs: &[&str]) -> bool {
    if is_inside() {
        run("mount", &["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/opt"]);
        return true;
    }
    match programs.iter().find(|program| !Path::new(program).exists()) {
        Some(missing) => eprintln!("{test} is skipped: there is no {missing}"),
        None => boot(test, &[]),
    }
    false
}

/// Runs a command line of a guide as root.
pub(crate) fn shell(command: &str) -> CliResult {
    testkit::run(Path::new("bash"), ["-c", command], &[], WITHIN)
}

/// Starts a program that stays until the systemd of the test ends. It has no part in the output of the test, which would not
/// end before it.
pub(crate) fn daemon(words: &[&str]) -> Child {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("HOME", "/run");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("it is installed")
}

/// Copies a file or a directory of the repository.
pub(crate) fn install(from: &str, to: &str) {
    let (from, to) = (file(from), Path::new(to));
    fs::create_dir_all(to.parent().expect("it is in a directory")).expect("a directory");
    run("cp", &["-r", "-T", &from.display().to_string(), &to.display().to_string()]);
}

/// The name leads to this machine.
pub(crate) fn name(host: &str) {
    let mut hosts = fs::File::options().append(true).open("/etc/hosts").expect("it is ours");
    writeln!(hosts, "127.0.0.1 {host}").expect("it can be written");
}

/// A certificate for the name, from a CA that this machine trusts, where the configuration expects it.
pub(crate) fn certify(host: &'static str) -> Trust {
    fs::create_dir_all("/run/pki").expect("a directory");
    let pki = Pki::new(Path::new("/run/pki"));
    let pair = pki.issue(host, &[host]);
    fs::create_dir_all("/etc/teal").expect("a directory");
    for (from, to) in [(&pair.cert, "pem"), (&pair.key, "key")] {
        let to = format!("/etc/teal/{host}.{to}");
        fs::copy(from, &to).expect("a copy");
        run("chmod", &["644", &to]);
    }
    let ca = fs::read(pki.ca()).expect("its certificate");
    let trusted =
        fs::File::options().append(true).create(true).open("/etc/ssl/certs/ca-certificates.crt");
    trusted.expect("the system's CAs").write_all(&ca).expect("it can be written");
    pki.trust(Some(host))
}

/// Teal as the shipped unit, with this configuration of the repository.
pub(crate) fn start_teal(config: &str) {
    start_teal_of(&fs::read_to_string(file(config)).expect(config));
}

/// The same with the text of a configuration.
pub(crate) fn start_teal_of(config: &str) {
    install_program(TEAL);
    fs::write("/etc/teal/teal.toml", config).expect("it is ours");
    install("packaging/teal.sysusers", "/etc/sysusers.d/teal.conf");
    run("systemd-sysusers", &["teal.conf"]);
    install("packaging/teal.service", "/etc/systemd/system/teal.service");
    shell("teal check --config /etc/teal/teal.toml").assert_code(0);
    systemctl(&["daemon-reload"]);
    systemctl(&["start", "teal"]);
    wait_until(WITHIN, "Teal answers", || shell("teal status").code == Some(0));
}

/// An address of this machine.
pub(crate) fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

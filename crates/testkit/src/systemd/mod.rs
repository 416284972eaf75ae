//! A systemd as the first process of namespaces of its own, with its own `/etc`, `/run`, `/var/lib`,
//! `/var/log` and `/usr/local/bin`: what is installed there is gone with it.
//!
//! For packages, it has its own `/etc`, `/usr` and `/var` as layers over those of this machine instead.
//!
//! A test runs itself again inside. Without root, or where systemd cannot be booted in namespaces, it says that it was
//! skipped.

mod groups;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use groups::Groups;

const INSIDE: &str = "TEAL_TEST_SYSTEMD";

/// The time limit for systemd to start all its units.
const BOOTED: Duration = Duration::from_secs(20);

/// The targets that every unit refers to.
const TARGETS: [&str; 8] = [
    "default",
    "sysinit",
    "basic",
    "sockets",
    "multi-user",
    "network-online",
    "network",
    "shutdown",
];

/// The mounts over the files of this machine. `/etc` is a copy, without units.
const GROUND: &str = "ip link set lo up \
    && mount -t tmpfs -o mode=755 tmpfs /run && mount -t tmpfs -o mode=755 tmpfs /var/lib \
    && mount -t tmpfs -o mode=755 tmpfs /var/log && mount -t tmpfs -o mode=755 tmpfs /usr/local/bin \
    && mkdir -p /run/test/etc && cp -a /etc/. /run/test/etc && rm -rf /run/test/etc/systemd/system \
    && cp -a $UNITS /run/test/etc/systemd/system && mount --bind /run/test/etc /etc \
    && mount --make-rshared /";

/// The mounts for packages: layers over the files of this machine, so that dpkg and apt know what is installed here.
/// What they change is gone with them. Of units there are none but those of the test, nothing forbids packages to
/// start theirs, as containers do, and no index of the manual is made.
const LAYERS: &str = "ip link set lo up && mount -t tmpfs -o mode=755 tmpfs /run \
    && for top in etc usr var; do mkdir -p /run/test/$top/upper /run/test/$top/work && mount -t overlay \
    -o lowerdir=/$top,upperdir=/run/test/$top/upper,workdir=/run/test/$top/work overlay /$top || exit 1; done \
    && rm -rf /usr/sbin/policy-rc.d /var/lib/man-db/auto-update /etc/systemd/system && mkdir /etc/systemd/system \
    && mount -t tmpfs -o mode=755 tmpfs /usr/lib/systemd/system && cp -a $UNITS/. /usr/lib/systemd/system \
    && mount --make-rshared /";

/// Returns true if this process is inside.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Boots a systemd with these units, each a file name and a text, and runs the test of this whole name
/// inside.
pub fn boot(test: &str, further: &[(String, String)]) {
    boot_on(test, further, GROUND, "/etc/systemd/system");
}

/// Boots a systemd where packages can be installed, and runs the test of this whole name inside.
pub fn boot_for_packages(test: &str) {
    boot_on(test, &[], LAYERS, "");
}

/// Boots a systemd after these mounts, which looks for units here; in the usual places if none is given.
#[expect(clippy::print_stderr, reason = "whoever runs the tests has to see what was left out")]
fn boot_on(test: &str, further: &[(String, String)], ground: &str, unit_path: &str) {
    let skipped = |why: &str| eprintln!("{test} is skipped: {why}");
    if !rustix::process::getuid().is_root() {
        return skipped("it needs root for namespaces of its own");
    }
    if !Path::new("/lib/systemd/systemd").exists() {
        return skipped("systemd is not installed");
    }
    let units = tempfile::tempdir().expect("a directory");
    let units = units.path();
    for target in TARGETS {
        let text = "[Unit]\nDescription=nothing of its own\n";
        fs::write(units.join(format!("{target}.target")), text).expect("a file");
    }
    for (name, text) in further {
        fs::write(units.join(name), text).expect("a file");
    }
    let groups = Groups::make();
    let mut systemd = systemd(&groups, units, ground);
    if !unit_path.is_empty() {
        systemd.env("SYSTEMD_UNIT_PATH", unit_path);
    }
    let mut systemd = systemd.spawn().expect("timeout can be started");
    let first = wait_booted(&mut systemd);
    let ran = first.map(|first| {
        let itself = std::env::current_exe().expect("the test has a file");
        let run = inside(first).arg(itself).args([test, "--exact", "--nocapture"]).output();
        // SIGKILL to the first process of a namespace ends all that is in it.
        crate::signal_process(first, rustix::process::Signal::KILL);
        run.expect("nsenter can be started")
    });
    let ended = systemd.wait_with_output().expect("it ends");
    drop(groups);
    match ran {
        Some(Output { status, stdout, stderr }) => {
            let said = [stdout, stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
            assert!(status.success() && said[0].contains("1 passed"), "{}{}", said[0], said[1]);
        }
        None => skipped(&format!(
            "systemd cannot be booted in namespaces here: {}",
            String::from_utf8_lossy(&ended.stderr)
        )),
    }
}

/// A systemd as the first process of namespaces and in control groups of its own, which are all that it
/// sees of them.
fn systemd(groups: &Groups, units: &Path, ground: &str) -> Command {
    let mounts = groups
        .0
        .iter()
        .map(|(at, own)| format!("mount --bind {} {} && ", own.display(), at.display()));
    let boot = format!("{ground} && exec /lib/systemd/systemd --system --log-target=null");
    let script = mounts.chain([boot]).collect::<String>();
    let enter = "for own in $GROUPS_OF_TEST; do echo $$ > $own/cgroup.procs || exit 1; done; \
                 exec unshare --kill-child -m -n -u -i -C -p -f --mount-proc sh -c \"$0\"";
    let own: Vec<_> = groups.0.iter().map(|(_, own)| own.display().to_string()).collect();
    let mut command = Command::new("timeout");
    command
        .args(["--signal=KILL", "180", "sh", "-c", enter, &script])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("GROUPS_OF_TEST", own.join(" "))
        .env("UNITS", units)
        .env("container", "other")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// The process id of systemd once it is up; none if it cannot be here.
fn wait_booted(systemd: &mut Child) -> Option<u32> {
    let until = Instant::now() + BOOTED;
    while Instant::now() < until && systemd.try_wait().expect("a child").is_none() {
        let below = |pid: u32| {
            let path = format!("/proc/{pid}/task/{pid}/children");
            fs::read_to_string(path).ok()?.split_whitespace().next()?.parse::<u32>().ok()
        };
        if let Some(first) = below(systemd.id()).and_then(below) {
            let asked = inside(first).args(["systemctl", "is-system-running"]).output();
            if asked.is_ok_and(|asked| asked.stdout.starts_with(b"running")) {
                return Some(first);
            }
        }
        thread::sleep(Duration::from_millis(50)); // it is asked again until it is up
    }
    let _ended = systemd.kill();
    None
}

/// A command line inside the namespaces of this process.
fn inside(first: u32) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", &first.to_string(), "-m", "-n", "-u", "-i", "-C", "-p"]);
    command.env(INSIDE, "1").env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// Puts a Teal where the shipped unit looks for it. Inside.
pub fn install_program(teal: &str) {
    fs::create_dir_all("/etc/teal").expect("a directory");
    fs::copy(teal, "/usr/local/bin/teal").expect("a copy that every user may run");
}

/// Runs a program, which must end with 0; what it has printed.
#[track_caller]
pub fn run(program: &str, words: &[&str]) -> String {
    let ran = Command::new(program).args(words).output().expect("the program can be started");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{program} {words:?}: {said}");
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}

/// Runs systemctl, which must end with 0; what it has printed.
#[track_caller]
pub fn systemctl(words: &[&str]) -> String {
    run("systemctl", words)
}

//! The units for systemd: mentioned in README and guide, and accepted by systemd.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

#[test]
fn files_named_in_the_readme_and_the_guide_are_packaged() {
    let (readme, guide) = (read("README.md"), read("docs/guide/operate.md"));
    for file in ["teal.service", "teal.socket", "teal.sysusers", "logrotate"] {
        assert!(!read(&format!("packaging/{file}")).is_empty());
        let named = |text: &str| text.contains(&format!("packaging/{file}"));
        assert!(named(&readme) || named(&guide), "no document mentions packaging/{file}");
    }
    assert!(readme.contains("](packaging/teal.service)"), "README.md does not link to the unit");
}

#[test]
fn systemd_has_nothing_to_say_against_the_unit() {
    let directory = tempfile::tempdir().expect("a directory");
    let unit = directory.path().join("teal.service");
    // The unit's program is not installed where the tests run; any executable will do.
    let text = read("packaging/teal.service").replace("/usr/local/bin/teal", "/bin/true");
    fs::write(&unit, text).expect("written");
    let socket = directory.path().join("teal.socket");
    fs::write(&socket, read("packaging/teal.socket")).expect("written");
    let verify = Command::new("systemd-analyze").arg("verify").args([&unit, &socket]).output();
    let Ok(output) = verify else {
        return; // a machine without systemd; the test above still applies
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let about_unit: Vec<&str> = said.lines().filter(|line| line.contains("/teal.")).collect();
    assert!(about_unit.is_empty(), "{said}");
}

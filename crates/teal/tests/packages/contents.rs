//! The contents of the packages: what tools of Debian, systemd, groff and bash have to say about them, and that the same
//! inputs make the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use testkit::CliResult;

use crate::made::{make_in, packages};

/// The highest exposure of the unit, of 10: the network, which is what Teal is for, counts most of it.
const EXPOSURE_MAX: f32 = 1.8;

fn run(program: &str, words: &[&str]) -> CliResult {
    testkit::run(Path::new(program), words, &[("LC_ALL", "C.UTF-8")], Duration::from_secs(120))
}

/// The files of the Debian package.
fn unpacked() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let (deb, to) = (packages().deb.display(), directory.path().display());
    run("dpkg-deb", &["--extract", &deb.to_string(), &to.to_string()]).assert_code(0);
    directory
}

fn paths_below(directory: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory").flatten();
    entries.map(|entry| entry.path().display().to_string()).collect()
}

#[test]
fn lintian_has_nothing_to_say_about_the_debian_package() {
    let deb = packages().deb.display().to_string();
    let said = run("lintian", &["--allow-root", "--fail-on", "error,warning", &deb]);
    said.assert_code(0);
    assert!(!said.stdout.lines().any(|line| line.starts_with(['E', 'W'])), "{}", said.all());
}

#[test]
fn the_installed_unit_is_as_closed_as_the_guide_says() {
    let files = unpacked();
    let unit = files.path().join("usr/lib/systemd/system/teal.service").display().to_string();
    let said = run("systemd-analyze", &["security", "--no-pager", "--offline=yes", &unit]);
    let level = said.stdout.lines().find_map(|line| line.split_once("exposure level for "));
    let level = level.and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<f32>().ok());
    let level = level.unwrap_or_else(|| panic!("{}", said.all()));
    assert!(level <= EXPOSURE_MAX, "{level}: {}", said.stdout);
}

#[test]
fn the_packaged_configuration_is_valid() {
    let files = unpacked();
    let program = files.path().join("usr/bin/teal").display().to_string();
    let config = files.path().join("etc/teal/teal.toml").display().to_string();
    let checked = run(&program, &["check", "--config", &config]);
    checked.assert_code(0);
    assert!(checked.stdout.contains("1 service, 1 listener"), "{}", checked.all());
}

#[test]
fn every_command_has_a_manual_page_that_renders_without_a_warning() {
    let files = unpacked();
    let manual = files.path().join("usr/share/man");
    let mut pages = paths_below(manual.join("man1"));
    pages.extend(paths_below(manual.join("man5")));
    assert!(pages.len() > 25, "{pages:?}");
    let words: Vec<&str> = pages.iter().map(String::as_str).collect();
    run("gunzip", &words).assert_code(0);
    let pages: Vec<&str> = pages.iter().map(|page| page.trim_end_matches(".gz")).collect();
    let rendered = run("groff", &[&["-man", "-ww", "-z", "-Tutf8", "-Kutf8"], &*pages].concat());
    rendered.assert_code(0);
    assert_eq!(rendered.stderr, "");
    let page = manual.join("man1/teal-deploy.1").display().to_string();
    let shown = run("man", &["--local-file", &page]);
    for words in ["TEAL-DEPLOY(1)", "--version <VERSION>", "teal.toml(5)"] {
        assert!(shown.stdout.contains(words), "{words} in {}", shown.all());
    }
}

#[test]
fn completions_are_loaded_by_bash() {
    let files = unpacked();
    let script = files.path().join("usr/share/bash-completion/completions/teal");
    let ask = "source \"$0\" && complete -p teal && COMP_WORDS=(teal swi) COMP_CWORD=1 && \
               _teal teal swi teal && echo \"${COMPREPLY[@]}\"";
    let said = run("bash", &["--norc", "-c", ask, &script.display().to_string()]);
    said.assert_code(0);
    assert!(said.stdout.ends_with("\nswitch\n"), "{}", said.all());
}

#[test]
fn the_tarball_has_the_program_its_licences_manual_completions_and_units() {
    let tarball = packages().tarball.display().to_string();
    let directory = tempfile::tempdir().expect("a directory");
    let to = directory.path().display().to_string();
    run("tar", &["--extract", "--gzip", "--file", &tarball, "--directory", &to]).assert_code(0);
    let stem = Path::new(&tarball).file_name().expect("a name").to_string_lossy().into_owned();
    let root = directory.path().join(stem.trim_end_matches(".tar.gz"));
    for file in [
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "man/teal.1",
        "man/teal.toml.5",
        "completions/teal.bash",
        "packaging/teal.service",
        "packaging/teal.socket",
        "sbom.cdx.json",
    ] {
        assert!(root.join(file).is_file(), "{file}");
    }
    let program = root.join("teal").display().to_string();
    let version = run(&program, &["version", "--json"]);
    let version: serde_json::Value = serde_json::from_str(&version.stdout).expect("JSON");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert!(version["rustc"].as_str().is_some_and(|rustc| rustc.starts_with("rustc ")));
}

#[test]
fn the_list_of_components_has_what_is_part_of_the_program_and_nothing_else() {
    let text = fs::read_to_string(&packages().components).expect("a file");
    let list: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&list["bomFormat"], &list["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let components = list["components"].as_array().expect("a list");
    let names: Vec<_> = components.iter().filter_map(|it| it["name"].as_str()).collect();
    for name in ["tokio", "rustls", "aws-lc-sys", "proxy"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for name in ["testkit", "packager", "cc", "proptest", "loom"] {
        assert!(!names.contains(&name), "{name}");
    }
    let foreign = components.iter().find(|it| it["name"] == "tokio").expect("it is there");
    assert_eq!(foreign["hashes"][0]["alg"], "SHA-256");
}

/// The validator of the CycloneDX project; prints what it finds.
const VALIDATE: &str = "\
import sys
try:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
except ImportError:
    sys.exit(77)
found = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
sys.exit(str(found) if found else 0)
";

#[test]
fn the_list_of_components_is_valid_by_the_schema_of_cyclonedx() {
    let installed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python");
    let list = packages().components.display().to_string();
    let environment = [("PYTHONPATH", &*installed.display().to_string())];
    let words = ["-c", VALIDATE, &list];
    let validated =
        testkit::run(Path::new("python3"), words, &environment, Duration::from_secs(60));
    if validated.code == Some(77) {
        return eprintln!("skipped: cyclonedx-python-lib is not installed");
    }
    validated.assert_code(0);
}

#[test]
fn the_same_inputs_make_the_same_packages() {
    let directory = tempfile::tempdir().expect("a directory");
    let (one, other) = (packages(), make_in(directory.path(), env!("CARGO_PKG_VERSION")));
    let all = [
        (&one.deb, &other.deb),
        (&one.tarball, &other.tarball),
        (&one.components, &other.components),
    ];
    for (one, other) in all {
        let same = Command::new("cmp").args([one, other]).status().expect("cmp can be started");
        assert!(same.success(), "{} differs from {}", one.display(), other.display());
    }
    let (one, other) = (one.image.join("root.tar"), other.image.join("root.tar"));
    assert_eq!(fs::read(one).expect("a file"), fs::read(other).expect("a file"));
    let sums = packager::write_checksums(directory.path(), &[&packages().deb, &packages().tarball]);
    let sums = fs::read_to_string(sums.expect("sums")).expect("a file");
    assert_eq!(sums.lines().filter(|line| line.split("  ").count() == 2).count(), 2, "{sums}");
}

//! The packages under test. They are made once, by the process that the tests were started as; tests that run themselves
//! again inside namespaces find them in the same place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use packager::{Architecture, Facts, Inputs, Packages, make};
use testkit::systemd::is_inside;

use crate::TEAL;

/// The time of all files in the packages.
const EPOCH: u64 = 1_767_225_600;

/// The directory of the packages of an older and a newer version.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages")
}

/// Makes the packages of both versions, and returns those of the newer one.
pub(crate) fn packages() -> &'static Packages {
    static MADE: OnceLock<Packages> = OnceLock::new();
    assert!(!is_inside(), "packages are made outside");
    MADE.get_or_init(|| {
        let directory = directory();
        if directory.exists() {
            fs::remove_dir_all(&directory).expect("the packages of an earlier run are removed");
        }
        make_in(&directory.join("older"), "0.0.9");
        make_in(&directory.join("newer"), env!("CARGO_PKG_VERSION"))
    })
}

/// Makes the packages with this version on them.
pub(crate) fn make_in(output: &Path, version: &str) -> Packages {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let inputs = Inputs {
        root: root.canonicalize().expect("the repository is there"),
        program: TEAL.into(),
        documents_by: TEAL.into(),
        output: output.to_owned(),
        facts: Facts {
            version: version.to_owned(),
            architecture: Architecture::of_this_machine().expect("it is amd64 or arm64"),
            epoch: EPOCH,
            maintainer: "Teal maintainers <maintainers@users.noreply.github.com>".to_owned(),
        },
        compression: 0,
    };
    make(&inputs).expect("the packages are made")
}

/// The Debian package of the older or the newer version, which exists already.
pub(crate) fn deb(age: &str) -> String {
    let directory = directory().join(age);
    let files = fs::read_dir(&directory).expect("the packages were made").flatten();
    let mut debs = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"));
    debs.next().expect("there is a .deb").display().to_string()
}

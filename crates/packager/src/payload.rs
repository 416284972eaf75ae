//! The files of each package: where they go, who may run them, what is in them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::document::Documents;
use crate::facts::Facts;
use crate::unit;

/// One file, or a directory with an owner of its own.
#[derive(Debug)]
pub(crate) struct File {
    /// Without a slash at its beginning.
    pub(crate) path: String,
    pub(crate) mode: u32,
    /// The user and the group, by number.
    pub(crate) owner: u32,
    /// Absent for a directory.
    pub(crate) contents: Option<Vec<u8>>,
}

/// The sources of all files.
pub(crate) struct Payload<'a> {
    pub(crate) root: &'a Path,
    pub(crate) facts: &'a Facts,
    pub(crate) program: &'a [u8],
}

/// The user of a container, which has no name.
const CONTAINER_USER: u32 = 65532;

// === impl File, Payload ===

impl File {
    fn text(path: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode: 0o644, owner: 0, contents: Some(text.into()) }
    }

    fn program(path: impl Into<String>, bytes: &[u8]) -> Self {
        Self { mode: 0o755, ..Self::text(path, bytes) }
    }

    fn directory(path: &str, owner: u32) -> Self {
        Self { path: path.to_owned(), mode: 0o755, owner, contents: None }
    }
}

impl Payload<'_> {
    /// The files of the Debian package. Those below `share/man` and the changelogs are not compressed yet.
    pub(crate) fn debian(&self, documents: &Documents, components: &str) -> Result<Vec<File>> {
        let configuration = self.read("packaging/debian/teal.toml")?;
        let service = unit::service(&self.read("packaging/teal.service")?)?;
        let socket = unit::socket(&self.read("packaging/teal.socket")?, &configuration)?;
        let (units, share) = ("usr/lib/systemd/system", "usr/share");
        let doc = format!("{share}/doc/teal");
        let mut files = vec![
            File::program("usr/bin/teal", self.program),
            File::text(format!("{units}/teal.service"), service),
            File::text(format!("{units}/teal.socket"), socket),
            File::text("usr/lib/sysusers.d/teal.conf", self.read("packaging/teal.sysusers")?),
            File::text("etc/logrotate.d/teal", self.read("packaging/logrotate")?),
            File::text("etc/teal/teal.toml", configuration),
            File::text(format!("{share}/bash-completion/completions/teal"), &*documents.bash),
            File::text(format!("{share}/zsh/vendor-completions/_teal"), &*documents.zsh),
            File::text(format!("{share}/fish/vendor_completions.d/teal.fish"), &*documents.fish),
            File::text(format!("{doc}/copyright"), self.read("packaging/debian/copyright")?),
            File::text(format!("{doc}/changelog"), self.debian_changelog()?),
            File::text(format!("{doc}/CHANGELOG.md"), self.read("CHANGELOG.md")?),
            File::text(format!("{doc}/sbom.cdx.json"), components),
        ];
        let manual = documents.manual.iter().map(|(name, page)| {
            let section = name.rsplit('.').next().unwrap_or("1");
            File::text(format!("{share}/man/man{section}/{name}"), &**page)
        });
        files.extend(manual);
        Ok(files)
    }

    /// The files of the tarball, whose units are for a program in `/usr/local/bin`.
    pub(crate) fn tarball(&self, documents: &Documents, components: &str) -> Result<Vec<File>> {
        let mut files = vec![
            File::program("teal", self.program),
            File::text("completions/teal.bash", &*documents.bash),
            File::text("completions/_teal", &*documents.zsh),
            File::text("completions/teal.fish", &*documents.fish),
            File::text("sbom.cdx.json", components),
        ];
        for (from, to) in [
            ("LICENSE-APACHE", "LICENSE-APACHE"),
            ("LICENSE-MIT", "LICENSE-MIT"),
            ("README.md", "README.md"),
            ("CHANGELOG.md", "CHANGELOG.md"),
            ("examples/teal.toml", "examples/teal.toml"),
            ("packaging/teal.service", "packaging/teal.service"),
            ("packaging/teal.socket", "packaging/teal.socket"),
            ("packaging/teal.sysusers", "packaging/teal.sysusers"),
            ("packaging/logrotate", "packaging/logrotate"),
        ] {
            files.push(File::text(to, self.read(from)?));
        }
        let manual = documents.manual.iter();
        files.extend(manual.map(|(name, page)| File::text(format!("man/{name}"), &**page)));
        Ok(files)
    }

    /// The files that a container image adds to its base. Volumes inherit their owner from the directories.
    pub(crate) fn image(&self) -> Vec<File> {
        vec![
            File::program("usr/local/bin/teal", self.program),
            File::directory("etc/teal", 0),
            File::directory("var/lib/teal", CONTAINER_USER),
            File::directory("run/teal", CONTAINER_USER),
        ]
    }

    fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.root.join(path)).with_context(|| format!("cannot read {path}"))
    }

    fn debian_changelog(&self) -> Result<String> {
        let Facts { version, maintainer, .. } = self.facts;
        let time = self.facts.time("+%a, %d %b %Y %H:%M:%S +0000")?;
        Ok(format!(
            "teal ({version}) unstable; urgency=medium\n\n  \
             * Teal {version}. Its changes are in CHANGELOG.md.gz.\n\n -- {maintainer}  {time}\n"
        ))
    }
}

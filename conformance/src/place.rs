//! Directories: the sources of servers and clients, and the packages installed for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::{Variables, run, words};

/// The time limit of one installation.
const INSTALLED_WITHIN: Duration = Duration::from_secs(600);

/// Debian's Tomcat, for the server and for the JSON parser of the client.
const TOMCAT: &str = "/usr/share/java/tomcat10-embed-core.jar";

/// Directories and the program under test.
#[derive(Debug)]
pub(crate) struct Place {
    /// `conformance/` of the repository.
    pub(crate) sources: PathBuf,
    /// Installed packages and built programs, in the target directory.
    pub(crate) installed: PathBuf,
    /// Teal itself.
    pub(crate) teal: PathBuf,
}

impl Place {
    /// Installs missing packages, and keeps those of the right version.
    pub(crate) fn prepare(sources: &Path, beside: &Path) -> Result<Self> {
        let installed = beside.join("conformance-packages");
        fs::create_dir_all(&installed)?;
        let place = Self {
            sources: fs::canonicalize(sources).context("the directory conformance/")?,
            installed: fs::canonicalize(installed)?,
            teal: fs::canonicalize(beside.join("teal")).context("teal is not built")?,
        };
        place.install("requirements.txt", |place, from, _| {
            words(&format!(
                "pip3 install --quiet --disable-pip-version-check --no-warn-script-location \
                 --upgrade --target {} --requirement {}",
                place.installed.join("python").display(),
                from.display()
            ))
        })?;
        place.install("package-lock.json", |place, _, _| {
            let node = place.installed.display();
            words(&format!("npm ci --silent --no-audit --no-fund --omit=optional --prefix {node}"))
        })?;
        place.install("clients/client.go", |_, from, to| {
            words(&format!("go build -o {} {}", to.with_extension("").display(), from.display()))
        })?;
        for java in ["clients/Client.java", "servers/Tomcat.java"] {
            place.install(java, |place, from, _| {
                let to = place.installed.join("java");
                words(&format!("javac -cp {TOMCAT} -d {} {}", to.display(), from.display()))
            })?;
        }
        Ok(place)
    }

    /// Runs a command for a source file, unless it has run for exactly this content.
    fn install(
        &self,
        file: &str,
        command: impl Fn(&Self, PathBuf, PathBuf) -> Vec<String>,
    ) -> Result<()> {
        let from = self.sources.join(file);
        let to = self.installed.join(from.file_name().context("a file")?);
        let content = fs::read(&from).with_context(|| from.display().to_string())?;
        if fs::read(&to).is_ok_and(|there| there == content) {
            return Ok(());
        }
        if file == "package-lock.json" {
            fs::copy(&from, &to)?;
            fs::copy(self.sources.join("package.json"), self.installed.join("package.json"))?;
        }
        let variables =
            vec![("GOCACHE".to_owned(), self.installed.join("go").display().to_string())];
        let command = command(self, from, to.clone());
        let (code, said) = run(&command, &variables, INSTALLED_WITHIN)?;
        if code != Some(0) {
            let _ = fs::remove_file(&to); // so that the next run retries
        }
        ensure!(code == Some(0), "{command:?} failed: {said}");
        fs::write(to, content)?;
        Ok(())
    }

    /// The variables by which Python and Node programs find their packages.
    pub(crate) fn variables(&self) -> Variables {
        let node = self.installed.join("node_modules").display().to_string();
        let python = self.installed.join("python").display().to_string();
        let servers = self.sources.join("servers").display().to_string();
        vec![
            ("NODE_PATH".to_owned(), node),
            ("PYTHONPATH".to_owned(), format!("{python}:{servers}")),
            ("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned()),
        ]
    }

    /// The command to run a Java class.
    pub(crate) fn java(&self, class: &str) -> Vec<String> {
        let jars = format!("{TOMCAT}:/usr/share/java/jakarta-annotation-api.jar");
        let classes = self.installed.join("java").display().to_string();
        words(&format!("java -XX:TieredStopAtLevel=1 -Xmx256m -cp {classes}:{jars} {class}"))
    }
}

//! Files of a CA in the state directory: the account, and a certificate for each name.
//!
//! Readable by Teal's user only; written to a temporary file and renamed, so that a crash leaves the old
//! or the new one. Each CA has its own directory, so that certificates of a staging CA are never served
//! after a change to another.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use certificate::{CertificateFiles, Certificates};
use config::{Acme, Config};
use instant_acme::CertificateIdentifier;

/// The directory of one CA.
#[derive(Clone, Debug)]
pub(crate) struct Store(PathBuf);

/// A certificate that was issued.
#[derive(Clone, Debug)]
pub(crate) struct StoredCertificate {
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
    /// The CA's identifier for it (RFC 9773 section 4.1).
    pub(crate) identifier: Option<CertificateIdentifier<'static>>,
}

impl Store {
    /// The directory of the CA of a configuration.
    pub(crate) fn of(config: &Config, acme: &Acme) -> Self {
        let url = acme.directory.trim_start_matches("https://");
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let name: String = url.chars().map(plain).collect();
        Self(config.state_dir.join("acme").join(name))
    }

    /// The account, as it was written.
    pub(crate) fn account(&self) -> Option<String> {
        fs::read_to_string(self.0.join(ACCOUNT)).ok()
    }

    pub(crate) fn put_account(&self, text: &str) -> Result<(), String> {
        self.make().map_err(|error| self.cannot(ACCOUNT, &error))?;
        self.write(ACCOUNT, text).map_err(|error| self.cannot(ACCOUNT, &error))
    }

    /// The stored certificate for a name; none if it is unusable.
    pub(crate) fn certificate(&self, name: &str) -> Option<StoredCertificate> {
        let problem = |problem: &String| {
            tracing::warn!(name, "cannot use the stored certificate: {problem}");
        };
        self.read(name)?.inspect_err(problem).ok()
    }

    /// The stored certificate for a name, or why it is unusable; `None` if nothing is stored.
    pub(crate) fn read(&self, name: &str) -> Option<Result<StoredCertificate, String>> {
        let files = self.files(name);
        files.cert.exists().then(|| read(&files, name))
    }

    /// Stores the certificate issued for a name if it is usable; otherwise the previous one stays.
    ///
    /// # Errors
    /// The reason why it cannot be used or stored.
    pub(crate) fn put(&self, name: &str, issued: &str) -> Result<StoredCertificate, String> {
        let (file, trial) = (format!("{name}.pem"), format!("{name}.pem.trial"));
        let cannot = |error: io::Error| self.cannot(&file, &error);
        self.make().map_err(cannot)?;
        self.write(&trial, issued).map_err(cannot)?;
        let path = self.0.join(&trial);
        let stored = read(&CertificateFiles { cert: path.clone(), key: path.clone() }, name);
        let stored =
            stored.map_err(|problem| format!("the CA issued an unusable certificate: {problem}"));
        if stored.is_err() {
            let _ = fs::remove_file(&path); // ignored: it is overwritten the next time
            return stored;
        }
        fs::rename(&path, self.0.join(&file)).and_then(|()| self.sync()).map_err(cannot)?;
        stored
    }

    /// The stored files for a name, if they are usable.
    pub(crate) fn good(&self, name: &str) -> Option<CertificateFiles> {
        self.read(name)?.ok().map(|_| self.files(name))
    }

    fn files(&self, name: &str) -> CertificateFiles {
        let both = self.0.join(format!("{name}.pem"));
        CertificateFiles { cert: both.clone(), key: both }
    }

    fn make(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        let beside = self.0.join(format!("{file}.new"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut opened = options.open(&beside)?;
        opened.write_all(text.as_bytes())?;
        opened.sync_all()?;
        fs::rename(&beside, self.0.join(file))?;
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn cannot(&self, file: &str, error: &io::Error) -> String {
        format!(
            "cannot write {}: {error}; give Teal's user write access",
            self.0.join(file).display()
        )
    }
}

const ACCOUNT: &str = "account.json";

/// The content of a file, if it is a certificate for this name with its key.
fn read(files: &CertificateFiles, name: &str) -> Result<StoredCertificate, String> {
    let certificates = Certificates::load(std::slice::from_ref(files));
    let certificates = certificates.map_err(|errors| certificate::words(&errors))?;
    if !certificates.has(name) {
        return Err(format!("{}: it is not for {name}", files.cert.display()));
    }
    let facts = certificates.facts().next().ok_or("holds no certificate")?;
    let identifier = identifier(&files.cert);
    Ok(StoredCertificate { not_before: facts.not_before, not_after: facts.not_after, identifier })
}

fn identifier(file: &Path) -> Option<CertificateIdentifier<'static>> {
    let chain = connect::read_certificates(file).ok()?;
    let identifier = CertificateIdentifier::try_from(chain.first()?).ok()?;
    Some(identifier.into_owned())
}

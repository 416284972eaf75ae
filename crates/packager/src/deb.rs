//! The Debian package, built by `dpkg-deb`: control files, scripts and contents.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::Inputs;
use crate::payload::File;
use crate::program::needed_glibc;
use crate::run::{output_of, run};

/// The scripts of the package, in `packaging/debian`.
const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];

const DESCRIPTION: &str = "\
lossless blue-green proxy for HTTP
 Teal stands in front of two environments of a service, blue and green, sends
 every request to the active one, and moves traffic between them without losing,
 cutting or duplicating a request.
 .
 A switch is gated by health checks, takes effect at one instant, waits until
 the old environment is drained, and leaves a receipt. Teal speaks HTTP/1.1,
 HTTP/2, WebSocket and gRPC, with TLS on both sides, and upgrades itself without
 refusing a connection.
";

/// Makes `teal_VERSION_ARCHITECTURE.deb`.
pub(crate) fn make(files: &[File], inputs: &Inputs) -> Result<PathBuf> {
    let Inputs { root, output, facts, compression, .. } = inputs;
    let (version, architecture) = (&facts.version, facts.architecture.debian());
    let name = format!("teal_{version}_{architecture}.deb");
    let staged = output.join(format!(".{name}.staged"));
    if staged.exists() {
        fs::remove_dir_all(&staged)?;
    }
    let glibc = files.iter().find(|file| file.path == "usr/bin/teal");
    let glibc = glibc.and_then(|file| file.contents.as_deref()).map(needed_glibc);
    stage(files, &staged)?;
    compress(files, &staged)?;
    let control = staged.join("DEBIAN");
    write(&control.join("conffiles"), 0o644, &conffiles(files))?;
    write(&control.join("md5sums"), 0o644, &md5sums(&staged)?)?;
    for script in SCRIPTS {
        let from = root.join("packaging/debian").join(script);
        let text = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        write(&control.join(script), 0o755, &text)?;
    }
    let kib = size(&staged)?.div_ceil(1024);
    let maintainer = &facts.maintainer;
    let glibc = glibc.unwrap_or_default();
    let text = format!(
        "Package: teal\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {maintainer}\n\
         Installed-Size: {kib}\n\
         Depends: libc6 (>= {glibc}), libgcc-s1, systemd | systemd-standalone-sysusers | systemd-sysusers\n\
         Recommends: ca-certificates\nSuggests: logrotate\nSection: net\nPriority: optional\n\
         Description: {DESCRIPTION}"
    );
    write(&control.join("control"), 0o644, text.as_bytes())?;
    let deb = output.join(name);
    run(Command::new("dpkg-deb")
        // One thread: the result must not depend on the number of processors.
        .args(["--root-owner-group", "-Zxz", &format!("-z{compression}")])
        .arg("--build")
        .args([&staged, &deb])
        .stdout(std::process::Stdio::null())
        .env("DPKG_DEB_THREADS_MAX", "1")
        .env("SOURCE_DATE_EPOCH", facts.epoch.to_string()))?;
    fs::remove_dir_all(&staged)?;
    Ok(deb)
}

fn stage(files: &[File], staged: &Path) -> Result<()> {
    for file in files {
        let path = staged.join(&file.path);
        write(&path, file.mode, file.contents.as_deref().unwrap_or_default())?;
    }
    // Whatever the umask of whoever builds it.
    run(Command::new("find").arg(staged).args(["-type", "d", "-exec", "chmod", "0755", "{}", "+"]))
}

fn write(path: &Path, mode: u32, contents: &[u8]) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).with_context(cannot)?;
    }
    fs::write(path, contents).with_context(cannot)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).with_context(cannot)
}

/// Compresses what Debian has compressed: manual pages, changelogs and other long documents.
fn compress(files: &[File], staged: &Path) -> Result<()> {
    let long = |path: &&str| {
        let document = path.starts_with("usr/share/doc/") && !path.ends_with("/copyright");
        document || path.starts_with("usr/share/man/")
    };
    let paths = files.iter().map(|file| &*file.path).filter(long).map(|path| staged.join(path));
    run(Command::new("gzip").args(["-9", "--no-name"]).args(paths))
}

/// The files that belong to the administrator once they are installed.
fn conffiles(files: &[File]) -> Vec<u8> {
    let files = files.iter().filter(|file| file.path.starts_with("etc/"));
    files.map(|file| ["/", &*file.path, "\n"].concat()).collect::<String>().into_bytes()
}

fn md5sums(staged: &Path) -> Result<Vec<u8>> {
    let script = "find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\\0' | sort -z | xargs -0 md5sum";
    let sums = output_of(Command::new("sh").args(["-c", script]).current_dir(staged))?;
    Ok(sums.into_bytes())
}

/// The size of all files in bytes.
fn size(directory: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() {
            size(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(sum)
}

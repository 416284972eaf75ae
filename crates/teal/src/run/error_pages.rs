//! Pages for Teal's own answers: the files in the `error_pages` directory of a service, read at the start and at a
//! reload, and at no other time.
//!
//! A start and a reload are refused if a page cannot be used. A start after a crash goes on without it.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use config::Config;
use rules::{ErrorPage, ErrorPages};
use rustix::fs::{Access, access};

/// The problem with one file.
enum Unusable {
    /// There is no such file.
    Absent,
    /// The problem, and what to do about it.
    Because(String),
}

/// Reads the pages of all services into their policies. A page that cannot be read is left out, with a warning:
/// [`problems`] has refused it where that matters.
pub(super) fn fill(config: &mut Config) {
    for service in &mut config.services {
        let Some(directory) = service.policy.error_pages.directory.clone() else { continue };
        let (pages, problems) = read(&directory);
        for problem in problems {
            let service = service.name.as_str();
            tracing::warn!(service, "error_pages: {problem}; serving without it");
        }
        service.policy_mut().error_pages = pages;
    }
}

/// Returns all problems with the pages of a configuration, each with its key.
pub(super) fn problems(config: &Config) -> Vec<(String, String)> {
    let services = config.services.iter().enumerate();
    let problems = services.flat_map(|(at, service)| {
        let directory = service.policy.error_pages.directory.as_deref();
        let problems = directory.map_or_else(Vec::new, |directory| read(directory).1);
        problems.into_iter().map(move |problem| (format!("service[{at}].error_pages"), problem))
    });
    problems.collect()
}

fn read(directory: &Path) -> (ErrorPages, Vec<String>) {
    let mut pages = ErrorPages::of_directory(directory.to_owned());
    let (mut problems, mut some) = (Vec::new(), false);
    for page in ErrorPage::ALL {
        let path = directory.join(page.file_name());
        let text = connect::read_once(&path, read_file)
            .and_then(|bytes| text(bytes).map_err(|problem| unusable(&path, &problem)));
        match text {
            Ok(text) => {
                pages.put(page, Some(text.into()));
                some = true;
            }
            Err(Unusable::Absent) => {}
            Err(Unusable::Because(problem)) => problems.push(problem),
        }
    }
    if !some {
        match problem_of(directory) {
            Some(problem) => problems = vec![problem],
            None if problems.is_empty() => {
                problems.push(format!("{} has none of {}; add one", directory.display(), names()));
            }
            None => {}
        }
    }
    (pages, problems)
}

fn read_file(path: &Path) -> Result<Vec<u8>, Unusable> {
    let explain = |error: io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Unusable::Absent,
        _ => Unusable::Because(cannot_read(path, &error)),
    };
    // Checked before it is opened: opening a named pipe would block until it has a writer.
    if !fs::metadata(path).map_err(explain)?.is_file() {
        return Err(unusable(path, "is not a file; name the page so, or remove it"));
    }
    let mut bytes = Vec::new();
    let most = ErrorPage::BYTES_MAX as u64 + 1;
    fs::File::open(path).map_err(explain)?.take(most).read_to_end(&mut bytes).map_err(explain)?;
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() > ErrorPage::BYTES_MAX {
        return Err("is larger than 64 KiB; make it smaller, with its images elsewhere".to_owned());
    }
    if bytes.is_empty() {
        return Err("is empty; write a page into it, or remove it".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text; save it as UTF-8".to_owned())
}

/// Returns the problem with a directory in which no page was found.
fn problem_of(directory: &Path) -> Option<String> {
    let shown = directory.display();
    match fs::metadata(directory) {
        Ok(found) if !found.is_dir() => {
            Some(format!("{shown} is not a directory; name one that has any of {}", names()))
        }
        Ok(_) => access(directory, Access::EXEC_OK)
            .err()
            .map(|error| cannot_read(directory, &error.into())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Some(format!("{shown} does not exist; create it with any of {}", names()))
        }
        Err(error) => Some(cannot_read(directory, &error)),
    }
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    let uid = rustix::process::geteuid().as_raw();
    let who = match error.kind() {
        ErrorKind::PermissionDenied => format!(" for uid {uid}; allow Teal's user to read it"),
        _ => String::new(),
    };
    format!("cannot read {}: {}{who}", path.display(), error.kind())
}

fn unusable(path: &Path, problem: &str) -> Unusable {
    Unusable::Because(format!("{} {problem}", path.display()))
}

/// The names of the files, in words.
fn names() -> String {
    ErrorPage::ALL.map(ErrorPage::file_name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, bytes) in files {
            fs::write(directory.path().join(name), bytes).expect("written");
        }
        directory
    }

    #[test]
    fn pages_are_read_and_other_files_are_left_alone() {
        let whole = vec![b'x'; ErrorPage::BYTES_MAX];
        let files: [(&str, &[u8]); 3] =
            [("502.html", b"<p>back soon</p>"), ("503.html", &whole), ("404.html", b"\xff")];
        let directory = directory(&files);
        let (pages, problems) = read(directory.path());
        assert_eq!(problems, [""; 0]);
        assert_eq!(pages.get(ErrorPage::BadGateway).map(|page| &**page), Some("<p>back soon</p>"));
        assert_eq!(pages.get(ErrorPage::Unavailable).map(|page| page.len()), Some(whole.len()));
        assert_eq!(pages.get(ErrorPage::GatewayTimeout), None);
    }

    #[test]
    fn a_page_that_cannot_be_used_is_named_with_its_problem() {
        let large = vec![b'x'; ErrorPage::BYTES_MAX + 1];
        let files: [(&str, &[u8]); 3] =
            [("502.html", &large), ("503.html", b""), ("504.html", b"\xff")];
        let directory = directory(&files);
        fs::create_dir(directory.path().join("maintenance.html")).expect("created");
        let (pages, problems) = read(directory.path());
        assert_eq!(pages, ErrorPages::of_directory(directory.path().to_owned()));
        let said = ["502.html is larger than 64 KiB", "503.html is empty", "504.html is not UTF-8"];
        let said = said.into_iter().chain(["maintenance.html is not a file"]);
        assert_eq!(problems.len(), 4);
        for (problem, said) in problems.iter().zip(said) {
            assert!(problem.contains(said), "{problem}");
        }
    }

    #[test]
    fn a_directory_without_a_page_is_a_problem() {
        let directory = directory(&[("500.html", b"x")]);
        let file = directory.path().join("500.html");
        for (path, said) in [
            (directory.path(), "has none of 502.html, 503.html, 504.html, maintenance.html"),
            (&file, "is not a directory"),
            (&file.join("below"), "does not exist"),
            (&directory.path().join("gone"), "does not exist"),
        ] {
            let problems = read(path).1;
            assert!(problems.len() == 1 && problems[0].contains(said), "{problems:?}");
        }
    }

    #[test]
    fn pages_that_are_gone_after_a_crash_are_still_there() {
        let directory = directory(&[("502.html", b"page")]);
        let none = connect::FilesRead::new();
        let (before, files) = connect::reading(none, || read(directory.path()));
        fs::remove_file(directory.path().join("502.html")).expect("removed");
        let (after, _) = connect::reading(files, || read(directory.path()));
        assert_eq!((&after, after.1.len()), (&before, 0));
    }
}

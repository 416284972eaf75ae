//! The recipients of the command line's token.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::geteuid;
use testkit::CliResult;

use crate::TEAL;

const NOBODY: u32 = 65_534;

/// Listens on a port of its own, prints it, and then what it was sent.
const LISTENER: &str = "
import socket, sys
s = socket.create_server(('127.0.0.1', 0))
print(s.getsockname()[1], flush=True)
c, _ = s.accept()
c.settimeout(10)
try:
    print(repr(c.recv(65536)), flush=True)
except OSError as error:
    print(error, flush=True)
";

struct Listener {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl Listener {
    fn start(uid: u32) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", LISTENER]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.uid(uid).current_dir("/").spawn().expect("python3 is there");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let port = line.trim().parse().expect("a port");
        Self { child, output, port }
    }

    fn was_sent(mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("text");
        self.child.wait().expect("it ends");
        rest
    }
}

fn switch(home: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> CliResult {
    let home = home.display().to_string();
    let mut variables = vec![("XDG_STATE_HOME", &*home)];
    variables.extend(environment);
    let words = ["switch", "green"].iter().chain(arguments);
    testkit::run(Path::new(TEAL), words, &variables, Duration::from_secs(30))
}

// A5
#[test]
fn r8_the_stored_token_is_sent_only_to_a_listener_of_its_owner() {
    if !geteuid().is_root() {
        println!("skipped: another user's listener needs root");
        return;
    }
    let home = tempfile::tempdir().expect("a directory");
    let token = home.path().join("teal/admin.token");
    fs::create_dir(home.path().join("teal")).expect("made");
    fs::write(&token, "a-secret-of-more-than-32-characters\n").expect("written");

    let foreign = Listener::start(NOBODY);
    let admin = format!("http://127.0.0.1:{}", foreign.port);
    let result = switch(home.path(), &["--admin", &admin], &[]);
    result.assert_code(4);
    for words in [&*admin, "uid 65534", "was not sent", "--token-file"] {
        assert!(result.stderr.contains(words), "{words}: {}", result.all());
    }
    let sent = foreign.was_sent();
    assert!(!sent.contains("secret"), "{sent}");

    // The same by the environment: an address that is given, a token that is only found.
    let foreign = Listener::start(NOBODY);
    let admin = format!("http://127.0.0.1:{}", foreign.port);
    switch(home.path(), &[], &[("TEAL_ADMIN", &admin)]).assert_code(4);
    let sent = foreign.was_sent();
    assert!(!sent.contains("secret"), "{sent}");

    // Both given: it is what was asked for. And a listener of the owner proves itself.
    let file = token.display().to_string();
    for (uid, further) in [(NOBODY, &["--token-file", &file][..]), (0, &[])] {
        let listener = Listener::start(uid);
        let admin = format!("http://127.0.0.1:{}", listener.port);
        let arguments = [&["--admin", &admin], further].concat();
        let result = switch(home.path(), &arguments, &[]);
        assert_ne!(result.code, Some(0), "it is not Teal: {}", result.all());
        assert!(listener.was_sent().contains("a-secret-of-more"), "{uid}: {}", result.all());
    }
}

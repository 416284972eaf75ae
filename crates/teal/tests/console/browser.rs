//! A scenario of the console in a real Chromium: `web/browser` drives the page, and the test does what happens around it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use testkit::{Teal, wait_for};

/// The deadline of everything that a scenario does by itself.
const WITHIN: Duration = Duration::from_secs(120);

/// A scenario that runs. Dropping it ends its browser.
pub(crate) struct Scenario {
    name: &'static str,
    node: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

impl Scenario {
    /// Starts the scenario of this name on the console of a Teal. It signs in by these tokens.
    #[track_caller]
    pub(crate) fn start(name: &'static str, teal: &Teal, viewer: &str) -> Self {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
        assert!(
            web.join("node_modules/playwright-core").exists(),
            "the browser's driver is missing: run `make web`"
        );
        let page = teal.ask("GET", "/", &[]).text();
        assert!(
            !page.contains("built without the console"),
            "this program has no console: run `make web`, then build again"
        );
        let mut node = Command::new("node")
            .arg("browser/run.mjs")
            .arg(name)
            .current_dir(web)
            .env("TEAL_CONSOLE_URL", format!("http://{}/", teal.admin()))
            .env("TEAL_CONSOLE_OPERATOR", teal.token())
            .env("TEAL_CONSOLE_VIEWER", viewer)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("node can be started");
        let (send, lines) = channel();
        let output = BufReader::new(node.stdout.take().expect("piped"));
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = send.send(line); // the test may have ended
            }
        });
        let mut errors = node.stderr.take().expect("piped");
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            text
        });
        let input = node.stdin.take();
        Self { name, node, input, lines, errors: Some(errors) }
    }

    /// Does what the scenario asks for, in this order, and waits until it has passed.
    #[track_caller]
    pub(crate) fn passes(mut self, steps: &mut [(&str, &mut dyn FnMut() -> String)]) {
        let name = self.name;
        for (word, act) in steps {
            let said = self.line();
            assert_eq!(said, format!("ready {word}"), "{name}: {}", self.failure());
            let done = act();
            self.tell(&done);
        }
        let said = self.line();
        assert_eq!(said, format!("passed {name}"), "{}", self.failure());
        let code = wait_for(WITHIN, "the browser ends", || self.node.try_wait().expect("ours"));
        assert!(code.success(), "{name}: {}", self.failure());
    }

    /// Returns the next line of the scenario; nothing at its end.
    fn line(&self) -> String {
        self.lines.recv_timeout(WITHIN).unwrap_or_default()
    }

    fn tell(&mut self, text: &str) {
        let input = self.input.as_mut().expect("open until the scenario is dropped");
        writeln!(input, "{text}").expect("the scenario reads");
    }

    /// Ends the scenario and returns what it complained about.
    fn failure(&mut self) -> String {
        drop(self.input.take()); // what waits for a line fails, and closes its browser
        let ended = || self.node.try_wait().expect("ours");
        wait_for(Duration::from_secs(30), "the scenario ends", ended);
        self.errors.take().map(|errors| errors.join().unwrap_or_default()).unwrap_or_default()
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        drop(self.input.take());
        if matches!(self.node.try_wait(), Ok(None)) {
            let _ = self.node.kill();
            let _ = self.node.wait();
        }
    }
}

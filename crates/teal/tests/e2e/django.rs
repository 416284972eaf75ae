//! An application of Django that redirects all that did not come by https, behind a listener with TLS.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use testkit::{Client, Pki, Settings, Target, Teal};

use crate::TEAL;
use crate::grpc::python;

struct App(Child, String);

impl App {
    fn start() -> Self {
        let spawned = python("django_app.py").stdout(Stdio::piped()).spawn();
        let mut child = spawned.expect("python3 is installed");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line");
        Self(child, format!("http://127.0.0.1:{}", line.trim()))
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Ignored: it may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn r22_django_with_secure_ssl_redirect_passes_the_gate_and_answers_traffic() {
    // L9
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path());
    let pair = pki.issue("public", &["shop.test"]);
    let (cert, key) = (pair.cert.display(), pair.key.display());
    let (app, spare) = (App::start(), Target::start("green"));
    let settings = Settings::of_urls(&[&app.1], &[&spare.url()])
        .listener_key("tls", "true")
        .service("health", "{ interval = \"50ms\", host = \"shop.test\" }")
        .extra(&format!("[[certificate]]\ncert = '{cert}'\nkey = '{key}'\n"));
    let teal = Teal::start_healthy(TEAL, &settings);
    let trust = pki.trust(Some("shop.test"));
    let mut client = Client::try_connect_tls(teal.listener(), &trust).expect("TLS");
    client.send("GET /where HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.text().as_str()), (200, "https://shop.test/where"));
    teal.assert_books_balance();
}

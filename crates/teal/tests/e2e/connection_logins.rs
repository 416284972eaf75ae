//! Logins that hold for a connection (NTLM, Negotiate): each connection to a target belongs to the client
//! that has logged in on it, and its end is that client's.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use testkit::http2::request;
use testkit::{Client, Response, Settings, Teal, wait_until};

use crate::TEAL;
use crate::http2::prior_knowledge;
use crate::setup::SOON;

/// A target that authenticates connections, in three steps, and takes all that follows for its user's.
struct Server {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
    /// Ends each connection instead of answering this.
    deaf: Arc<AtomicBool>,
    /// Method, path and user of each request that was answered.
    served: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (open, deaf, served) = (Arc::default(), Arc::default(), Arc::default());
        let server = Self { address, open, deaf, served };
        let (open, deaf, served) =
            (server.open.clone(), server.deaf.clone(), server.served.clone());
        thread::spawn(move || {
            for (number, socket) in listener.incoming().flatten().enumerate() {
                let (open, deaf, served) = (open.clone(), deaf.clone(), served.clone());
                thread::spawn(move || {
                    open.fetch_add(1, Ordering::SeqCst);
                    let _ended = serve(socket, number, &deaf, &served);
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// The steps: `1:` begins, the answer names the connection, `3:` names it again and a user.
fn serve(
    socket: TcpStream,
    number: usize,
    deaf: &AtomicBool,
    served: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut writer = socket;
    let mut user = String::new();
    loop {
        let (mut line, mut login, mut length) = (String::new(), String::new(), 0);
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let first = line.clone();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line)?;
            let (name, value) = line.split_once(':').unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "authorization" => value.trim().clone_into(&mut login),
                "content-length" => length = value.trim().parse().unwrap_or(0),
                _ => {}
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        if deaf.load(Ordering::SeqCst) && !first.contains("/health") {
            return Ok(());
        }
        let (scheme, token) = login.split_once(' ').unwrap_or_default();
        let challenge = format!("{number}");
        let (status, field) = if first.contains("/health") {
            ("200 OK", String::new())
        } else if token == "1:" {
            ("401 Go On", format!("WWW-Authenticate: {scheme} {challenge}\r\n"))
        } else if let Some(name) = token.strip_prefix(&format!("3:{challenge}:")) {
            name.clone_into(&mut user);
            ("200 OK", String::new())
        } else if !token.is_empty() || user.is_empty() {
            let offer =
                "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: Basic realm=\"a\", NTLM\r\n";
            ("401 Who", offer.to_owned())
        } else {
            ("200 OK", String::new())
        };
        let line = first.trim_end().trim_end_matches(" HTTP/1.1");
        served.lock().expect("no panic").push(format!("{line} {user}"));
        let length = user.len();
        let body = if first.starts_with("HEAD") { "" } else { &user };
        let head = format!("HTTP/1.1 {status}\r\n{field}Content-Length: {length}\r\n\r\n");
        writer.write_all(format!("{head}{body}").as_bytes())?; // at once, or the client's kernel waits
    }
}

/// Two such targets and a Teal.
fn setup(adjust: impl FnOnce(Settings) -> Settings) -> (Server, Server, Teal) {
    let (blue, green) = (Server::start(), Server::start());
    let settings = Settings::of_urls(&[&blue.url()], &[&green.url()]);
    let teal = Teal::start_healthy(TEAL, &adjust(settings));
    (blue, green, teal)
}

fn ask(client: &mut Client, line: &str, login: &str) -> Response {
    let login =
        if login.is_empty() { String::new() } else { format!("Authorization: {login}\r\n") };
    client.send(format!("{line} HTTP/1.1\r\nHost: test\r\n{login}\r\n"));
    client.answer()
}

/// The challenge in an answer.
fn challenge(answer: &Response, scheme: &str) -> String {
    let field = answer.fields.get("www-authenticate").unwrap_or_default();
    field.strip_prefix(scheme).expect("a challenge of this scheme").trim().to_owned()
}

/// Takes the three steps and returns the user that the target sees.
fn log_in(client: &mut Client, scheme: &str, user: &str) -> String {
    assert_eq!(ask(client, "GET /page", "").status, 401);
    let answer = ask(client, "GET /page", &format!("{scheme} 1:"));
    let challenge = challenge(&answer, scheme);
    let answer = ask(client, "GET /page", &format!("{scheme} 3:{challenge}:{user}"));
    answer.text()
}

#[test]
fn r7_logins_of_many_clients_work_and_no_client_is_served_as_another() {
    let (_blue, _green, teal) = setup(|settings| settings.top("workers", "1"));
    let mut known: Vec<_> = (0..20).map(|_| Client::connect(teal.listener())).collect();
    let mut strangers: Vec<_> = (0..40).map(|_| Client::connect(teal.listener())).collect();
    for step in 0..20 {
        for (n, stranger) in strangers.iter_mut().enumerate() {
            let answer = ask(stranger, ["GET /", "POST /", "HEAD /x"][(n + step) % 3], "");
            if (n + step) % 3 != 2 {
                assert_eq!((answer.status, answer.text().as_ref()), (401, ""), "stranger {n}");
            }
        }
        let scheme = ["NTLM", "ntlm", "Negotiate", "NEGOTIATE"][step % 4];
        let user = format!("user-{step}");
        assert_eq!(log_in(&mut known[step], scheme, &user), user);
    }
    // Each keeps its user, also for requests without credentials, whatever came in between.
    for _ in 0..3 {
        for (step, client) in known.iter_mut().enumerate() {
            let user = format!("user-{step}");
            assert_eq!(ask(client, "GET /mine", "").text(), user);
            assert_eq!(ask(client, "POST /mine", "").text(), user);
        }
        for stranger in &mut strangers {
            assert_eq!(ask(stranger, "POST /", "").status, 401);
        }
    }
    teal.assert_books_balance();
}

#[test]
fn r7_a_login_ends_with_its_clients_connection() {
    let (blue, _green, teal) = setup(|settings| settings.top("workers", "1"));
    for n in 0..20 {
        let mut client = Client::connect(teal.listener());
        assert_eq!(log_in(&mut client, "NTLM", &format!("user-{n}")), format!("user-{n}"));
    }
    let mut stranger = Client::connect(teal.listener());
    for _ in 0..40 {
        assert_eq!(ask(&mut stranger, "GET /", "").status, 401);
    }
    drop(stranger);
    // One for strangers, and what probes keep.
    wait_until(SOON, "those that were logged in on are closed", || {
        blue.open.load(Ordering::SeqCst) <= 2
    });
    teal.assert_books_balance();
}

#[test]
fn r7_a_switch_drops_the_login_and_its_connection_at_once() {
    // L2 L4
    let (blue, green, teal) = setup(|settings| settings);
    let mut client = Client::connect(teal.listener());
    assert_eq!(log_in(&mut client, "NTLM", "ann"), "ann");
    let began = std::time::Instant::now();
    let answer = teal.switch("green", "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(began.elapsed() < SOON, "drained, though the client is still there");
    assert!(!answer.text().contains("cut"), "{}", answer.text());
    let before = blue.served.lock().expect("no panic").len();
    assert_eq!(ask(&mut client, "GET /", "").status, 401, "green does not know it");
    assert_eq!(log_in(&mut client, "NTLM", "ann"), "ann");
    let late = blue.served.lock().expect("no panic")[before..].to_vec();
    assert!(late.iter().all(|line| line.contains("/health")), "{late:?}");
    assert!(!green.served.lock().expect("no panic").is_empty());
    // In the midst of a login, the last step is not sent to a target that has not seen the others.
    let scheme = "NTLM";
    let step = ask(&mut client, "GET /", &format!("{scheme} 1:"));
    let challenge = challenge(&step, scheme);
    teal.wait_healthy("blue", true);
    teal.switch_to("blue");
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: test\r\nAuthorization: NTLM 3:{challenge}:ann\r\n\r\n"
    ));
    assert_eq!(client.ending(SOON).bytes(), b"", "it begins again on a new connection");
    teal.assert_books_balance();
}

#[test]
fn r7_a_connection_that_was_logged_in_on_ends_with_the_targets() {
    // L5
    let (blue, _green, teal) = setup(|settings| settings);
    let mut client = Client::connect(teal.listener());
    assert_eq!(log_in(&mut client, "NTLM", "ann"), "ann");
    let before = blue.served.lock().expect("no panic").len();
    blue.deaf.store(true, Ordering::SeqCst);
    client.send("GET /again HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.ending(SOON).bytes(), b"", "the client asks again by itself");
    blue.deaf.store(false, Ordering::SeqCst);
    let mut client = Client::connect(teal.listener());
    assert_eq!(log_in(&mut client, "NTLM", "ann"), "ann");
    blue.deaf.store(true, Ordering::SeqCst);
    let answer = ask(&mut client, "POST /again", "");
    assert_eq!((answer.status, answer.fields.get("connection")), (502, Some("close")));
    let served = blue.served.lock().expect("no panic")[before..].to_vec();
    assert!(!served.iter().any(|line| line.contains("/again")), "sent as nobody: {served:?}");
    teal.assert_books_balance();
}

#[test]
fn r7_over_http_2_a_login_is_asked_for_over_http_1_and_never_shared() {
    let (blue, _green, teal) = setup(|settings| prior_knowledge(settings).top("workers", "1"));
    let mut client = testkit::http2::Http2::connect(teal.listener());
    for scheme in ["NTLM 1:", "negotiate 1:"] {
        let answer = client.ask(request("GET", "/h2", &[("authorization", scheme)]));
        assert_eq!((answer.status, answer.reset), (0, Some(0xd)), "HTTP_1_1_REQUIRED");
    }
    assert_eq!(client.ask(request("GET", "/h2", &[("authorization", "Basic YTpi")])).status, 401);
    let seen: BTreeSet<_> = blue.served.lock().expect("no panic").iter().cloned().collect();
    assert!(seen.contains("GET /h2 ") && seen.len() <= 2, "{seen:?}");
    teal.assert_books_balance();
}

//! A stand-in for Teal with the part of its contract that the demo relies on:
//! the lines at its start, the token, the switch with its gate, the drain.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::relay::{Fault, Relay};

const COLORS: [&str; 2] = ["blue", "green"];
const TOKEN: &str = "open-sesame";

/// Runs until it is killed or its standard input ends.
pub(crate) async fn run(config: &Path, fault: Fault) -> io::Result<()> {
    let text = std::fs::read_to_string(config)?;
    let targets = COLORS.map(|color| target_of(&text, color));
    let state = config.parent().expect("the configuration is in a directory").join("state");
    std::fs::create_dir_all(&state)?;
    std::fs::write(state.join("admin.token"), format!("{TOKEN}\n"))?;
    let relay = Relay::new(targets, fault);
    let public = relay.start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("INFO listening on {public}");
    eprintln!("INFO admin on {}", listener.local_addr()?);
    let (gone, mut told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = gone.send(());
    });
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = &mut told => return Ok(()),
        };
        let relay = Arc::clone(&relay);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let relay = Arc::clone(&relay);
                async move { Ok::<_, Infallible>(answer(&relay, &request).await) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// `color = { targets = ["http://ADDRESS"] }` in the configuration.
fn target_of(text: &str, color: &str) -> SocketAddr {
    let line = text.lines().find(|line| line.starts_with(&format!("{color} = ")));
    let (_, rest) = line.and_then(|line| line.split_once("http://")).expect("a target");
    rest.split('"').next().expect("an address").parse().expect("an address")
}

async fn answer(relay: &Arc<Relay>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if path == "/admin/status" {
        let active = COLORS[relay.active()];
        let (blue, green) = (relay.healthy(0).await, relay.healthy(1).await);
        let text = format!("Active: {active}\nBlue healthy: {blue}\nGreen healthy: {green}\n");
        return text_of(StatusCode::OK, text);
    }
    let token = request.headers().get("authorization").map(|value| value.as_bytes().to_vec());
    if token.as_deref() != Some(format!("Bearer {TOKEN}").as_bytes()) {
        return text_of(StatusCode::UNAUTHORIZED, "Unauthorized\n".to_owned());
    }
    let query = request.uri().query().unwrap_or_default();
    let to = if path == "/admin/rollback" {
        1 - relay.active()
    } else {
        usize::from(query.contains("to=green"))
    };
    let from = 1 - to;
    if relay.active() == to {
        relay.drained(from).await;
        let (to, from) = (COLORS[to], COLORS[from]);
        let text = format!("Already on {to}\n{from} is drained: safe to stop\n");
        return text_of(StatusCode::OK, text);
    }
    let patience = if query.contains("wait_healthy") { 40 } else { 0 };
    for _ in 0..patience {
        if relay.healthy(to).await {
            break;
        }
        // Between two looks, as often as the caller is patient.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if !relay.healthy(to).await {
        let text = format!("Target {} is not healthy\nconnection refused\n", COLORS[to]);
        return text_of(StatusCode::PRECONDITION_FAILED, text);
    }
    relay.switch(to);
    text_of(StatusCode::OK, format!("Switched from {} to {}\n", COLORS[from], COLORS[to]))
}

fn text_of(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}

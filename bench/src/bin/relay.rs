//! The bare relay: the lower bound, the cost of HTTP/1.1 on tokio if a proxy does nothing else.
//!
//! It finds where messages end (httparse, `Content-Length`) and copies their bytes unchanged:
//! one thread, reads of 32 KiB, one keep-alive connection to the backend per client. No deadlines,
//! no counters, no added fields, no checks, no chunked bodies. Never use it in production.
//!
//! Usage: `relay LISTEN BACKEND`.

#![forbid(unsafe_code)]

use std::env;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

const READ: usize = 32 * 1024;
const FIELDS: usize = 64;

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let mut address = || -> Result<SocketAddr> {
        let address = arguments.next().context("usage: relay LISTEN BACKEND")?;
        address.parse().with_context(|| format!("{address} is not an address"))
    };
    let (listen, backend) = (address()?, address()?);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(listen, backend))
}

async fn serve(listen: SocketAddr, backend: SocketAddr) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    let listener = socket.listen(4096)?;
    loop {
        let (client, _) = listener.accept().await?;
        // A connection that fails ends; the load generator reports it as an error.
        tokio::task::spawn_local(async move { relay(client, backend).await.ok() });
    }
}

async fn relay(mut client: TcpStream, backend: SocketAddr) -> Result<()> {
    client.set_nodelay(true)?;
    let mut target = TcpStream::connect(backend).await?;
    target.set_nodelay(true)?;
    let mut buffer = vec![0; READ];
    while forward(&mut client, &mut target, &mut buffer, request_length).await? {
        if !forward(&mut target, &mut client, &mut buffer, answer_length).await? {
            bail!("the backend closed the connection");
        }
    }
    Ok(())
}

/// Forwards one message; false if the sender closed the connection before it.
async fn forward(
    from: &mut TcpStream,
    to: &mut TcpStream,
    buffer: &mut [u8],
    length: fn(&[u8]) -> Result<Option<usize>>,
) -> Result<bool> {
    let mut filled = 0;
    let whole = loop {
        let free = buffer.get_mut(filled..).filter(|free| !free.is_empty());
        match from.read(free.context("a head larger than the buffer")?).await? {
            0 => return Ok(false),
            count => filled += count,
        }
        if let Some(whole) = length(buffer.get(..filled).unwrap_or_default())? {
            break whole;
        }
    };
    to.write_all(buffer.get(..filled).unwrap_or_default()).await?;
    let mut left = whole.checked_sub(filled).context("more than one message at once")?;
    while left > 0 {
        let count = from.read(buffer).await?;
        if count == 0 {
            bail!("the sender closed the connection during a body");
        }
        to.write_all(buffer.get(..count).unwrap_or_default()).await?;
        left = left.checked_sub(count).context("more than one message at once")?;
    }
    Ok(true)
}

/// The length of the request that begins here, with its body; `None` while its head is incomplete.
fn request_length(bytes: &[u8]) -> Result<Option<usize>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let head = request.parse(bytes)?;
    message_length(head, request.headers)
}

fn answer_length(bytes: &[u8]) -> Result<Option<usize>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    let head = answer.parse(bytes)?;
    message_length(head, answer.headers)
}

fn message_length(
    head: httparse::Status<usize>,
    fields: &[httparse::Header<'_>],
) -> Result<Option<usize>> {
    let httparse::Status::Complete(head) = head else { return Ok(None) };
    let body = fields.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let Some(body) = body else { return Ok(Some(head)) };
    Ok(Some(head + std::str::from_utf8(body.value)?.parse::<usize>()?))
}

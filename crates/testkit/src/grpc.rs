//! A gRPC target: a tonic server on its own thread, with all four kinds of calls and the standard
//! health check. Messages are raw bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::{Buf, BufMut};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tonic::server::{
    ClientStreamingService, Grpc, NamedService, ServerStreamingService, StreamingService,
    UnaryService,
};
use tonic::{Request, Response, Status, Streaming};

/// A server, until it is dropped.
#[derive(Debug)]
pub struct GrpcTarget {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    calls: AtomicUsize,
    /// The answer of the health check: 1 serving, 2 not serving.
    health: AtomicU8,
}

type Message = Vec<u8>;
type Messages = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;
type Answer<T> = BoxFuture<Response<T>, Status>;

/// The messages of a stream of answers.
const MANY: usize = 5;
/// The time between two of them.
const PAUSE: Duration = Duration::from_millis(20);

impl GrpcTarget {
    /// Starts on a free port.
    #[track_caller]
    pub fn start(name: &str) -> Self {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            calls: AtomicUsize::new(0),
            health: AtomicU8::new(1),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let served = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
                let server = tonic::transport::Server::builder()
                    .add_service(Echo(served.clone()))
                    .add_service(Health(served))
                    .serve_with_incoming(TcpListenerStream::new(listener));
                tokio::select! {
                    served = server => served.expect("it serves"),
                    _ = stopped => {}
                }
            });
        });
        GrpcTarget { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL for a configuration.
    pub fn url(&self) -> String {
        format!("h2c://{}", self.address)
    }

    /// The number of calls that have arrived, except health checks.
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// Sets the answer of its health check from now on.
    pub fn serve(&self, serving: bool) {
        self.shared.health.store(if serving { 1 } else { 2 }, Ordering::SeqCst);
    }

    /// Stops it at once, with all calls in flight.
    pub fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it ends");
        }
    }
}

impl Drop for GrpcTarget {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// `test.Echo`: answers with its name and the message.
#[derive(Clone, Debug)]
struct Echo(Arc<Shared>);

/// `grpc.health.v1.Health`.
#[derive(Clone, Debug)]
struct Health(Arc<Shared>);

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl NamedService for Health {
    const NAME: &'static str = "grpc.health.v1.Health";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let echo = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(Raw);
            Ok(match request.uri().path() {
                "/test.Echo/One" => grpc.unary(echo, request).await,
                "/test.Echo/Down" => grpc.server_streaming(echo, request).await,
                "/test.Echo/Up" => grpc.client_streaming(echo, request).await,
                "/test.Echo/Both" => grpc.streaming(echo, request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

impl Service<http::Request<Body>> for Health {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let health = self.clone();
        Box::pin(async move { Ok(Grpc::new(Raw).unary(health, request).await) })
    }
}

impl UnaryService<Message> for Health {
    type Response = Message;
    type Future = Answer<Message>;

    /// Knows the server as a whole, and `test.Echo`.
    fn call(&mut self, request: Request<Message>) -> Self::Future {
        let state = self.0.health.load(Ordering::SeqCst);
        let known = [&b""[..], b"\x0a\x09test.Echo"].contains(&&**request.get_ref());
        Box::pin(async move {
            if known { Ok(Response::new(vec![8, state])) } else { Err(Status::not_found("")) }
        })
    }
}

impl Echo {
    fn answer(&self, message: &[u8]) -> Message {
        [self.0.name.as_bytes(), b":", message].concat()
    }
}

impl UnaryService<Message> for Echo {
    type Response = Message;
    type Future = Answer<Message>;

    fn call(&mut self, request: Request<Message>) -> Self::Future {
        let answer = self.answer(request.get_ref());
        let fails = request.get_ref() == b"fail";
        Box::pin(async move {
            if fails { Err(Status::aborted("as asked")) } else { Ok(Response::new(answer)) }
        })
    }
}

impl ServerStreamingService<Message> for Echo {
    type Response = Message;
    type ResponseStream = Messages;
    type Future = Answer<Messages>;

    fn call(&mut self, request: Request<Message>) -> Self::Future {
        let answer = self.answer(request.get_ref());
        Box::pin(async move {
            let (send, messages) = mpsc::channel(1);
            tokio::spawn(async move {
                for _ in 0..MANY {
                    if send.send(Ok(answer.clone())).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            });
            Ok(Response::new(Box::pin(ReceiverStream::new(messages)) as Messages))
        })
    }
}

impl ClientStreamingService<Message> for Echo {
    type Response = Message;
    type Future = Answer<Message>;

    fn call(&mut self, request: Request<Streaming<Message>>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let (mut messages, mut all) = (request.into_inner(), Vec::new());
            while let Some(message) = messages.message().await? {
                all.extend(message);
            }
            Ok(Response::new(echo.answer(&all)))
        })
    }
}

impl StreamingService<Message> for Echo {
    type Response = Message;
    type ResponseStream = Messages;
    type Future = Answer<Messages>;

    fn call(&mut self, request: Request<Streaming<Message>>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let answers = request.into_inner().map(move |message| Ok(echo.answer(&message?)));
            Ok(Response::new(Box::pin(answers) as Messages))
        })
    }
}

/// A codec for raw bytes.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    type Encode = Message;
    type Decode = Message;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Message;
    type Error = Status;

    fn encode(&mut self, message: Message, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Message;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Message>, Status> {
        let length = from.remaining();
        Ok(Some(from.copy_to_bytes(length).to_vec()))
    }
}

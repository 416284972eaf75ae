//! Finds a running Teal and the token to call it with.
//!
//! The address: `--admin`, else `TEAL_ADMIN`, else the socket in the state directory or in the runtime
//! directory (`/run/teal`) if it answers, else `http://127.0.0.1:9900`. The token: `--token-file`, else `TEAL_TOKEN`, else
//! the file named by `TEAL_TOKEN_FILE`, else `admin.token` in the state directory.
//!
//! The token in the state directory belongs to the Teal of this machine: it is used only for
//! calls that need one and never sent to another machine. Where the address or the token was
//! guessed, the listener must first be proven to run as an owner of the token.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Method;

use super::http::{Address, AdminResponse, Call, CallBody, NoAnswer, whole};
use super::trust::TrustedUsers;
use crate::cli::ReachArgs;
use crate::environment::{SOCKET_PATH_MAX, SYSTEM_SOCKET, state_environment};
use crate::exit::{Exit, Failure};
use crate::run::group_name;
use crate::show;
use fetch::StreamingResponse;

/// The directory searched for the socket after the state directory of this user: the one of a unit
/// with `StateDirectory=teal`.
const SYSTEM_STATE_DIR: &str = "/var/lib/teal";
/// The timeout of an answer that waits for nothing.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A Teal that was found.
#[derive(Clone, Debug)]
pub(super) struct Teal {
    address: Address,
    token: Option<String>,
    /// The required owner of the listener, checked before the token is sent.
    trust: Option<TrustedUsers>,
    /// The addresses tried before, to report them if this one fails too.
    tried: Vec<String>,
    /// The socket that this user may not use, and the group that may.
    closed: Option<(PathBuf, u32)>,
}

/// The purpose of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// Only look.
    Read,
    /// Change something.
    Change,
}

/// The settings from the environment of this process, read once.
#[derive(Clone, Debug, Default)]
struct Environment {
    admin: Option<String>,
    ca: Option<PathBuf>,
    token: Option<String>,
    token_file: Option<PathBuf>,
    state_dirs: Vec<PathBuf>,
    /// Further directories with a socket.
    runtime_dirs: Vec<PathBuf>,
}

/// An address that was found without being named.
#[derive(Debug)]
struct FoundAddress {
    address: Address,
    tried: Vec<String>,
    closed: Option<(PathBuf, u32)>,
}

// === impl Teal ===

impl Teal {
    /// Finds the address and the token. Only the first call shows if it answers.
    pub(super) async fn find(args: &ReachArgs, intent: Intent) -> Result<Self, Failure> {
        Self::find_in(args, intent, &Environment::read()).await
    }

    async fn find_in(
        args: &ReachArgs,
        intent: Intent,
        around: &Environment,
    ) -> Result<Self, Failure> {
        let ca = args.ca.clone().or_else(|| around.ca.clone());
        let named = |address| FoundAddress { address, tried: Vec::new(), closed: None };
        let FoundAddress { address, tried, closed } = match (&args.admin, &around.admin) {
            (Some(text), _) => named(parse("--admin", text, ca)?),
            (None, Some(text)) => named(parse("TEAL_ADMIN", text, ca)?),
            (None, None) => around.knock().await,
        };
        let given = given_token(args, around)?;
        let is_guess = args.admin.is_none() && around.admin.is_none();
        let (token, trust) = match given {
            Some(token) if is_guess => {
                let advice = format!("If that is your Teal, name it: --admin {address}");
                let file = args.token_file.as_ref().or(around.token_file.as_ref());
                let file = file.filter(|_| args.token_file.is_some() || around.token.is_none());
                (Some(token), Some(around.trust(file.map(PathBuf::as_path), advice)))
            }
            Some(token) => (Some(token), None),
            None if intent == Intent::Change && is_loopback(&address) => around.stored(&address),
            None => (None, None),
        };
        Ok(Self { address, token, trust, tried, closed })
    }

    /// Takes the advice about a socket that is closed to this user. Otherwise it is printed with a refusal.
    pub(super) fn take_advice(&mut self) -> Option<String> {
        self.closed.take().map(|(socket, gid)| closed_to_this_user(&socket, gid))
    }

    /// Sends a GET that is answered at once.
    pub(super) async fn get(&self, path: &str) -> Result<AdminResponse, Failure> {
        self.in_time(self.ask(Method::GET, path, None)).await
    }

    /// Sends a PUT that is answered at once.
    pub(super) async fn put(&self, path: &str) -> Result<AdminResponse, Failure> {
        self.in_time(self.ask(Method::PUT, path, None)).await
    }

    /// Sends a DELETE that is answered at once.
    pub(super) async fn delete(&self, path: &str) -> Result<AdminResponse, Failure> {
        self.in_time(self.ask(Method::DELETE, path, None)).await
    }

    /// Sends a POST that is answered at once.
    pub(super) async fn post(&self, path: &str) -> Result<AdminResponse, Failure> {
        self.post_at(path, None).await
    }

    /// Sends the same at the generation that the caller has seen.
    pub(super) async fn post_at(
        &self,
        path: &str,
        if_generation: Option<u64>,
    ) -> Result<AdminResponse, Failure> {
        self.in_time(self.ask(Method::POST, path, if_generation)).await
    }

    /// Sends a POST with a page of HTML that is answered at once.
    pub(super) async fn post_page(
        &self,
        path: &str,
        page: String,
    ) -> Result<AdminResponse, Failure> {
        let answer = self.carry(Method::POST, path, None, CallBody::Page(page.into()));
        self.in_time(async { answer.await.map_err(|no_answer| self.failed(no_answer)) }).await
    }

    /// Sends a call and waits for the answer for as long as it takes.
    pub(super) async fn ask(
        &self,
        method: Method,
        target: &str,
        if_generation: Option<u64>,
    ) -> Result<AdminResponse, Failure> {
        let answer = self.send(method, target, if_generation, Vec::new()).await;
        answer.map_err(|no_answer| self.failed(no_answer))
    }

    /// Sends a call with a JSON body, or none if it is empty, and waits for the answer for as long as it takes.
    pub(super) async fn send(
        &self,
        method: Method,
        target: &str,
        if_generation: Option<u64>,
        body: Vec<u8>,
    ) -> Result<AdminResponse, NoAnswer> {
        let body = if body.is_empty() { CallBody::None } else { CallBody::Json(body.into()) };
        self.carry(method, target, if_generation, body).await
    }

    async fn carry(
        &self,
        method: Method,
        target: &str,
        if_generation: Option<u64>,
        body: CallBody,
    ) -> Result<AdminResponse, NoAnswer> {
        let token = self.token.as_deref();
        let trust = self.trust.as_ref().filter(|_| token.is_some());
        let call = Call { method, target, token, if_generation, body, trust };
        let answer = self.address.ask(&call).await;
        if let (Some((socket, gid)), Ok(answer)) = (&self.closed, &answer)
            && answer.status == 401
        {
            show::warning(&closed_to_this_user(socket, *gid));
        }
        answer
    }

    /// Starts an answer that is streamed. The inner `Err` is a refusal.
    pub(super) async fn follow(
        &self,
        target: &str,
    ) -> Result<Result<StreamingResponse, AdminResponse>, Failure> {
        let token = self.token.as_deref();
        let trust = self.trust.as_ref().filter(|_| token.is_some());
        let body = CallBody::None;
        let call = Call { method: Method::GET, target, token, if_generation: None, body, trust };
        let begin = async {
            let response = self.address.begin(&call).await?;
            if response.status() == 200 {
                return Ok(Ok(response));
            }
            whole(response).await.map(Err)
        };
        let begin = async { begin.await.map_err(|no_answer| self.failed(no_answer)) };
        self.in_time(begin).await
    }

    /// The failure of a call without an answer.
    pub(super) fn failed(&self, no_answer: NoAnswer) -> Failure {
        match no_answer {
            NoAnswer::Connect(error) => self.unreachable(&error),
            NoAnswer::NotTrusted(why) => {
                Failure::new(Exit::Unreachable, format!("{}: {why}", self.address))
            }
            NoAnswer::Broken(message) => Failure::failed(format!(
                "{} accepted the call but the connection broke: {message}\n\
                 What was decided goes on without this command; see: teal status",
                self.address
            )),
        }
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(ANSWER_TIMEOUT, answer).await.unwrap_or_else(|_| {
            let seconds = ANSWER_TIMEOUT.as_secs();
            Err(Failure::new(
                Exit::Unreachable,
                format!("{} accepted the call but did not answer within {seconds} s", self.address),
            ))
        })
    }

    fn unreachable(&self, error: &std::io::Error) -> Failure {
        let mut message = format!("cannot reach Teal at {}: {error}", self.address);
        for tried in &self.tried {
            message.push_str("\nTried before: ");
            message.push_str(tried);
        }
        message.push_str(
            "\nIs it running? Give its address with --admin http://HOST:PORT, --admin unix:PATH \
             or TEAL_ADMIN",
        );
        Failure::new(Exit::Unreachable, message)
    }
}

impl std::fmt::Display for Teal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)
    }
}

// === impl Environment ===

impl Environment {
    fn read() -> Self {
        let text = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut state_dirs: Vec<PathBuf> = state_environment().state_dir().into_iter().collect();
        let system = PathBuf::from(SYSTEM_STATE_DIR);
        if !state_dirs.contains(&system) {
            state_dirs.push(system);
        }
        let own = state_environment().socket(Path::new(""));
        let runtime_dirs = [own.as_path(), Path::new(SYSTEM_SOCKET)].into_iter();
        let runtime_dirs = runtime_dirs.filter_map(Path::parent).filter(|dir| dir.is_absolute());
        let runtime_dirs = runtime_dirs.map(Path::to_owned).collect();
        Self {
            runtime_dirs,
            admin: text("TEAL_ADMIN"),
            ca: text("TEAL_CA").map(PathBuf::from),
            token: text("TEAL_TOKEN"),
            token_file: text("TEAL_TOKEN_FILE").map(PathBuf::from),
            state_dirs,
        }
    }

    /// The directories with a socket: those of this environment before those of the system, so that
    /// `ExecReload=` in the unit of a second Teal reaches that one.
    fn places(&self) -> impl Iterator<Item = &PathBuf> {
        let all = 0..self.state_dirs.len().max(self.runtime_dirs.len());
        all.flat_map(|at| [self.state_dirs.get(at), self.runtime_dirs.get(at)]).flatten()
    }

    /// The first socket that answers, else the default address.
    async fn knock(&self) -> FoundAddress {
        let (mut tried, mut closed) = (Vec::new(), None);
        for dir in self.places() {
            let path = dir.join(config::ADMIN_SOCKET);
            let address = Address::Unix(path.clone());
            match address.knock().await {
                Ok(()) => return FoundAddress { address, tried, closed: None },
                Err(error) => {
                    let denied = error.kind() == ErrorKind::PermissionDenied;
                    let group = std::fs::metadata(&path).map(|found| found.gid());
                    closed = group.ok().filter(|_| denied).map(|gid| (path, gid)).or(closed);
                    tried.push(format!("{address}: {error}"));
                }
            }
        }
        let address = Address::Tcp { host: "127.0.0.1".to_owned(), port: 9900 };
        FoundAddress { address, tried, closed }
    }

    /// The token that Teal created at its first start, if this user may read it, and its possible owners.
    fn stored(&self, address: &Address) -> (Option<String>, Option<TrustedUsers>) {
        let paths = self.state_dirs.iter().map(|dir| dir.join("admin.token"));
        let found = paths.into_iter().find_map(|path| Some((read_token(&path).ok()?, path)));
        let Some((token, path)) = found else { return (None, None) };
        // A TLS listener is proven by its certificate.
        let trust = (!matches!(address, Address::Tls { .. })).then(|| {
            let advice = format!(
                "If that is your Teal, say so: --admin {address} --token-file {}",
                path.display()
            );
            self.trust(Some(&path), advice)
        });
        (Some(token), trust)
    }

    /// The users who may have a token: the owner of its file, this user, and the owners of state directories.
    fn trust(&self, file: Option<&Path>, advice: String) -> TrustedUsers {
        let owner = |path: &Path| std::fs::metadata(path).map(|found| found.uid()).ok();
        let of_file = file.and_then(owner);
        let mut owners = vec![rustix::process::geteuid().as_raw()];
        owners.extend(of_file);
        let directories = self.state_dirs.iter().chain(&self.runtime_dirs);
        owners.extend(directories.filter_map(|dir| owner(dir)));
        let whose = match (file, of_file) {
            (Some(file), Some(uid)) => format!("the owner of {}, uid {uid}", file.display()),
            _ => "the user of this command or of a state directory".to_owned(),
        };
        TrustedUsers { owners, whose, advice }
    }
}

fn closed_to_this_user(socket: &Path, gid: u32) -> String {
    let uid = rustix::process::geteuid().as_raw();
    let group = group_name(gid);
    format!(
        "the admin socket {} is closed to uid {uid}: it is for root, Teal's user and members of the group \
         {group} (admin.socket_group); join the group and log in again, or use a token",
        socket.display()
    )
}

/// The token that the caller gave; an unreadable file is an error, not "none".
fn given_token(args: &ReachArgs, around: &Environment) -> Result<Option<String>, Failure> {
    if let Some(path) = &args.token_file {
        return read_token(path).map(Some).map_err(|why| wrong_token("--token-file", path, &why));
    }
    if let Some(token) = &around.token {
        let wrong = |why| Failure::usage(format!("TEAL_TOKEN {why}"));
        return checked_token(token).map(Some).map_err(wrong);
    }
    match &around.token_file {
        None => Ok(None),
        Some(path) => {
            read_token(path).map(Some).map_err(|why| wrong_token("TEAL_TOKEN_FILE", path, &why))
        }
    }
}

fn wrong_token(by: &str, path: &Path, why: &str) -> Failure {
    Failure::usage(format!("{by} {}: {why}", path.display()))
}

fn read_token(path: &Path) -> Result<String, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read the token: {error}"))?;
    checked_token(&text)
}

fn checked_token(text: &str) -> Result<String, String> {
    let token = text.trim();
    if token.is_empty() {
        return Err("is empty; put the token alone in it".to_owned());
    }
    if !token.bytes().all(|c| c.is_ascii_graphic()) {
        return Err("has more than a token in it; put the token alone in it".to_owned());
    }
    Ok(token.to_owned())
}

fn is_loopback(address: &Address) -> bool {
    match address {
        Address::Unix(_) => false, // the user is checked instead
        Address::Tcp { host, .. } | Address::Tls { host, .. } => {
            let name = host.trim_start_matches('[').trim_end_matches(']');
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
    }
}

/// Reads `http://HOST:PORT`, `HOST:PORT`, `https://HOST:PORT` or `unix:PATH`.
fn parse(by: &str, text: &str, ca: Option<PathBuf>) -> Result<Address, Failure> {
    let wrong = |why: &str| {
        let forms = "http://HOST:PORT, https://HOST:PORT or unix:PATH";
        Failure::usage(format!("{by} {text}: {why}; use {forms}"))
    };
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(wrong("the path of the socket is missing"));
        }
        if path.len() > SOCKET_PATH_MAX {
            let bytes = path.len();
            return Err(wrong(&format!(
                "the path has {bytes} bytes; that of a Unix socket may have {SOCKET_PATH_MAX}"
            )));
        }
        return Ok(Address::Unix(PathBuf::from(path)));
    }
    let (secure, authority) = match text.split_once("://") {
        Some(("http", rest)) => (false, rest),
        Some(("https", rest)) => (true, rest),
        Some(_) => return Err(wrong("unknown scheme")),
        None => (false, text),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let Some((host, port)) = authority.rsplit_once(':') else {
        return Err(wrong("the port is missing"));
    };
    let port = port.parse().ok().filter(|port| *port != 0);
    let port = port.ok_or_else(|| wrong("the port must be a number from 1 to 65535"))?;
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let named = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
    let good = match bracketed {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(named),
    };
    if !good {
        return Err(wrong("the host must be a name, an IPv4 address or [IPv6]"));
    }
    let host = host.to_owned();
    Ok(if secure { Address::Tls { host, port, ca } } else { Address::Tcp { host, port } })
}

#[cfg(test)]
mod tests;

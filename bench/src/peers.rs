//! The measured proxies, and the backend behind them.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::{Context, Result, bail};
use testkit::Pki;

use crate::process::Process;

/// The proxy has one core to itself; backend and load share the other.
pub(crate) const PROXY_CORE: u32 = 0;
pub(crate) const LOAD_CORE: u32 = 1;

/// The name in the certificate that all proxies use.
pub(crate) const NAME: &str = "bench.test";

const START: Duration = Duration::from_secs(60);

/// The proxies that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Teal,
    Nginx,
    Haproxy,
    Relay,
    Article,
}

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) directory: PathBuf,
    pub(crate) process: Process,
    pub(crate) tls: bool,
}

/// The size of Teal's configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) routes: usize,
    pub(crate) targets: usize,
    pub(crate) tls: bool,
}

impl Shape {
    pub(crate) const PLAIN: Self = Self { routes: 1, targets: 1, tls: false };
    pub(crate) const TLS: Self = Self { tls: true, ..Self::PLAIN };
}

/// The directories of templates and output, and the backend's port.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) work: PathBuf,
    pub(crate) pki: Pki,
    pub(crate) peers: PathBuf,
    pub(crate) backend: u16,
    pub(crate) article: Option<PathBuf>,
}

/// The TLS settings of a proxy: on its listener line, and beside it.
#[derive(Debug, Default)]
struct Tls {
    listener: String,
    certificate: String,
}

impl Tls {
    /// TLS 1.3 with the certificate and key in this file, HTTP/2 for clients that offer it, and defaults
    /// for everything else.
    fn of(kind: Kind, file: &Path) -> Self {
        let file = file.display();
        match kind {
            Kind::Teal => Self {
                listener: "tls = true\nmin_tls = \"1.3\"".to_owned(),
                certificate: format!("[[certificate]]\ncert = '{file}'\nkey = '{file}'"),
            },
            Kind::Nginx => Self {
                listener: " ssl http2".to_owned(),
                certificate: format!(
                    "ssl_certificate {file}; ssl_certificate_key {file}; ssl_protocols TLSv1.3;"
                ),
            },
            Kind::Haproxy => Self {
                listener: format!(" ssl crt {file} ssl-min-ver TLSv1.3 alpn h2,http/1.1"),
                certificate: String::new(),
            },
            Kind::Relay | Kind::Article => Self::default(),
        }
    }
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Teal => "Teal",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Relay => "bare relay",
            Self::Article => "article's program",
        }
    }
}

impl Place {
    pub(crate) fn start_backend(&self) -> Result<Process> {
        let files = self.work.join("files");
        fs::create_dir_all(&files)?;
        fs::write(files.join("16k"), vec![b'x'; 16 * 1024])?;
        fs::write(files.join("1m"), vec![b'x'; 1024 * 1024])?;
        // 127.0.0.n are blue's targets, 127.0.1.n green's.
        let listens: String = blue(100).chain(green(100)).fold(String::new(), |all, address| {
            format!("{all}listen {address}:{} backlog=4096;\n    ", self.backend)
        });
        let file = self.fill("backend", &self.work, &[("listens", listens)])?;
        let command = words(&["nginx", "-c", &file]);
        let log = self.work.join("backend.log");
        let mut process = Process::start(LOAD_CORE, &command, &log)?;
        answers(SocketAddr::from((Ipv4Addr::LOCALHOST, self.backend)), &mut process, &log)?;
        Ok(process)
    }

    /// Starts a proxy and waits until it answers.
    pub(crate) fn start(&self, kind: Kind, shape: Shape) -> Result<Peer> {
        let name = match shape {
            Shape { routes: 1, targets: 1, .. } => kind.name().to_owned(),
            Shape { routes, targets, .. } => {
                format!("{}, routes: {routes}, targets: {targets}", kind.name())
            }
        };
        let directory = self.work.join(name.replace([' ', ',', ':', '\''], "-"));
        fs::create_dir_all(&directory)?;
        let (address, admin) = (free_port()?, free_port()?);
        let command = self.command(kind, shape, &directory, address.port(), admin.port())?;
        let log = directory.join("log");
        let mut process = Process::start(PROXY_CORE, &command, &log)?;
        answers(address, &mut process, &log)?;
        process.settle()?;
        Ok(Peer { name, address, admin, directory, process, tls: shape.tls })
    }

    fn command(
        &self,
        kind: Kind,
        shape: Shape,
        directory: &Path,
        port: u16,
        admin: u16,
    ) -> Result<Vec<String>> {
        let port_value = ("port", port.to_string());
        let tls = if shape.tls { Tls::of(kind, &self.certificate()?) } else { Tls::default() };
        let tls = [("tls", tls.listener), ("certificate", tls.certificate)];
        Ok(match kind {
            Kind::Teal => {
                let targets = |addresses: &mut dyn Iterator<Item = Ipv4Addr>| {
                    let urls = addresses.map(|at| format!("\"http://{at}:{}\"", self.backend));
                    urls.collect::<Vec<_>>().join(", ")
                };
                let values = [
                    port_value,
                    ("admin", admin.to_string()),
                    ("blue", targets(&mut blue(shape.targets))),
                    ("green", targets(&mut green(shape.targets))),
                    ("services", self.services(shape.routes - 1)),
                ];
                let values = [&values[..], &tls].concat();
                let file = self.fill("teal", directory, &values)?;
                words(&[&beside("teal")?, "run", "--config", &file])
            }
            Kind::Nginx => {
                let values = [&[port_value][..], &tls].concat();
                words(&["nginx", "-c", &self.fill("nginx", directory, &values)?])
            }
            Kind::Haproxy => {
                let values = [&[port_value][..], &tls].concat();
                words(&["haproxy", "-f", &self.fill("haproxy", directory, &values)?])
            }
            Kind::Relay => {
                let (listen, backend) =
                    (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", self.backend));
                words(&[&beside("relay")?, &listen, &backend])
            }
            Kind::Article => vec![self.build_article(directory, port)?],
        })
    }

    /// The certificate that all proxies use: ECDSA on P-256, the most common kind by now. The file also
    /// contains its key.
    fn certificate(&self) -> Result<PathBuf> {
        let both = self.work.join("both.pem");
        if !both.exists() {
            let pair = self.pki.issue("bench", &[NAME]);
            fs::write(&both, fs::read_to_string(pair.cert)? + &fs::read_to_string(pair.key)?)?;
        }
        Ok(both)
    }

    /// Additional services that get no requests. Their probes are an hour apart: routing is measured, not
    /// probing.
    fn services(&self, count: usize) -> String {
        let backend = self.backend;
        (0..count).fold(String::new(), |mut all, n| {
            let _ = write!(
                all,
                "\n[[service]]\nname = \"s{n}\"\npath_prefix = \"/s{n}\"\n\
                 blue = {{ targets = [\"http://127.0.0.1:{backend}\"] }}\n\
                 green = {{ targets = [\"http://127.0.1.1:{backend}\"] }}\n\
                 health = {{ interval = \"1h\" }}\n"
            );
            all
        })
    }

    /// The article's program with its three fixed ports changed, and nothing else.
    fn build_article(&self, directory: &Path, port: u16) -> Result<String> {
        let source = self.article.as_ref().context("no source of the article's program")?;
        let text = fs::read_to_string(source)?
            .replace(":8080", &format!("127.0.0.1:{port}"))
            .replace("localhost:8081", &format!("127.0.0.1:{}", self.backend))
            .replace("localhost:8082", &format!("127.0.1.1:{}", self.backend));
        let (file, program) = (directory.join("main.go"), directory.join("article"));
        fs::write(&file, text)?;
        let built = std::process::Command::new("go")
            .args(["build", "-o"])
            .args([&program, &file])
            .env("GOCACHE", directory.join("cache"))
            .status()
            .context("go can't be run (Debian: apt-get install golang-go)")?;
        if !built.success() {
            bail!("the article's program was not built: {built}");
        }
        Ok(program.to_string_lossy().into_owned())
    }

    /// Fills in a template and writes it; returns the path of the result.
    fn fill(&self, name: &str, directory: &Path, values: &[(&str, String)]) -> Result<String> {
        let template = self.peers.join(format!("{name}.conf"));
        let mut text = fs::read_to_string(&template)
            .with_context(|| format!("{} can't be read", template.display()))?;
        let always =
            [("work", directory.display().to_string()), ("backend", self.backend.to_string())];
        for (place, value) in always.iter().chain(values) {
            text = text.replace(&format!("{{{{{place}}}}}"), value);
        }
        let file = directory.join(format!("{name}.conf"));
        fs::write(&file, text)?;
        Ok(file.to_string_lossy().into_owned())
    }
}

fn blue(count: usize) -> impl Iterator<Item = Ipv4Addr> {
    (1..=100u8).map(|n| Ipv4Addr::new(127, 0, 0, n)).take(count)
}

fn green(count: usize) -> impl Iterator<Item = Ipv4Addr> {
    (1..=100u8).map(|n| Ipv4Addr::new(127, 0, 1, n)).take(count)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// The path of a program that was built together with this one.
pub(crate) fn beside(name: &str) -> Result<String> {
    Ok(env::current_exe()?.with_file_name(name).to_string_lossy().into_owned())
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits until something listens there.
fn answers(address: SocketAddr, process: &mut Process, log: &Path) -> Result<()> {
    let deadline = Instant::now() + START;
    while TcpStream::connect(address).is_err() {
        if process.has_ended()? || Instant::now() > deadline {
            let log = fs::read_to_string(log).unwrap_or_default();
            bail!("nothing listens on {address}; the program said:\n{log}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

//! The servers: each runs the same application twice, as blue and as green.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use testkit::GrpcTarget;

use crate::cases::Speech;
use crate::place::Place;
use crate::process::{Process, free_port, words};

/// One server of the matrix.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) speaks: &'static [Speech],
    /// The scheme for Teal's connections to it.
    pub(crate) scheme: &'static str,
    /// The source of its version, for `versions`.
    pub(crate) version: &'static str,
}

/// All servers, in the order of the report.
pub(crate) const KINDS: [Kind; 11] = {
    use Speech::{Grpc, Http, WebSocket};
    [
        kind("gunicorn", &[Http], "http", "pip:gunicorn"),
        kind("uvicorn", &[Http, WebSocket], "http", "pip:uvicorn"),
        kind("hypercorn", &[Http, WebSocket], "http", "pip:hypercorn"),
        kind("hypercorn-h2c", &[Http], "h2c", "pip:hypercorn"),
        kind("node", &[Http, WebSocket], "http", "node --version"),
        kind("apache-php", &[Http], "http", "apache2 -v"),
        kind("nginx", &[Http], "http", "nginx -v"),
        kind("puma", &[Http], "http", "puma --version"),
        kind("tomcat", &[Http], "http", "deb:libtomcat10-embed-java"),
        kind("grpcio", &[Grpc], "h2c", "pip:grpcio"),
        kind("tonic", &[Grpc], "h2c", "crate:tonic"),
    ]
};

const fn kind(
    name: &'static str,
    speaks: &'static [Speech],
    scheme: &'static str,
    version: &'static str,
) -> Kind {
    Kind { name, speaks, scheme, version }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    _processes: Vec<Process>,
    _ours: Option<GrpcTarget>,
}

impl Server {
    /// Starts it on its own port, with its files in `work`.
    pub(crate) fn start(kind: &Kind, place: &Place, work: &Path) -> Result<Self> {
        if kind.name == "tonic" {
            let target = GrpcTarget::start("tonic");
            let port = target.address().port();
            return Ok(Self { port, _processes: Vec::new(), _ours: Some(target) });
        }
        fs::create_dir_all(work)?;
        let port = free_port()?;
        let mut processes = Vec::new();
        for (index, command) in commands(kind.name, place, work, port)?.iter().enumerate() {
            let log = work.join(format!("log-{index}"));
            processes.push(Process::start(command, &place.variables(), &log)?);
        }
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let last = processes.last_mut().context("a server has a process")?;
        last.wait_for(address).with_context(|| kind.name)?;
        Ok(Self { port, _processes: processes, _ours: None })
    }

    /// Its URL for Teal's configuration.
    pub(crate) fn url(&self, kind: &Kind) -> String {
        format!("{}://127.0.0.1:{}", kind.scheme, self.port)
    }
}

/// The processes of a server; the last one listens.
fn commands(name: &str, place: &Place, work: &Path, port: u16) -> Result<Vec<Vec<String>>> {
    let file = |file: &str| place.sources.join("servers").join(file).display().to_string();
    // A keep-alive of one second, so that clients can meet its end.
    let one = match name {
        "gunicorn" => words(&format!(
            "python3 -m gunicorn --bind 127.0.0.1:{port} --workers 1 --threads 32 --keep-alive 1 \
             --log-level warning --limit-request-field_size 8190 --no-control-socket wsgi:app"
        )),
        "uvicorn" => words(&format!(
            "python3 -m uvicorn --host 127.0.0.1 --port {port} --timeout-keep-alive 1 \
             --log-level warning --http httptools --ws websockets asgi:app"
        )),
        "hypercorn" | "hypercorn-h2c" => words(&format!(
            "python3 -m hypercorn --bind 127.0.0.1:{port} --keep-alive 1 --workers 1 asgi:app"
        )),
        "node" => words(&format!("node {} {port}", file("node.js"))),
        "apache-php" => return apache(place, work, port),
        "nginx" => return nginx(place, work, port),
        "puma" => words(&format!(
            "puma --config {} --bind tcp://127.0.0.1:{port} {}",
            file("puma.rb"),
            file("config.ru")
        )),
        "tomcat" => {
            let mut command = place.java("Main");
            command.extend([port.to_string(), work.display().to_string()]);
            command
        }
        "grpcio" => words(&format!("python3 {} {port}", file("grpc_server.py"))),
        other => bail!("{other} is not a server"),
    };
    Ok(vec![one])
}

fn apache(place: &Place, work: &Path, port: u16) -> Result<Vec<Vec<String>>> {
    let files = work.join("files");
    fs::create_dir_all(&files)?;
    // Both run as another user, who must reach the files.
    fs::set_permissions(work, Permissions::from_mode(0o755))?;
    fs::copy(place.sources.join("servers/index.php"), files.join("index.php"))?;
    let php = fill(place, work, port, "php-fpm.conf")?;
    let apache = fill(place, work, port, "apache.conf")?;
    Ok(vec![
        words(&format!("php-fpm8.2 --fpm-config {php}")),
        words(&format!("apache2 -D FOREGROUND -f {apache}")),
    ])
}

fn nginx(place: &Place, work: &Path, port: u16) -> Result<Vec<Vec<String>>> {
    let files = work.join("files");
    fs::create_dir_all(&files)?;
    fs::set_permissions(work, Permissions::from_mode(0o755))?;
    fs::write(files.join("large"), "0123456789abcdef".repeat(65536))?;
    fs::write(files.join("etag"), "tagged\n")?;
    let file = fill(place, work, port, "nginx.conf")?;
    Ok(vec![words(&format!("nginx -c {file} -e {}/start.log", work.display()))])
}

/// A configuration with this port and these directories in it.
fn fill(place: &Place, work: &Path, port: u16, name: &str) -> Result<String> {
    let text = fs::read_to_string(place.sources.join("servers").join(name))?;
    let text = text
        .replace("{port}", &port.to_string())
        .replace("{work}", &work.display().to_string())
        .replace("{files}", &work.join("files").display().to_string())
        .replace("{user}", "www-data")
        .replace("{group}", "www-data")
        .replace("{wide}", &"w".repeat(3000));
    let file = work.join(name);
    fs::write(&file, text)?;
    Ok(file.display().to_string())
}

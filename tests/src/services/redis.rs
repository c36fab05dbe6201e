//! A private Redis server from the program that is installed, and a way to it that can be cut.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cutover_daemon::clock::Clock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// A start that takes longer has failed.
const START: Duration = Duration::from_secs(30);

/// What a server says once it answers.
const READY: &str = "Ready to accept connections";

/// The password of every server here, so that tests can look for it.
pub const REDIS_PASSWORD: &str = "planted-redis-password";

/// Why there is no server.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RedisError {
    #[error("Redis is not installed: `apt-get install redis-server` (or valkey-server), then again")]
    NotInstalled,
    #[error("{doing}: {cause}")]
    Failed { doing: &'static str, cause: String },
}

/// A server on a port of its own, which keeps nothing on disk. It ends with this value.
pub struct Redis {
    program: PathBuf,
    dir: tempfile::TempDir,
    port: u16,
    child: Mutex<Child>,
}

impl Redis {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// It is missing, or does not start.
    pub async fn start() -> Result<Self, RedisError> {
        let program = program().ok_or(RedisError::NotInstalled)?;
        let dir = tempfile::Builder::new()
            .prefix("cutover-redis-")
            .tempdir()
            .map_err(failed("making a folder for Redis"))?;
        // Whoever else takes the port in between makes the start fail, and the test says so.
        let port = free_port().map_err(failed("finding a port"))?;
        let child = started(&program, dir.path(), port).await?;
        Ok(Self { program, dir, port, child: Mutex::new(child) })
    }

    /// Its address, with the password.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same server behind another port of this machine.
    pub fn url_at(&self, port: u16) -> String {
        format!("redis://:{REDIS_PASSWORD}@127.0.0.1:{port}")
    }

    /// Ends it as a crash would: it forgets everything.
    pub fn crash(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Starts it again, empty, at the same port.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_again(&self) -> Result<(), RedisError> {
        let child = started(&self.program, self.dir.path(), self.port).await?;
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = child;
        Ok(())
    }

    /// Stops it where it stands: connections stay open, and nothing answers.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.lock().unwrap_or_else(PoisonError::into_inner).id();
        if let Ok(id) = i32::try_from(id) {
            let _ = kill(Pid::from_raw(id), signal);
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.crash();
    }
}

/// What stands between a daemon and the server: while it is cut, what is sent stays where it is, and new connections are taken and
/// left hanging, as behind a wall that drops packets.
pub struct Cut {
    port: u16,
    open: watch::Sender<bool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Cut {
    /// A way to the server that is open.
    ///
    /// # Errors
    /// No port is free.
    pub async fn before(redis: &Redis) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, to) = (listener.local_addr()?.port(), redis.port);
        let (open, seen) = watch::channel(true);
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let seen = seen.clone();
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(("127.0.0.1", to)).await else { return };
                    forward(near, far, seen).await;
                });
            }
        });
        Ok(Self { port, open, accepting })
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts it, or opens it again.
    pub fn set(&self, cut: bool) {
        self.open.send_replace(!cut);
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(near: TcpStream, far: TcpStream, open: watch::Receiver<bool>) {
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let other = open.clone();
    tokio::select! {
        () = copy(near_in, far_out, open) => {}
        () = copy(far_in, near_out, other) => {}
    }
}

async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut open: watch::Receiver<bool>,
) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        // What was under way when it was cut arrives late, as it does in a network.
        if open.wait_for(|open| *open).await.is_err() || to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

fn spawn(program: &Path, dir: &Path, port: u16) -> Result<Child, RedisError> {
    let port = port.to_string();
    Command::new(program)
        .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--requirepass", REDIS_PASSWORD, "--dir"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed("starting Redis"))
}

/// A server that answers.
async fn started(program: &Path, dir: &Path, port: u16) -> Result<Child, RedisError> {
    let mut child = spawn(program, dir, port)?;
    let said = child.stdout.take();
    let (tell, ready) = oneshot::channel();
    // A thread of its own, which ends with the server: what it says later must not stay in the pipe.
    std::thread::spawn(move || {
        let mut tell = Some(tell);
        for line in said.into_iter().flat_map(|said| BufReader::new(said).lines()).map_while(Result::ok) {
            if line.contains(READY)
                && let Some(tell) = tell.take()
            {
                let _ = tell.send(());
            }
        }
    });
    match Clock::system().timeout(START, ready).await {
        Ok(Ok(())) => Ok(child),
        late => {
            let _ = child.kill();
            let _ = child.wait();
            let cause = if late.is_ok() { "it ended" } else { "it does not say that it is ready" };
            Err(RedisError::Failed { doing: "starting Redis", cause: cause.to_owned() })
        }
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Debian's, or one of its successor's.
fn program() -> Option<PathBuf> {
    let found = Command::new("/bin/sh")
        .args(["-c", "command -v redis-server || command -v valkey-server"])
        .output()
        .ok()?;
    let found = PathBuf::from(String::from_utf8(found.stdout).ok()?.trim());
    let usual = ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/usr/bin/valkey-server"];
    std::iter::once(found).chain(usual.map(PathBuf::from)).find(|program| program.is_file())
}

fn failed<E: std::fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> RedisError {
    move |error| RedisError::Failed { doing, cause: error.to_string() }
}

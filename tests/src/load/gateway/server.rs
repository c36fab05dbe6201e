//! What is measured, each as a process of its own, one alive at a time.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::client::{Target, exchange};
use super::payload::{APP, SECRET};
use crate::github_sim::TestKey;
use crate::harness::Home;
use crate::harness::role::ROLE;
use crate::load::mapping::LoadError;
use crate::load::meter::Process;

/// What a service shows.
pub(crate) const SERVICE: &str = "the-service-token-of-the-load-tool";

/// A start that takes longer has failed.
const START: Duration = Duration::from_secs(60);

/// A receiver of deliveries. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) target: Target,
}

/// The program of the daemon.
#[derive(Debug, Clone)]
pub struct Program {
    /// A program that plays the daemon's role, and makes a home.
    pub roles: PathBuf,
    /// `cutoverd` itself; without it `roles` plays it.
    pub daemon: Option<PathBuf>,
}

/// A home for a daemon that reaches no GitHub, which it needs for none of this.
pub(crate) async fn home(program: &Program, folder: &Path) -> Result<Home, LoadError> {
    let home = Home::new(folder)?;
    home.configure(
        "http://127.0.0.1:9",
        APP,
        TestKey::First.private_pem(),
        &format!("[http]\nlisten = \"127.0.0.1:0\"\n\n[api]\nservice_token = \"{SERVICE}\"\n"),
    )?;
    let text = std::fs::read_to_string(home.config())?;
    let text = text.replace("app_id = ", &format!("webhook_secret = {SECRET:?}\napp_id = "));
    home.write("cutover.toml", text.as_bytes())?;
    home.init(&program.roles).await?;
    Ok(home)
}

impl Server {
    /// The daemon over the store of `home`, which is kept from one start to the next.
    pub(crate) async fn daemon(program: &Program, home: &Home) -> Result<Self, LoadError> {
        let note = home.state().join("http.addr");
        let _ = std::fs::remove_file(&note);
        // Without this a file that may not grow kills whoever writes it; with it, writing fails as it does on a full disk.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
        match &program.daemon {
            Some(daemon) => command.arg(std::path::absolute(daemon)?),
            None => command.arg(&program.roles).args([ROLE, "daemon"]),
        };
        command.arg("--config").arg(home.config()).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", home.dir()).env("LANG", "C.UTF-8");
        let child = spawn(command)?;
        let read = || std::fs::read_to_string(&note).ok()?.trim().parse::<SocketAddr>().ok();
        Self::once(child, "/webhooks/github", read).await
    }

    /// The door alone, in front of an inbox that keeps nothing. `program` is a benchmark that serves it.
    pub(crate) async fn door(program: &Path, folder: &Path) -> Result<Self, LoadError> {
        let note = folder.join("http.addr");
        let mut command = Command::new(program);
        command.args(["--bench", "--serve-door"]).arg(folder);
        let child = spawn(command)?;
        let read = || std::fs::read_to_string(&note).ok()?.trim().parse::<SocketAddr>().ok();
        Self::once(child, "/webhooks/github", read).await
    }

    /// `@octokit/webhooks` on node's own server.
    pub(crate) async fn octokit(peers: &Path) -> Result<Self, LoadError> {
        let port = free_port()?;
        let mut command = node(peers, port);
        command.arg("octokit.mjs");
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self::once(spawn(command)?, "/api/github/webhooks", || Some(at)).await
    }

    /// probot with one handler, quiet.
    pub(crate) async fn probot(peers: &Path, folder: &Path) -> Result<Self, LoadError> {
        let key = folder.join("app.pem");
        std::fs::write(&key, TestKey::First.private_pem())?;
        let port = free_port()?;
        let mut command = node(peers, port);
        command.args(["node_modules/probot/bin/probot.js", "run", "./probot-app.mjs"]);
        command.env("LOG_LEVEL", "fatal").env("HOST", "127.0.0.1").env("APP_ID", APP.to_string());
        command.env("PRIVATE_KEY_PATH", key);
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self::once(spawn(command)?, "/api/github/webhooks", || Some(at)).await
    }

    /// Waits until there is somebody at the address.
    async fn once(
        mut child: Child,
        path: &'static str,
        address: impl Fn() -> Option<SocketAddr>,
    ) -> Result<Self, LoadError> {
        let clock = Clock::system();
        let end = clock.monotonic() + START;
        loop {
            if let Some(status) = child.try_wait()? {
                return Err(LoadError::Wrong(format!("a server ended at once: {status}")));
            }
            if let Some(address) = address()
                && TcpStream::connect(address).await.is_ok()
            {
                return Ok(Self { child, target: Target { address, path } });
            }
            if clock.monotonic() > end {
                return Err(LoadError::Wrong("a server did not start".to_owned()));
            }
            clock.sleep(Duration::from_millis(10)).await;
        }
    }

    /// Registers a workflow that has to be held against every push, and matches none.
    pub(crate) async fn watch_pushes(&self) -> Result<(), LoadError> {
        let workflow = json!({
            "name": "every push",
            "trigger": { "repository": "**", "events": ["push"], "branches": ["no-such-branch"] },
            "definition": {},
        })
        .to_string();
        let request = format!(
            "PUT /api/v1/workflows/every-push HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {SERVICE}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{workflow}",
            self.target.address,
            workflow.len(),
        );
        match exchange(&mut None, self.target.address, request.as_bytes(), &mut Vec::new()).await? {
            200..=299 => Ok(()),
            status => Err(LoadError::Wrong(format!("the workflow was answered with {status}"))),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.target.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    pub(crate) fn process(&self) -> Process {
        Process::of(self.pid())
    }

    /// SIGKILL, and the end of it.
    pub(crate) async fn kill(mut self) -> Result<(), LoadError> {
        Ok(self.child.kill().await?)
    }
}

fn node(peers: &Path, port: u16) -> Command {
    let mut command = Command::new("node");
    command.current_dir(peers).env("NODE_ENV", "production");
    command.env("PORT", port.to_string()).env("WEBHOOK_SECRET", SECRET);
    command
}

fn spawn(mut command: Command) -> std::io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true).spawn()
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

//! A scripted daemon behind a real Unix socket, and the command line run against it in this process.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod fleet_daemon;
pub mod rollout;
pub mod sample;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::{ActKey, OperatorName};
use cutover_shared::rpc::{
    Act, Answer, Changes, Control, Hello, PROTOCOL, Query, Receipt, Role, Topic, Welcome,
};
use cutover_shared::transport;
use cutover_tui::{Env, Io};
use futures::StreamExt;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel};
use tokio::net::UnixListener;
use tokio::sync::Notify;

/// What the scripted daemon does with a call.
pub enum Reply<T> {
    Say(T),
    Refuse(RpcError),
    /// Never answers.
    Hang,
    /// Ends the connection without an answer.
    HangUp,
}

impl<T> Reply<T> {
    pub fn code(code: ErrorCode) -> Self {
        Self::Refuse(
            RpcError::new(code, format!("refused as {code:?}"), "the mend").with_runbook("runbooks/x.md"),
        )
    }
}

type Script<In, Out> = Box<dyn FnMut(In) -> Reply<Out> + Send>;

/// Everything that was said to the daemon, and its script.
pub struct State {
    pub hellos: Vec<Hello>,
    pub queries: Vec<Query>,
    pub acts: Vec<(ActKey, Act)>,
    pub changes: Vec<(u64, Vec<(Topic, u64)>)>,
    pub greet: Script<Hello, Welcome>,
    pub answer: Script<Query, Answer>,
    pub obey: Script<Act, Receipt>,
    pub change: Script<(u64, Vec<(Topic, u64)>), Changes>,
}

#[derive(Clone)]
pub struct Daemon {
    pub state: Arc<Mutex<State>>,
    hang_up: Arc<Notify>,
    pub folder: Arc<tempfile::TempDir>,
}

pub fn welcome(hello: &Hello) -> Welcome {
    Welcome {
        protocol: PROTOCOL,
        version: "9.9.9".into(),
        environment: "staging".into(),
        operator: OperatorName::from("alice"),
        role: hello.role.unwrap_or(Role::Admin),
    }
}

impl Daemon {
    /// A daemon that greets and knows no answer.
    pub fn start() -> Self {
        let daemon = Self::absent();
        daemon.listen();
        daemon
    }

    /// The same before it listens.
    pub fn absent() -> Self {
        let state = State {
            hellos: Vec::new(),
            queries: Vec::new(),
            acts: Vec::new(),
            changes: Vec::new(),
            greet: Box::new(|hello| Reply::Say(welcome(&hello))),
            answer: Box::new(|query| panic!("no answer to {query:?}")),
            obey: Box::new(|act| panic!("no receipt for {act:?}")),
            change: Box::new(|_| Reply::Hang),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            hang_up: Arc::new(Notify::new()),
            folder: Arc::new(tempfile::tempdir().unwrap()),
        }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("d.sock")
    }

    /// Begins to listen, also again after [`Self::absent`].
    pub fn listen(&self) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        let daemon = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let daemon = daemon.clone();
                tokio::spawn(async move {
                    let hang_up = daemon.hang_up.clone();
                    let calls = BaseChannel::with_defaults(transport::framed(stream)).execute(daemon.serve());
                    let serving = calls.for_each_concurrent(None, |call| call);
                    tokio::select! { () = serving => {}, () = hang_up.notified() => {} }
                });
            }
        });
    }

    pub fn answers(self, f: impl FnMut(Query) -> Reply<Answer> + Send + 'static) -> Self {
        self.state.lock().unwrap().answer = Box::new(f);
        self
    }

    pub fn obeys(self, f: impl FnMut(Act) -> Reply<Receipt> + Send + 'static) -> Self {
        self.state.lock().unwrap().obey = Box::new(f);
        self
    }

    pub fn changes(self, f: impl FnMut((u64, Vec<(Topic, u64)>)) -> Reply<Changes> + Send + 'static) -> Self {
        self.state.lock().unwrap().change = Box::new(f);
        self
    }

    pub fn greets(self, f: impl FnMut(Hello) -> Reply<Welcome> + Send + 'static) -> Self {
        self.state.lock().unwrap().greet = Box::new(f);
        self
    }

    async fn play<T>(&self, reply: Reply<T>) -> Result<T, RpcError> {
        match reply {
            Reply::Say(value) => Ok(value),
            Reply::Refuse(error) => Err(error),
            Reply::Hang => std::future::pending().await,
            Reply::HangUp => {
                self.hang_up.notify_one();
                std::future::pending().await
            }
        }
    }

    pub fn acts(&self) -> Vec<Act> {
        self.state.lock().unwrap().acts.iter().map(|(_, act)| act.clone()).collect()
    }

    pub fn env(&self) -> Env {
        let mut env = Env::from_variables(|_| None, (false, false));
        env.socket = self.socket();
        env.state_dir = self.folder.path().to_owned();
        env.patience = Duration::from_millis(200);
        env.now = || sample::NOW;
        env
    }

    /// Runs `cutover ARGS` in these surroundings.
    pub async fn run_in(&self, env: &Env, args: &[&str], stdin: &[u8]) -> Ran {
        let args = std::iter::once("cutover").chain(args.iter().copied()).map(OsString::from);
        let (mut stdin, mut stdout, mut stderr) = (stdin, Vec::new(), Vec::new());
        let io = Io { stdin: &mut stdin, stdout: &mut stdout, stderr: &mut stderr };
        let code = cutover_tui::run(args, env, io).await;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        // The folder has another name each time.
        let folder = self.folder.path().to_str().unwrap();
        let clean = |bytes| text(bytes).replace(folder, "/F");
        Ran { code, out: clean(stdout), err: clean(stderr) }
    }

    pub async fn run(&self, args: &[&str]) -> Ran {
        self.run_in(&self.env(), args, b"").await
    }
}

/// How a call went.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// The JSON document on stdout.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in {self:?}"))
    }

    /// The error object on stderr; checks the promised shape.
    pub fn error(&self) -> serde_json::Value {
        assert_eq!(self.out, "", "with an error stdout is empty: {self:?}");
        let value: serde_json::Value =
            serde_json::from_str(&self.err).unwrap_or_else(|e| panic!("{e} in {self:?}"));
        let error = &value["error"];
        for key in ["code", "message", "hint"] {
            assert!(error[key].is_string(), "{key} in {value}");
        }
        assert!(error.as_object().unwrap().contains_key("runbook"), "{value}");
        error.clone()
    }
}

impl Control for Daemon {
    async fn hello(self, _: Context, hello: Hello) -> Result<Welcome, RpcError> {
        let reply = {
            let mut state = self.state.lock().unwrap();
            state.hellos.push(hello.clone());
            (state.greet)(hello)
        };
        self.play(reply).await
    }

    async fn query(self, _: Context, query: Query) -> Result<Answer, RpcError> {
        let reply = {
            let mut state = self.state.lock().unwrap();
            state.queries.push(query.clone());
            (state.answer)(query)
        };
        self.play(reply).await
    }

    async fn act(self, _: Context, key: ActKey, act: Act) -> Result<Receipt, RpcError> {
        let reply = {
            let mut state = self.state.lock().unwrap();
            state.acts.push((key, act.clone()));
            (state.obey)(act)
        };
        self.play(reply).await
    }

    async fn changes(self, _: Context, epoch: u64, versions: Vec<(Topic, u64)>) -> Result<Changes, RpcError> {
        let reply = {
            let mut state = self.state.lock().unwrap();
            state.changes.push((epoch, versions.clone()));
            (state.change)((epoch, versions))
        };
        self.play(reply).await
    }
}

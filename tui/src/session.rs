//! One call on its way: options, streams, the connection, and what is under way when time runs out.

use std::path::Path;

use cutover_shared::error::ErrorCode;
use cutover_shared::ids::{ActKey, RunId};
use cutover_shared::rpc::{Act, Answer, Query, Receipt, Role};
use tokio::io::AsyncRead;

use crate::conn::{Conn, Introduction};
use crate::env::Env;
use crate::failure::Failure;
use crate::options::Options;
use crate::out::Out;
use crate::plain;

/// What is being waited for; decides what the end of `--timeout` says.
enum Doing {
    Connecting,
    Asking,
    Acting { act: &'static str, key: ActKey },
    Following(RunId),
}

pub(crate) struct Session<'a> {
    pub env: &'a Env,
    pub options: Options,
    pub out: Out<'a>,
    /// Taken by the verb that reads it.
    pub stdin: Option<&'a mut (dyn AsyncRead + Unpin)>,
    /// `console`, `cli`, `watch`; told to the daemon for its log.
    pub purpose: &'static str,
    conn: Option<Conn>,
    doing: Doing,
    key: ActKey,
}

impl<'a> Session<'a> {
    pub fn new(env: &'a Env, options: Options, out: Out<'a>, stdin: &'a mut (dyn AsyncRead + Unpin)) -> Self {
        let key = options.key.clone().map_or_else(ActKey::fresh, ActKey);
        Self {
            env,
            options,
            out,
            stdin: Some(stdin),
            purpose: "cli",
            conn: None,
            doing: Doing::Connecting,
            key,
        }
    }

    pub fn socket(&self) -> &Path {
        self.options.socket.as_deref().unwrap_or(&self.env.socket)
    }

    /// Milliseconds since the epoch.
    pub fn now(&self) -> i64 {
        (self.env.now)()
    }

    /// The connection, opened by the first use.
    pub async fn conn(&mut self) -> Result<Conn, Failure> {
        if let Some(conn) = &self.conn {
            return Ok(conn.clone());
        }
        let role = if self.options.read_only { Some(Role::Viewer) } else { self.options.role };
        let conn = Conn::open(self.socket(), &Introduction { purpose: self.purpose, role }).await?;
        Ok(self.conn.insert(conn).clone())
    }

    pub fn is_connected(&self) -> bool {
        self.conn.is_some()
    }

    /// Forgets a connection that is broken.
    pub fn hang_up(&mut self) {
        self.conn = None;
    }

    pub async fn ask(&mut self, query: Query) -> Result<Answer, Failure> {
        let conn = self.conn().await?;
        if !matches!(self.doing, Doing::Following(_)) {
            self.doing = Doing::Asking;
        }
        Ok(conn.query(query).await?)
    }

    /// The act of a call that has only one: its key is the call's.
    pub async fn act(&mut self, act: Act) -> Result<Receipt, Failure> {
        self.keyed(self.key.clone(), act).await
    }

    /// One act of several: its key is the call's with the step's name, so that a repeated call with the same
    /// `--key` repeats no step.
    pub async fn step(&mut self, step: &str, act: Act) -> Result<Receipt, Failure> {
        self.keyed(ActKey(format!("{}/{step}", self.key)), act).await
    }

    async fn keyed(&mut self, key: ActKey, act: Act) -> Result<Receipt, Failure> {
        let conn = self.conn().await?;
        self.doing = Doing::Acting { act: act.name(), key: self.key.clone() };
        Ok(conn.act(key, act).await?)
    }

    /// From here on the call only watches `run`.
    pub fn follows(&mut self, run: &RunId) {
        self.doing = Doing::Following(run.clone());
    }

    /// What the end of `--timeout` says.
    pub fn timed_out(&self) -> Failure {
        let limit = plain::duration(self.options.timeout.unwrap_or_default());
        let (message, hint) = match &self.doing {
            Doing::Connecting | Doing::Asking => (
                format!("no answer within {limit}"),
                "nothing was changed; ask again, with a longer --timeout".to_owned(),
            ),
            Doing::Acting { act, key } => (
                format!("{act} was still going after {limit}"),
                format!(
                    "it goes on in the daemon: look with `cutover run list`; the same call with --key {key} answers \
                     its receipt"
                ),
            ),
            Doing::Following(run) => (
                format!("run {run} was still going after {limit}"),
                format!(
                    "it goes on: `cutover watch {run}` follows it, `cutover run show {run}` shows it once"
                ),
            ),
        };
        Failure::new(ErrorCode::StillGoing, message, hint)
    }
}

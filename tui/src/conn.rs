//! A connection to the daemon: `hello` first, a deadline on every call, errors in our own words.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::ActKey;
use cutover_shared::rpc::{
    ACT_DEADLINE, Act, Answer, CHANGES_WAIT, Changes, ControlClient, Hello, PROTOCOL, Query, Receipt, Role,
    Topic, Welcome,
};
use cutover_shared::transport;
use tarpc::client::RpcError as CallError;
use tokio::net::UnixStream;

use crate::clock;

/// How long the daemon may take to greet: it needs no store for it.
const HELLO_DEADLINE: Duration = Duration::from_secs(10);

/// How long a kill may take. It waits for nothing slow, and an operator with a fire must soon hear of `--local`.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// How long after [`CHANGES_WAIT`] an answer of `changes` may still come.
const CHANGES_GRACE: Duration = Duration::from_secs(5);

/// What a client says about itself.
#[derive(Clone, Debug)]
pub struct Introduction {
    /// `console`, `cli`, `watch`.
    pub purpose: &'static str,
    /// Lowers the role of the connection; never raises it.
    pub role: Option<Role>,
}

/// A greeted connection. It ends when it is dropped.
#[derive(Clone, Debug)]
pub struct Conn {
    client: ControlClient,
    welcome: Welcome,
}

impl Conn {
    /// Connects to `socket` and greets. Fails with `NotReached` when nobody listens there, with `Version` when
    /// the daemon speaks another protocol, and with the daemon's own words when it refuses the peer.
    pub async fn open(socket: &Path, introduction: &Introduction) -> Result<Self, RpcError> {
        let stream = UnixStream::connect(socket).await.map_err(|error| not_reached(socket, &error))?;
        let client = ControlClient::new(tarpc::client::Config::default(), transport::framed(stream)).spawn();
        let hello = Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            purpose: introduction.purpose.to_owned(),
            role: introduction.role,
        };
        let welcome = match client.hello(context(HELLO_DEADLINE), hello).await {
            Ok(answer) => answer?,
            Err(CallError::DeadlineExceeded) => return Err(silent(HELLO_DEADLINE)),
            Err(error) => {
                return Err(RpcError::new(
                    ErrorCode::NotReached,
                    format!("what listens at {} did not greet: {}", socket.display(), chain(&error)),
                    "is it cutoverd, and of the same version as this cutover? its log says why it hung up",
                ));
            }
        };
        if welcome.protocol != PROTOCOL {
            return Err(RpcError::new(
                ErrorCode::Version,
                format!(
                    "cutoverd {} speaks protocol {}, this cutover {} speaks protocol {PROTOCOL}",
                    welcome.version,
                    welcome.protocol,
                    env!("CARGO_PKG_VERSION"),
                ),
                format!("use cutover {}, the version of the daemon", welcome.version),
            ));
        }
        Ok(Self { client, welcome })
    }

    /// How the daemon greeted.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Asks. Fails with `NotReached` when no answer comes within the question's deadline.
    pub async fn query(&self, query: Query) -> Result<Answer, RpcError> {
        let limit = query.deadline();
        match self.client.query(context(limit), query).await {
            Ok(answer) => answer,
            Err(CallError::DeadlineExceeded) => Err(silent(limit)),
            Err(error) => Err(hung_up(&error, "ask again")),
        }
    }

    /// Does. After a failure that is not the daemon's own word the act may have been done: the same `key`
    /// answers the first receipt.
    pub async fn act(&self, key: ActKey, act: Act) -> Result<Receipt, RpcError> {
        let limit = if matches!(act, Act::Kill { .. }) { KILL_DEADLINE } else { ACT_DEADLINE };
        match self.client.act(context(limit), key, act).await {
            Ok(receipt) => receipt,
            Err(CallError::DeadlineExceeded) if limit == KILL_DEADLINE => Err(silent(limit)),
            Err(CallError::DeadlineExceeded) => Err(RpcError::new(
                ErrorCode::StillGoing,
                format!("the act did not end within {}", crate::plain::duration(limit)),
                "it goes on in the daemon: `cutover status` and `cutover run list` show it",
            )),
            Err(error) => Err(hung_up(
                &error,
                "whether the act was done is not known: look with `cutover status`, or repeat with the same --key",
            )),
        }
    }

    /// Waits until a version differs from `versions`, or [`CHANGES_WAIT`] is over.
    pub async fn changes(&self, epoch: u64, versions: Vec<(Topic, u64)>) -> Result<Changes, RpcError> {
        let limit = CHANGES_WAIT + CHANGES_GRACE;
        match self.client.changes(context(limit), epoch, versions).await {
            Ok(changes) => changes,
            Err(CallError::DeadlineExceeded) => Err(silent(limit)),
            Err(error) => Err(hung_up(&error, "look again")),
        }
    }
}

fn context(limit: Duration) -> tarpc::context::Context {
    let mut context = tarpc::context::current();
    context.deadline = clock::deadline(limit);
    context
}

fn not_reached(socket: &Path, error: &std::io::Error) -> RpcError {
    let at: PathBuf = socket.to_owned();
    let hint = match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
            "is cutoverd running? if its socket is elsewhere, say so with --socket or CUTOVER_SOCKET"
        }
        std::io::ErrorKind::PermissionDenied => {
            "this user may not open the socket: join the group that the daemon's configuration names"
        }
        _ => "is this the daemon's socket? say where it is with --socket or CUTOVER_SOCKET",
    };
    RpcError::new(ErrorCode::NotReached, format!("can't reach the daemon at {}: {error}", at.display()), hint)
}

fn silent(limit: Duration) -> RpcError {
    RpcError::new(
        ErrorCode::NotReached,
        format!("the daemon did not answer within {}", crate::plain::duration(limit)),
        "it is overloaded or hangs: its log says which; `cutover kill --local` works without it",
    )
}

fn hung_up(error: &CallError, hint: &str) -> RpcError {
    RpcError::new(
        ErrorCode::NotReached,
        format!("the daemon ended the connection before it answered: {}", chain(error)),
        hint,
    )
}

/// An error with its causes, as one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text
}

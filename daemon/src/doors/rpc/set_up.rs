//! The door of a daemon that has no App yet: it makes one and answers nothing else.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use cutover_shared::app::{AppAct, AppAnswer, AppQuery};
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::{ActKey, OperatorName};
use cutover_shared::rpc::{Act, Answer, Changes, Control, Hello, Query, Receipt, Role, Topic, Welcome};
use tarpc::context::Context;
use tokio::sync::{Mutex, Notify};

use super::app;
use super::session::{Granted, grant};
use crate::flows::status::Identity;
use crate::gateway::app::{Creator, Stored};

/// What the first set-up needs.
pub struct SetUp {
    pub identity: Identity,
    pub operators: HashMap<u32, (OperatorName, Role)>,
    pub creator: Creator,
    /// Where people click, without a slash at the end.
    pub web_base: String,
    /// Plain http is taken for addresses: outside staging and production.
    pub in_clear: bool,
    made: Mutex<Option<Stored>>,
    done: Notify,
}

impl SetUp {
    pub fn new(
        identity: Identity,
        operators: HashMap<u32, (OperatorName, Role)>,
        creator: Creator,
        web_base: String,
        in_clear: bool,
    ) -> Arc<Self> {
        let (made, done) = (Mutex::default(), Notify::new());
        Arc::new(Self { identity, operators, creator, web_base, in_clear, made, done })
    }

    /// The App, once it is made and its maker was told.
    pub async fn made(&self) -> Stored {
        loop {
            let done = self.done.notified();
            if let Some(app) = self.made.lock().await.clone() {
                return app;
            }
            done.await;
        }
    }
}

/// One connection to it.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) set_up: Arc<SetUp>,
    pub(super) uid: u32,
    granted: Arc<OnceLock<Granted>>,
}

impl Setting {
    pub(super) fn new(set_up: Arc<SetUp>, uid: u32) -> Self {
        Self { set_up, uid, granted: Arc::default() }
    }

    fn granted(&self) -> Result<&Granted, RpcError> {
        self.granted.get().ok_or_else(|| {
            RpcError::new(ErrorCode::Usage, "`hello` comes first on a connection", "update the client")
        })
    }
}

fn no_app() -> RpcError {
    RpcError::new(
        ErrorCode::WrongState,
        "the daemon has no GitHub App yet, so it does nothing else",
        "make one with `cutover app create`; or set github.app_id and github.private_key, and start the daemon again",
    )
}

impl Control for Setting {
    async fn hello(self, _: Context, hello: Hello) -> Result<Welcome, RpcError> {
        let granted = grant(&self.set_up.operators, &self.set_up.identity, self.uid, &hello)?;
        let granted = self.granted.get_or_init(|| granted);
        Ok(granted.welcome(&self.set_up.identity))
    }

    async fn query(self, _: Context, query: Query) -> Result<Answer, RpcError> {
        self.granted()?;
        match query {
            Query::App(AppQuery::Manifest { ask }) => {
                let made = app::manifest(&ask, &self.set_up.web_base, self.set_up.in_clear)?;
                Ok(Answer::App(AppAnswer::Manifest(Box::new(made))))
            }
            _ => Err(no_app()),
        }
    }

    async fn act(self, _: Context, _: ActKey, act: Act) -> Result<Receipt, RpcError> {
        let granted = self.granted()?.clone();
        let Act::App(AppAct::Create { code }) = act else { return Err(no_app()) };
        if granted.role < Role::Admin {
            return Err(RpcError::new(
                ErrorCode::Role,
                format!("app.create needs the role {}; this connection has {}", Role::Admin, granted.role),
                "let an administrator make the App",
            ));
        }
        // In a task of its own: a caller who leaves must not cut off what GitHub gives only once.
        let set_up = self.set_up.clone();
        let creating = tokio::spawn(async move {
            // Held to the end, so that two calls make one App.
            let mut made = set_up.made.lock().await;
            if made.is_some() {
                return Err(app::already(""));
            }
            let app =
                set_up.creator.create(&code, &granted.who).await.map_err(|error| app::failed(&error))?;
            let view = app.view(&set_up.web_base);
            *made = Some(app);
            set_up.done.notify_one();
            Ok(view)
        });
        let view = creating.await.map_err(|_| {
            RpcError::new(ErrorCode::Internal, "making the App went wrong", "look at the daemon's log")
        })??;
        Ok(Receipt::App(Box::new(view)))
    }

    async fn changes(self, _: Context, _: u64, _: Vec<(Topic, u64)>) -> Result<Changes, RpcError> {
        self.granted()?;
        Err(no_app())
    }
}

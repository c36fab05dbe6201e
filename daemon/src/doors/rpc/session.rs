//! One connection: who the peer is, what was granted at `hello`, and nothing before it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::{ActKey, OperatorName};
use cutover_shared::rpc::{
    Act, Answer, Changes, Control, Hello, PROTOCOL, Query, Receipt, Role, Topic, Welcome,
};
use serde_json::json;
use tarpc::context::Context;

use super::{Acts, Parts, changes};
use crate::audit::Who;
use crate::flows::status::Identity;
use crate::store::{Lane, Unit};

/// Letters of a client's version and purpose that are logged.
const WORDS: usize = 64;

/// A connection. Clones serve its requests.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) parts: Arc<Parts>,
    pub(super) acts: Acts,
    pub(super) uid: u32,
    granted: Arc<OnceLock<Granted>>,
}

/// What `hello` granted.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) who: Who,
    pub(super) role: Role,
}

impl Granted {
    pub(super) fn welcome(&self, identity: &Identity) -> Welcome {
        Welcome {
            protocol: PROTOCOL,
            version: identity.version.to_owned(),
            environment: identity.environment.clone(),
            operator: self.who.operator.clone(),
            role: self.role,
        }
    }
}

/// What a peer may do: its operator's role, or a lower one that it asks for.
pub(super) fn grant(
    operators: &HashMap<u32, (OperatorName, Role)>,
    identity: &Identity,
    uid: u32,
    hello: &Hello,
) -> Result<Granted, RpcError> {
    let (name, most) = operators.get(&uid).ok_or_else(|| {
        RpcError::new(
            ErrorCode::Role,
            format!("uid {uid} is no operator of this daemon"),
            "add the uid to `operators` in the daemon's configuration",
        )
    })?;
    if hello.protocol != PROTOCOL {
        return Err(RpcError::new(
            ErrorCode::Version,
            format!("the daemon speaks protocol {PROTOCOL}, the client {}", hello.protocol),
            format!("use the client of version {}", identity.version),
        ));
    }
    if let Some(wanted) = hello.role.filter(|wanted| wanted > most) {
        return Err(RpcError::new(
            ErrorCode::Role,
            format!("{name} has the role {most}; {wanted} can't be asked for"),
            "leave out --role, or let an administrator change `operators`",
        ));
    }
    let who = Who { operator: name.clone(), origin: format!("rpc uid {uid}") };
    Ok(Granted { who, role: hello.role.unwrap_or(*most) })
}

impl Session {
    pub(super) fn new(parts: Arc<Parts>, acts: Acts, uid: u32) -> Self {
        Self { parts, acts, uid, granted: Arc::default() }
    }

    /// Tells whether this connection has greeted, without keeping it.
    pub(super) fn greeting(&self) -> Greeting {
        Greeting(Arc::downgrade(&self.granted))
    }

    fn granted(&self) -> Result<&Granted, RpcError> {
        self.granted.get().ok_or_else(|| {
            RpcError::new(ErrorCode::Usage, "`hello` comes first on a connection", "update the client")
        })
    }

    /// Refuses whoever has less than this role, and records it.
    async fn demand(&self, granted: &Granted, least: Role, what: &str) -> Result<(), RpcError> {
        if granted.role >= least {
            return Ok(());
        }
        self.refused(&granted.who, what, granted.role).await;
        let most = self.parts.operators.get(&self.uid).map_or(granted.role, |(_, most)| *most);
        let mend = if most >= least {
            format!("{} has it: leave out --role and --read-only", granted.who.operator)
        } else {
            format!(
                "ask somebody who has it, or an administrator to change `operators`: {} has {most}",
                granted.who.operator
            )
        };
        Err(RpcError::new(
            ErrorCode::Role,
            format!("{what} needs the role {least}; this connection has {}", granted.role),
            mend,
        ))
    }

    /// Refusals are all that a door writes into the audit; acts are recorded where they happen.
    async fn refused(&self, who: &Who, act: &str, role: Role) {
        let detail = json!({ "role": role });
        let draft = who.did(self.parts.clock.now(), "refused", act, detail);
        if let Err(error) = self.parts.db.write(Lane::Handler, Unit::new().with(draft)).await {
            tracing::error!(%error, act, "a refusal could not be recorded");
        }
    }
}

/// Whether a connection has greeted.
pub(super) struct Greeting(Weak<OnceLock<Granted>>);

impl Greeting {
    /// The connection has ended.
    pub(super) fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// It is there and has not been welcomed.
    pub(super) fn is_owed(&self) -> bool {
        self.0.upgrade().is_some_and(|granted| granted.get().is_none())
    }
}

impl Control for Session {
    async fn hello(self, _: Context, hello: Hello) -> Result<Welcome, RpcError> {
        let granted = match grant(&self.parts.operators, &self.parts.identity, self.uid, &hello) {
            Ok(granted) => granted,
            Err(error) => {
                if !self.parts.operators.contains_key(&self.uid) {
                    let stranger =
                        Who { operator: "unknown".into(), origin: format!("rpc uid {}", self.uid) };
                    self.refused(&stranger, "hello", Role::Viewer).await;
                }
                return Err(error);
            }
        };
        // The first hello counts: a role can't be raised again on a connection that lowered it.
        let granted = self.granted.get_or_init(|| granted);
        let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(WORDS).collect::<String>();
        tracing::info!(
            operator = %granted.who.operator, role = %granted.role, uid = self.uid,
            purpose = short(&hello.purpose), version = short(&hello.version), "connected"
        );
        Ok(granted.welcome(&self.parts.identity))
    }

    async fn query(self, _: Context, query: Query) -> Result<Answer, RpcError> {
        let granted = self.granted()?;
        self.demand(granted, query.least_role(), query.name()).await?;
        self.parts.query(query).await
    }

    async fn act(self, _: Context, key: ActKey, act: Act) -> Result<Receipt, RpcError> {
        let granted = self.granted()?.clone();
        self.demand(&granted, act.least_role(), act.name()).await?;
        self.acts.once(&self.parts, key, act, granted.who).await
    }

    async fn changes(self, _: Context, epoch: u64, versions: Vec<(Topic, u64)>) -> Result<Changes, RpcError> {
        self.granted()?;
        changes::changes(&self.parts, epoch, versions).await
    }
}

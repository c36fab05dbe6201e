//! The RPC door: tarpc over a Unix socket. The kernel says who the peer is; the configuration says what they may do.

mod acts;
mod app;
mod audit;
mod catalog;
mod changes;
mod context;
mod fleet;
mod hooks;
mod import;
mod installation;
mod listen;
mod map;
mod rollout;
mod run;
mod session;
mod set_up;
mod token;
mod webhook;
mod window;
mod workflow;

use std::collections::HashMap;
use std::sync::Arc;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::OperatorName;
use cutover_shared::rpc::{Answer, Query, Role};

pub use self::acts::Acts;
pub use self::listen::{Access, ListenError, Listener};
pub use self::set_up::SetUp;
use crate::audit::HeadFile;
use crate::clock::Clock;
use crate::fleet::Fleet;
use crate::fleet::instance::Instances;
use crate::flows::doctor::Doctor;
use crate::flows::drill::Drills;
use crate::flows::import::Imports;
use crate::flows::incident::Incidents;
use crate::flows::kill::KillSwitch;
use crate::flows::probe::Probes;
use crate::flows::proof::Proofs;
use crate::flows::status::{self, Identity, Sources};
use crate::gateway::context::OperatorContext;
use crate::gateway::inbox::Inbox;
use crate::gateway::outbox::Outbox;
use crate::gateway::recover::Recoverer;
use crate::gateway::triggers::Triggers;
use crate::github::GitHub;
use crate::mapping::catalog::ddl::DdlNames;
use crate::mapping::catalog::import::Importer;
use crate::mapping::gate::CanaryFirst;
use crate::mapping::old_hooks::planner::HooksPlanner;
use crate::mapping::periodic::Periodic;
use crate::mapping::planner::Planner;
use crate::mapping::sandbox_record::planner::RecordsPlanner;
use crate::rollout::automation::Judged;
use crate::rollout::book::Rollouts;
use crate::rollout::metrics::outside::Outcomes;
use crate::rollout::metrics::{Recorder, Windows};
use crate::rollout::second::Second;
use crate::rollout::watch::Watch;
use crate::run::{Brake, Engine};
use crate::seal::Seal;
use crate::store::{Db, ReadError, WriteError};

/// Everything that the door delegates to.
pub struct Parts {
    pub identity: Arc<Identity>,
    pub db: Db,
    pub clock: Clock,
    pub seal: Arc<Seal>,
    pub engine: Engine,
    pub brake: Brake,
    pub canary: CanaryFirst,
    pub github: GitHub,
    pub planner: Planner,
    pub periodic: Periodic,
    pub hooks_planner: HooksPlanner,
    pub records_planner: RecordsPlanner,
    pub fleet: Fleet,
    /// Tenants' databases and how to get in.
    pub instances: Instances,
    pub importer: Importer,
    pub kill: KillSwitch,
    pub rollouts: Rollouts,
    pub proofs: Proofs,
    /// When the kill switch is drilled by the clock.
    pub drills: Drills,
    pub incidents: Incidents,
    pub judged: Judged,
    /// Where calls of rollouts' arms are recorded, and what is read of them.
    pub recorder: Recorder,
    pub windows: Windows,
    pub outcomes: Outcomes,
    pub second: Second,
    /// Whether to migrate at all.
    pub watch: Watch,
    pub imports: Imports,
    pub probes: Probes,
    pub inbox: Arc<Inbox>,
    pub recoverer: Arc<Recoverer>,
    pub triggers: Arc<Triggers>,
    pub outbox: Arc<Outbox>,
    pub context: OperatorContext,
    pub doctor: Doctor,
    /// Webhooks can be verified.
    pub has_webhook_secret: bool,
    pub heads: HeadFile,
    pub ddl_names: DdlNames,
    /// Operators by uid; the daemon's own is among them, as admin.
    pub operators: HashMap<u32, (OperatorName, Role)>,
    /// Differs after every start, so that clients know to ask for everything again.
    pub epoch: u64,
}

impl Parts {
    async fn query(&self, query: Query) -> Result<Answer, RpcError> {
        Ok(match query {
            Query::Status => {
                let from = Sources {
                    identity: &self.identity,
                    db: &self.db,
                    engine: &self.engine,
                    brake: &self.brake,
                    clock: &self.clock,
                    canary: &self.canary,
                    periodic: &self.periodic,
                    mirror: self.doctor.mirror.as_ref(),
                    second: &self.second,
                    rollouts: &self.rollouts,
                    judged: &self.judged,
                    drills: &self.drills,
                    watch: &self.watch,
                };
                let mut status = status::status(from).await.map_err(read_error)?;
                status.rollouts = rollout::briefs(self);
                Answer::Status(Box::new(status))
            }
            Query::Doctor => Answer::Doctor(self.doctor.examine().await),
            Query::Run(query) => Answer::Run(run::query(self, query).await?),
            Query::Map(query) => Answer::Map(map::query(self, query).await?),
            Query::Catalog(query) => Answer::Catalog(catalog::query(self, query).await?),
            Query::Token(query) => Answer::Token(token::query(self, query).await?),
            Query::Webhook(query) => Answer::Webhook(webhook::query(self, query).await?),
            Query::App(query) => Answer::App(app::query(self, query).await?),
            Query::Installation(query) => Answer::Installation(installation::query(self, query).await?),
            Query::Workflow(query) => Answer::Workflow(workflow::query(self, query).await?),
            Query::Rollout(query) => Answer::Rollout(rollout::query(self, query).await?),
            Query::Fleet(query) => Answer::Fleet(fleet::query(self, query).await?),
            Query::Audit(query) => Answer::Audit(audit::query(self, query).await?),
            Query::Context(query) => Answer::Context(context::query(self, query).await?),
        })
    }
}

const STORE_MEND: &str = "look at the daemon's log and the disk of the state folder; nothing was half done";

fn read_error(error: ReadError) -> RpcError {
    RpcError::new(ErrorCode::Store, error.to_string(), STORE_MEND)
}

fn write_error(error: WriteError) -> RpcError {
    RpcError::new(ErrorCode::Store, error.to_string(), STORE_MEND)
}

fn not_found(what: &str, list: &str) -> RpcError {
    RpcError::new(
        ErrorCode::NotFound,
        format!("there is no {what}"),
        format!("`cutover {list} list` shows those that there are"),
    )
}

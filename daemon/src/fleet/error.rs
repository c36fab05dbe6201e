//! Why the fleet refuses or fails.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::fleet::LintFinding;
use cutover_shared::ids::TenantId;

use super::chain::NoWay;
use super::instance::InstanceError;
use super::registry::FolderError;
use crate::run::{KindError, RunError};
use crate::store::{ReadError, WriteError};

/// Findings that an error names; `fleet lint` has them all.
const NAMED: usize = 5;

/// Refusals name what is and what would be needed.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    #[error("no folder of migrations is configured")]
    NotConfigured,
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("the migrations can't be used: {}", named(.0))]
    Mistakes(Vec<LintFinding>),
    #[error("the fleet has no target version yet{}", .head.map_or(String::new(), |head| format!("; the newest migration is {head}")))]
    NoTarget { head: Option<u32> },
    #[error("there is no migration {version}{}", .head.map_or(String::new(), |head| format!("; the newest is {head}")))]
    NoVersion { version: u32, head: Option<u32> },
    #[error("there is nothing to plan: scope {0} covers no instance")]
    Empty(String),
    #[error("there is no wave {wave}: the waves are {names}")]
    NoWave { wave: u32, names: String },
    #[error("nothing was planned: {way} ({tenants} tenants, such as {example})")]
    NoWay { way: NoWay, tenants: u64, example: TenantId },
    #[error("there is no instance of tenant {0}")]
    NoInstance(TenantId),
    #[error("run {0} is not a run of the fleet")]
    NotOurs(String),
    /// What an answer named as its `next` is a number; anything else would show the first page for ever.
    #[error("there is no such page of the history")]
    NoSuchPage,
    #[error("run {run} has no failed tenant of group {group}")]
    NoGroup { run: String, group: String },
    #[error(transparent)]
    Kind(#[from] KindError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn named(findings: &[LintFinding]) -> String {
    let told = findings.iter().take(NAMED).map(|one| format!("{}:{}: {}", one.file, one.line, one.message));
    let told: Vec<String> = told.collect();
    // A difference has lines of its own.
    let between = if told.iter().any(|one| one.contains('\n')) { "\n" } else { "; " };
    let mut text = told.join(between);
    if findings.len() > NAMED {
        text += &format!("; and {} more", findings.len() - NAMED);
    }
    text
}

impl From<FleetError> for RpcError {
    fn from(error: FleetError) -> Self {
        use FleetError as E;
        let text = error.to_string();
        let (code, hint) = match error {
            E::Run(error) => return error.into(),
            E::NotConfigured => {
                (ErrorCode::Usage, "write `folder` into the section [fleet] of the configuration".to_owned())
            }
            E::Folder(_) => (ErrorCode::Outside, "mend the folder; nothing was planned".to_owned()),
            E::Mistakes(findings) => {
                let help = findings.first().map_or(String::new(), |first| format!("{}; ", first.help));
                (ErrorCode::BadUpload, format!("{help}`cutover fleet lint` shows all of them"))
            }
            E::NoSuchPage => {
                (ErrorCode::Usage, "hand in `next` of the answer before as it was, or nothing".to_owned())
            }
            E::NoTarget { .. } => (ErrorCode::Usage, "name it: `cutover fleet plan --to VERSION`".to_owned()),
            E::NoVersion { .. } | E::NoWave { .. } => {
                (ErrorCode::Usage, "`cutover fleet registry` shows the migrations, `cutover fleet status` the waves".to_owned())
            }
            E::Empty(_) | E::NoInstance(_) => (
                ErrorCode::NotFound,
                "`cutover fleet instance list` shows the instances; add one with `cutover fleet instance add`".to_owned(),
            ),
            E::NoWay { .. } => (ErrorCode::WrongState, "nothing was changed".to_owned()),
            E::NotOurs(_) | E::NoGroup { .. } => {
                (ErrorCode::NotFound, "`cutover fleet status` shows the failures with their groups".to_owned())
            }
            E::Kind(_) => (ErrorCode::Outside, "nothing was changed; mend the cause and try again".to_owned()),
            E::Read(_) | E::Write(_) => (
                ErrorCode::Store,
                "look at the daemon's log and the disk of the state folder; nothing was half done".to_owned(),
            ),
        };
        Self::new(code, text, hint)
    }
}

impl From<InstanceError> for RpcError {
    fn from(error: InstanceError) -> Self {
        use InstanceError as E;
        let text = error.to_string();
        let (code, hint) = match error {
            E::Refused { .. } | E::TooMany { .. } => {
                (ErrorCode::BadUpload, "nothing of what was handed in was taken")
            }
            E::Unknown(_) => {
                (ErrorCode::NotFound, "`cutover fleet instance list` shows those that there are")
            }
            E::NoApplication => (ErrorCode::Usage, "`docs/configuration.md` lists its keys"),
            E::Unreachable { .. } | E::Application(_) => (ErrorCode::Outside, "nothing was changed"),
            E::Ring(_) | E::Seal(_) => (
                ErrorCode::Outside,
                "look at the file of keys in the state folder; every old key is still there",
            ),
            E::NotRecorded { .. } => (
                ErrorCode::Store,
                "don't rotate again: what an older key has sealed is sealed again all the same, `cutover fleet status` counts what is left",
            ),
            E::Read(_) | E::Write(_) | E::Asked(_) => (
                ErrorCode::Store,
                "look at the daemon's log and the disk of the state folder; nothing was half done",
            ),
        };
        Self::new(code, text, hint)
    }
}

//! The mode and the canary list (B8): the ceiling for every tenant, changeable at run time. The environment gives
//! the initial value only.

use std::collections::BTreeSet;

use cutover_shared::ids::TenantId;
use cutover_shared::mapping::{Mode, ModeView};
use serde_json::json;

use crate::audit::Who;
use crate::store::{Db, Lane, Op, ReadError, SettingOp, Unit, WriteError};

const MODE: &str = "migration.mode";
const CANARY: &str = "migration.canary";

/// Tenants on the canary list at most; a longer list is a mode of its own.
pub const CANARY_MOST: usize = 10_000;

/// Why the mode was not set.
#[derive(Debug, thiserror::Error)]
pub enum ModeError {
    #[error("the canary list has {0} tenants; at most {CANARY_MOST} are allowed")]
    TooMany(usize),
    #[error("tenant {0} of the canary list is not in the catalog")]
    UnknownTenant(TenantId),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The initial values of a configuration: stored when nothing is stored yet.
pub async fn initialise(db: &Db, mode: Mode, canary: &[TenantId], at: i64) -> Result<(), ModeError> {
    let by = "configuration";
    let mut unit = Unit::new();
    if db.setting(MODE).await?.is_none() {
        unit = unit.with(set_mode_op(mode, at, by)).with(Who::daemon().did(
            at,
            "mode.set",
            "mode",
            json!({ "mode": mode, "from": by }),
        ));
    }
    if db.setting(CANARY).await?.is_none() {
        unit = unit.with(set_canary_op(canary.iter().cloned().collect(), at, by));
    }
    Ok(db.write(Lane::Handler, unit).await?)
}

/// The stored mode; none before the first start.
pub async fn stored(db: &Db) -> Result<Option<Mode>, ReadError> {
    Ok(db.setting(MODE).await?.and_then(|(word, ..)| Mode::from_word(&word)))
}

/// What is stored. `configured` is what the configuration says now, where it says anything; `killed` what memory says.
pub async fn view(db: &Db, configured: Option<Mode>, killed: bool) -> Result<ModeView, ReadError> {
    let stored = db.setting(MODE).await?;
    // A mode that can't be read is `off`: legacy in every doubt.
    let mode = stored.as_ref().and_then(|(word, ..)| Mode::from_word(word)).unwrap_or(Mode::Off);
    Ok(ModeView {
        mode,
        canary: canary(db).await?.into_iter().collect(),
        changed_at: stored.as_ref().map(|(_, at, _)| *at),
        changed_by: stored.map(|(.., by)| by),
        environment_differs: configured.filter(|configured| *configured != mode),
        killed,
    })
}

/// The canary list.
pub async fn canary(db: &Db) -> Result<BTreeSet<TenantId>, ReadError> {
    let stored = db.setting(CANARY).await?;
    Ok(stored.and_then(|(list, ..)| serde_json::from_str(&list).ok()).unwrap_or_default())
}

/// Sets the mode, the canary list, or both, in one unit with the audit record.
pub async fn set(
    db: &Db,
    mode: Option<Mode>,
    canary: Option<Vec<TenantId>>,
    at: i64,
    who: &Who,
) -> Result<(), ModeError> {
    let by = who.operator.as_str();
    let before = view(db, None, false).await?;
    let mut unit = Unit::new();
    if let Some(mode) = mode {
        let detail = json!({ "before": before.mode, "after": mode });
        unit = unit.with(set_mode_op(mode, at, by)).with(who.did(at, "mode.set", "mode", detail));
    }
    if let Some(list) = canary {
        let list: BTreeSet<_> = list.into_iter().collect();
        if list.len() > CANARY_MOST {
            return Err(ModeError::TooMany(list.len()));
        }
        for tenant in list.iter().filter(|tenant| !before.canary.contains(tenant)) {
            if db.tenant(tenant).await?.is_none() {
                return Err(ModeError::UnknownTenant(tenant.clone()));
            }
        }
        let detail = json!({
            "added": list.iter().filter(|t| !before.canary.contains(t)).collect::<Vec<_>>(),
            "removed": before.canary.iter().filter(|t| !list.contains(t)).collect::<Vec<_>>(),
        });
        unit = unit.with(set_canary_op(list, at, by)).with(who.did(at, "canary.set", "canary", detail));
    }
    Ok(db.write(Lane::Handler, unit).await?)
}

/// The operation that sets the mode; the kill switch puts it into its own unit.
pub fn set_mode_op(mode: Mode, at: i64, by: &str) -> Op {
    SettingOp::Set { name: MODE.to_owned(), value: mode.word().to_owned(), at, by: by.to_owned() }.into()
}

fn set_canary_op(list: BTreeSet<TenantId>, at: i64, by: &str) -> Op {
    let value = serde_json::to_string(&list).unwrap_or_else(|_| "[]".to_owned());
    SettingOp::Set { name: CANARY.to_owned(), value, at, by: by.to_owned() }.into()
}

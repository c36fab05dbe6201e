//! Instances (D2): tenants' databases, what is known of them, and their credentials, which are sealed for their tenant.

mod application;
mod look;
mod notify;
mod order;
mod retest;
mod rotate;
mod view;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use cutover_shared::fleet::{Hidden, InstanceDetail, InstanceState, InstanceView, NewInstance, Place};
use cutover_shared::ids::TenantId;
use secrecy::{SecretBox, SecretString};
use serde_json::json;
use tokio::sync::Notify;

pub use self::application::Taken;
pub use self::order::places;
pub use self::retest::Retested;
pub use self::rotate::Rotated;
pub use self::view::Sight;
use super::credential;
use super::drivers::application::ApplicationError;
use super::kind::Inner;
use super::observe::ops;
use crate::audit::Who;
use crate::client::Client;
use crate::run::KindError;
use crate::seal::{Seal, SealError};
use crate::store::{
    Expected, FleetOp, Holds, InstanceFilter, InstanceRow, Lane, ReadError, UNIT_ROWS, Unit, WriteError,
};

/// Instances that are read at a time, and asked before what was seen is written.
const PAGE: u32 = 256;

/// Of what was seen, at a time: each has an observation and may have a schema.
const SEEN: usize = UNIT_ROWS / 2;

/// Instances in a receipt; the list has the others.
const SHOWN: usize = 1_000;

/// Why something was not done with instances. No variant holds anything secret.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// A row can't be taken; none of its unit was.
    #[error("{tenant}: {what}; {mend}")]
    Refused { tenant: TenantId, what: String, mend: String },
    #[error("{given} instances at once are too many; hand in at most {UNIT_ROWS}")]
    TooMany { given: usize },
    #[error("there is no instance of {0}; `cutover fleet instance add` makes one")]
    Unknown(TenantId),
    #[error("{tenant} can't be asked: {reason}; mend the address or the server, then try again")]
    Unreachable { tenant: TenantId, reason: String },
    /// The file with the keys is as it was.
    #[error("no key was added: {0}")]
    Ring(String),
    /// The key is durable and seals; what comes after it failed.
    #[error("key {key} was added and seals from now on, but the audit does not say so: {cause}")]
    NotRecorded { key: String, cause: String },
    #[error(
        "the application's table of tenants' databases is not configured; write the section [fleet.application]"
    )]
    NoApplication,
    #[error(transparent)]
    Application(#[from] ApplicationError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Asked(#[from] KindError),
}

/// Adds a key to the file of the ring and answers with it once it is durable: its id and its bytes, or why not.
pub type Ring = Arc<dyn Fn() -> Result<(String, SecretBox<[u8; 32]>), String> + Send + Sync>;

/// What became of rows that were handed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    pub added: u64,
    pub replaced: u64,
}

/// Instances. Cheap to clone.
#[derive(Clone)]
pub struct Instances {
    inner: Arc<Inner>,
    client: Client,
    ring: Ring,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// By how much the distance between two tests of an instance in `error` has grown. Forgotten with the daemon.
    pace: Mutex<HashMap<TenantId, u32>>,
    /// Only one key is added at a time.
    rotation: tokio::sync::Mutex<()>,
    rotated: Notify,
}

impl Instances {
    /// `client`: tells owners; `ring`: where a new key is made durable.
    pub fn new(inner: Arc<Inner>, client: Client, ring: Ring) -> Self {
        Self { inner, client, ring, state: Arc::default() }
    }

    /// Adds or replaces instances, all of them or none; at most 256.
    ///
    /// # Errors
    /// [`InstanceError::Refused`] names the first row that can't be taken.
    pub async fn add(
        &self,
        rows: &[NewInstance],
        from_application: bool,
        who: &Who,
    ) -> Result<Added, InstanceError> {
        if rows.len() > UNIT_ROWS {
            return Err(InstanceError::TooMany { given: rows.len() });
        }
        let at = self.inner.clock.now();
        let mut seen = HashSet::new();
        let mut new = Vec::with_capacity(rows.len());
        for row in rows {
            let place = checked(row)?;
            if !seen.insert(&row.tenant) {
                return Err(refused(row, "it stands there twice", "remove one of the rows"));
            }
            new.push(self.sealed(row, place, from_application, at)?);
        }
        if new.is_empty() {
            return Ok(Added::default());
        }
        let tenants: Vec<TenantId> = rows.iter().map(|row| row.tenant.clone()).collect();
        let known = self.inner.db.fleet_instances_of(&tenants).await?.len();
        let told: Vec<_> = new
            .iter()
            .map(|row| json!({"tenant": row.tenant, "driver": row.driver, "place": row.place, "key": row.key_id}))
            .collect();
        let subject = if let [only] = new.as_slice() {
            format!("instance {}", only.tenant)
        } else {
            format!("{} instances", new.len())
        };
        let audit = who.did(at, "fleet.instance.add", subject, json!({"instances": told}));
        let keys: HashSet<String> = new.iter().map(|row| row.key_id.clone()).collect();
        let unit = Unit::new().with(FleetOp::Instances { rows: new }).with(audit);
        self.inner.db.write(Lane::Handler, unit).await?;
        let current = self.inner.seal.current_key();
        if keys.iter().any(|key| *key != current) {
            // A key was added between the seal and the commit: its pass over the others may be over already.
            self.state.rotated.notify_one();
        }
        Ok(Added { added: (rows.len() - known.min(rows.len())) as u64, replaced: known as u64 })
    }

    fn sealed(
        &self,
        row: &NewInstance,
        place: Place,
        from_application: bool,
        at: i64,
    ) -> Result<InstanceRow, InstanceError> {
        let secret = |hidden: &Hidden| SecretString::from(hidden.0.clone());
        let (url, key) = (secret(&row.url), row.key.as_ref().map(secret));
        let sealed = credential::close(&self.inner.seal, &row.tenant, &url, key.as_ref())?;
        Ok(InstanceRow {
            tenant: row.tenant.clone(),
            external_user: row.external_user.clone(),
            driver: row.driver,
            place: place.place,
            host: place.host,
            server: place.server,
            key_id: Seal::key_of(&sealed).unwrap_or_default().to_owned(),
            sealed,
            from_application,
            state: InstanceState::New,
            reason: None,
            version: 0,
            expected_schema: None,
            seen_schema: None,
            drift: None,
            place_in_waves: places(&row.tenant, &self.inner.settings.canary),
            checked_at: None,
            notified_at: None,
            added_at: at,
        })
    }

    /// Forgets an instance and its steps; its history stays, and its database is not touched.
    ///
    /// # Errors
    /// It is not there.
    pub async fn remove(&self, tenant: &TenantId, who: &Who) -> Result<(), InstanceError> {
        let row = self.row(tenant).await?;
        let at = self.inner.clock.now();
        let detail = json!({"driver": row.driver, "place": row.place, "version": row.version});
        let audit = who.did(at, "fleet.instance.remove", format!("instance {tenant}"), detail);
        let unit = Unit::new().with(FleetOp::Remove { tenants: vec![tenant.clone()] }).with(audit);
        Ok(self.inner.db.write(Lane::Handler, unit).await?)
    }

    /// All that is known of an instance.
    ///
    /// # Errors
    /// It is not there.
    pub async fn detail(&self, tenant: &TenantId) -> Result<InstanceDetail, InstanceError> {
        let row = self.row(tenant).await?;
        let steps = self.inner.db.fleet_steps(tenant).await?;
        let drift = match &row.drift {
            Some(_) => self.difference(&row).await?,
            None => Vec::new(),
        };
        let (target, migrations) = self.ground().await?;
        Ok(self.sight(target, &migrations).detail(row, &steps, drift))
    }

    /// Connects and reads version and schema: of this tenant, or of all in `error`. The views of those that were asked, at most
    /// 1,000.
    ///
    /// # Errors
    /// It is not there. That a database can't be reached is no error: the view says so.
    pub async fn test(&self, tenant: Option<&TenantId>) -> Result<Vec<InstanceView>, InstanceError> {
        let mut asked = Vec::new();
        if let Some(tenant) = tenant {
            let row = self.row(tenant).await?;
            asked.push(tenant.clone());
            self.look(vec![row]).await?;
        } else {
            let all = self.in_error().await?;
            asked.extend(all.iter().take(SHOWN).map(|row| row.tenant.clone()));
            self.look(all).await?;
        }
        self.views(&asked).await
    }

    /// Takes the schema as it is now for the one that is expected.
    ///
    /// # Errors
    /// It is not there, or can't be reached.
    pub async fn accept(&self, tenant: &TenantId, who: &Who) -> Result<InstanceView, InstanceError> {
        let row = self.row(tenant).await?;
        let mut seen = self.inner.observe(&row, true).await?;
        let at = self.inner.clock.now();
        if let Some(error) = &seen.error {
            let reason = error.text.clone();
            self.write(std::slice::from_ref(&seen)).await?;
            return Err(InstanceError::Unreachable { tenant: tenant.clone(), reason });
        }
        seen.observation.expected =
            seen.observation.seen_schema.clone().map_or(Expected::Unknown, Expected::Schema);
        let drift = seen.observation.drift.take();
        // Somebody else deployed it, with the calls that belong to it. Below what we record it is old code, and our calls stay made.
        seen.observation.version =
            if drift.is_some() { seen.told.max(seen.version) } else { seen.observation.version };
        seen.observation.holds = Holds::Always;
        let detail = json!({"difference": drift, "was": row.expected_schema, "schema": seen.observation.seen_schema,
                            "version": seen.observation.version});
        let audit = who.did(at, "fleet.instance.accept", format!("instance {tenant}"), detail);
        let unit = Unit::new().with_all(ops(&[seen], at)).with(audit);
        self.inner.db.write(Lane::Handler, unit).await?;
        let mut views = self.views(std::slice::from_ref(tenant)).await?;
        views.pop().ok_or_else(|| InstanceError::Unknown(tenant.clone()))
    }

    /// Gives every instance its place in the order of waves, where the canary tenants are others than before. How many moved.
    ///
    /// # Errors
    /// The store can't be read or written.
    pub async fn follow_canary(&self) -> Result<u64, InstanceError> {
        let mut moved = 0;
        let mut after: Option<(u32, TenantId)> = None;
        loop {
            let from = after.as_ref().map(|(place, tenant)| (*place, tenant.as_str()));
            let rows = self.inner.db.fleet_instances(&InstanceFilter::default(), from, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(moved) };
            after = Some((last.place_in_waves, last.tenant.clone()));
            let rows: Vec<(TenantId, u32)> = rows
                .into_iter()
                .map(|row| (row.place_in_waves, places(&row.tenant, &self.inner.settings.canary), row.tenant))
                .filter(|(was, is, _)| was != is)
                .map(|(_, is, tenant)| (tenant, is))
                .collect();
            moved += rows.len() as u64;
            if !rows.is_empty() {
                self.inner.db.write(Lane::Run, Unit::new().with(FleetOp::Places { rows })).await?;
            }
        }
    }

    async fn row(&self, tenant: &TenantId) -> Result<InstanceRow, InstanceError> {
        let mut rows = self.inner.db.fleet_instances_of(std::slice::from_ref(tenant)).await?;
        rows.pop().ok_or_else(|| InstanceError::Unknown(tenant.clone()))
    }
}

fn refused(row: &NewInstance, what: impl Into<String>, mend: impl Into<String>) -> InstanceError {
    // The id may be what is wrong.
    let tenant =
        TenantId::from(row.tenant.0.chars().filter(|c| !c.is_control()).take(80).collect::<String>());
    InstanceError::Refused { tenant, what: what.into(), mend: mend.into() }
}

/// The place of a row that can be taken.
fn checked(row: &NewInstance) -> Result<Place, InstanceError> {
    cutover_shared::fleet::checked(row).map_err(|error| refused(row, error.what, error.mend))
}

#[cfg(test)]
mod tests;

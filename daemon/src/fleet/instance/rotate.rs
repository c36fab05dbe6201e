//! A new key for what is sealed: it is made durable, then it seals, then every credential is sealed again with it, in the
//! background. What is left is what names another key, so a restart goes on where it was.

use std::time::Duration;

use serde_json::json;

use super::{InstanceError, Instances, PAGE};
use crate::audit::Who;
use crate::fleet::credential;
use crate::seal::Seal;
use crate::store::{FleetOp, InstanceFilter, InstanceRow, Lane, Unit};

/// Wait after a failure of the store.
const AGAIN: Duration = Duration::from_secs(10);

/// What a rotation began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Seals from now on.
    pub key: String,
    /// Credentials that are still to be sealed again.
    pub left: u64,
}

impl Instances {
    /// Adds a key to the ring. Old keys stay: they open what is not sealed again yet, and what other parts sealed.
    ///
    /// # Errors
    /// [`InstanceError::Ring`]: the file could not be written. [`InstanceError::NotRecorded`]: the key was added all the same.
    pub async fn rotate_key(&self, who: &Who) -> Result<Rotated, InstanceError> {
        let _only = self.state.rotation.lock().await;
        let was = self.inner.seal.current_key();
        let ring = self.ring.clone();
        let (key, bytes) = tokio::task::spawn_blocking(move || ring())
            .await
            .map_err(|error| InstanceError::Ring(error.to_string()))?
            .map_err(InstanceError::Ring)?;
        self.inner.seal.add(key.clone(), bytes)?;
        self.state.rotated.notify_one();
        match self.record(&key, &was, who).await {
            Ok(left) => Ok(Rotated { key, left }),
            Err(error) => Err(InstanceError::NotRecorded { key, cause: error.to_string() }),
        }
    }

    /// Says in the audit that a key was added. How many credentials are still sealed with another.
    async fn record(&self, key: &str, was: &str, who: &Who) -> Result<u64, InstanceError> {
        let left = self.inner.db.fleet_other_key(key).await?;
        let detail = json!({"key": key, "was": was, "left": left});
        let audit = who.did(self.inner.clock.now(), "fleet.key.rotate", format!("key {key}"), detail);
        self.inner.db.write(Lane::Handler, Unit::new().with(audit)).await?;
        Ok(left)
    }

    /// Seals again what another than the current key has sealed. How many were, and how many could not be opened.
    ///
    /// # Errors
    /// The store can't be read or written; what was written stays.
    pub async fn reseal(&self) -> Result<(u64, u64), InstanceError> {
        let filter =
            InstanceFilter { other_key: Some(self.inner.seal.current_key()), ..InstanceFilter::default() };
        let (mut done, mut broken) = (0, 0);
        let mut after: Option<(u32, String)> = None;
        loop {
            let from = after.as_ref().map(|(place, tenant)| (*place, tenant.as_str()));
            let page = self.inner.db.fleet_instances(&filter, from, PAGE).await?;
            let Some(last) = page.last() else { return Ok((done, broken)) };
            after = Some((last.place_in_waves, last.tenant.0.clone()));
            let mut rows = Vec::with_capacity(page.len());
            for row in &page {
                match self.sealed_again(row) {
                    Ok((sealed, key)) => rows.push((row.tenant.clone(), row.sealed.clone(), sealed, key)),
                    Err(error) => {
                        tracing::warn!(tenant = %row.tenant, %error, "a credential can't be sealed again: add the instance anew");
                        broken += 1;
                    }
                }
            }
            done += rows.len() as u64;
            if !rows.is_empty() {
                // One that was replaced meanwhile is not overwritten: its envelope is another.
                self.inner.db.write(Lane::Run, Unit::new().with(FleetOp::Reseal { rows })).await?;
            }
        }
    }

    fn sealed_again(&self, row: &InstanceRow) -> Result<(String, String), crate::seal::SealError> {
        let target = credential::open(&self.inner.seal, row)?;
        let sealed = credential::close(&self.inner.seal, &row.tenant, &target.url, target.key.as_ref())?;
        let key = Seal::key_of(&sealed).unwrap_or_default().to_owned();
        Ok((sealed, key))
    }

    /// Seals again at the start what an earlier daemon left, and after each rotation; for ever.
    pub async fn reseal_work(self) {
        loop {
            match self.reseal().await {
                Ok((0, 0)) => {}
                Ok((done, broken)) => tracing::info!(done, broken, "credentials were sealed again"),
                Err(error) => {
                    tracing::warn!(%error, "credentials could not be sealed again; tried again soon");
                    self.inner.clock.sleep(AGAIN).await;
                    continue;
                }
            }
            self.state.rotated.notified().await;
        }
    }
}

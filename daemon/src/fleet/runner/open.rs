//! Getting in: connections with an end to their patience.

use std::sync::Arc;
use std::time::Duration;

use backon::BackoffBuilder as _;
use cutover_shared::fleet::ErrorClass;

use super::super::credential;
use super::super::driver::{Purpose, Session, StepError};
use super::super::kind::Inner;
use crate::store::InstanceRow;

/// Waits between tries of what another holds: they grow, with jitter, so that tenants of one server do not come back together.
pub(in super::super) fn waits(tries: u32) -> impl Iterator<Item = Duration> + Send {
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(usize::try_from(tries).unwrap_or(usize::MAX))
        .with_jitter()
        .build()
}

impl Inner {
    /// Connects to a tenant's database.
    pub(in super::super) async fn open(
        &self,
        row: &InstanceRow,
        purpose: Purpose,
    ) -> Result<Box<dyn Session>, StepError> {
        let target = credential::open(&self.seal, row).map_err(|error| {
            StepError::new(ErrorClass::Connection, format!("its credential can't be opened: {error}"))
        })?;
        let driver = self.drivers.of(row.driver);
        let patience = driver.patience(self.settings.connect_timeout);
        match self.clock.timeout(patience, driver.open(&target, purpose)).await {
            Ok(opened) => opened,
            // As it is written in the configuration: `500ms`, `5s`.
            Err(_) => Err(StepError::new(ErrorClass::Connection, format!("no answer in {patience:?}"))),
        }
    }

    /// Connects for a change; waits a while where another daemon, or what a dead one left behind, still holds the tenant.
    pub(in super::super) async fn open_to_migrate(
        &self,
        row: &InstanceRow,
    ) -> Result<Box<dyn Session>, StepError> {
        let mut waits = waits(self.settings.lock_tries.max(1));
        loop {
            match self.open(row, Purpose::Migrate).await {
                Err(error) if error.is_taken => match waits.next() {
                    Some(wait) => self.clock.sleep(wait).await,
                    None => return Err(error),
                },
                other => return other,
            }
        }
    }

    /// What the query of load answers on the server of this tenant.
    pub(super) async fn load_of(self: &Arc<Self>, row: &InstanceRow) -> Result<f64, String> {
        let Some(load) = &self.settings.load else { return Ok(0.0) };
        let reading = async {
            let mut session = self.open(row, Purpose::Look).await?;
            let number = session.number(&load.query).await;
            session.close().await;
            number
        };
        match self.clock.timeout(self.settings.connect_timeout * 2, reading).await {
            Ok(answer) => answer.map_err(|error| error.text),
            Err(_) => Err("no answer".to_owned()),
        }
    }
}

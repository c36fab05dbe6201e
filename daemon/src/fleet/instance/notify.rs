//! The owner of a tenant's database is told once for each outage, by a POST with this JSON:
//! `{"event": "instance.unreachable", "tenantId", "externalUserId", "driver", "place", "reason", "checkedAt"}`.
//!
//! That it was told is written after the other side took it, so a crash in between tells it once more: with the same
//! `Idempotency-Key`, unless the instance was asked again meanwhile. Two outages never have the same key.

use std::time::Duration;

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{InstanceError, Instances};
use crate::fleet::settings::Notify;
use crate::hex::hex;
use crate::store::{FleetOp, InstanceRow, Lane, Unit};

/// Owners that are told in one pass.
const MOST: usize = 256;

/// After so many refusals one after the other the rest waits for the next pass.
const PATIENCE: u32 = 3;

/// How long the other side may take.
const WAIT: Duration = Duration::from_secs(10);

impl Instances {
    /// Tells the owners of these. How many were.
    pub(super) async fn tell(&self, rows: Vec<InstanceRow>) -> Result<u64, InstanceError> {
        let Some(notify) = &self.inner.settings.notify else { return Ok(0) };
        let (mut told, mut refusals) = (0, 0);
        for row in rows.iter().take(MOST) {
            match self.post(notify, row).await {
                Ok(()) => {
                    let op =
                        FleetOp::Notified { tenants: vec![row.tenant.clone()], at: self.inner.clock.now() };
                    self.inner.db.write(Lane::Handler, Unit::new().with(op)).await?;
                    told += 1;
                    refusals = 0;
                }
                Err(why) => {
                    tracing::warn!(tenant = %row.tenant, %why, "an owner could not be told of an outage; tried again later");
                    refusals += 1;
                    if refusals == PATIENCE {
                        break;
                    }
                }
            }
        }
        Ok(told)
    }

    async fn post(&self, notify: &Notify, row: &InstanceRow) -> Result<(), String> {
        let url =
            reqwest::Url::parse(&notify.url).map_err(|_| "fleet.notify_url is no address".to_owned())?;
        let body = json!({
            "event": "instance.unreachable",
            "tenantId": row.tenant,
            "externalUserId": row.external_user,
            "driver": row.driver,
            "place": row.place,
            "reason": row.reason,
            "checkedAt": row.checked_at,
        });
        let mut request = self
            .client
            .request(Method::POST, url)
            .header("content-type", "application/json")
            .header("idempotency-key", key(row))
            .body(body.to_string());
        if let Some(token) = &notify.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let answer = self.client.send(request, WAIT).await.map_err(|error| error.to_string())?;
        if (200..300).contains(&answer.status) { Ok(()) } else { Err(format!("answer {}", answer.status)) }
    }
}

/// No other outage has it: an instance is asked once at a moment.
fn key(row: &InstanceRow) -> String {
    let mut hash = Sha256::new();
    hash.update(row.tenant.as_str());
    hash.update([0]);
    hash.update(row.checked_at.unwrap_or(0).to_le_bytes());
    hex(&hash.finalize()).chars().take(32).collect()
}

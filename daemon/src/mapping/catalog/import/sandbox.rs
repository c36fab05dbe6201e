//! Records of sandboxes through the same door: taken whole or not at all, and gone on with after a crash.

use std::collections::HashMap;

use cutover_shared::catalog::{CatalogFormat, CatalogReceipt};
use cutover_shared::ids::TenantId;
use cutover_shared::sandbox_record::{RecordsReceipt, SandboxRecord};
use serde_json::json;

use super::{Checked, ImportError, Importer};
use crate::audit::Who;
use crate::mapping::catalog::parse::sandbox::sandboxes;
use crate::mapping::sandbox_record::row_of;
use crate::store::{CatalogOp, Lane, SandboxOp, SandboxRow, UNIT_ROWS, Unit, UploadRow};

/// Checks a whole file.
pub(super) fn check(format: CatalogFormat, plain: &[u8]) -> Checked<SandboxRecord> {
    Checked::of(sandboxes(format, plain))
}

impl Importer {
    /// Takes a file that was checked. Taken again, what is there already is unchanged.
    pub(super) async fn take_sandboxes(
        &self,
        upload: &UploadRow,
        checked: Checked<SandboxRecord>,
        who: &Who,
    ) -> Result<CatalogReceipt, ImportError> {
        let (mut added, mut changed, mut unchanged) = (0_u64, 0_u64, 0_u64);
        for chunk in checked.rows.chunks(UNIT_ROWS) {
            let keys: Vec<(TenantId, String)> =
                chunk.iter().map(|record| (record.tenant.clone(), record.id.clone())).collect();
            let known: HashMap<(TenantId, String), String> = self
                .db
                .sandbox_records_by_key(&keys)
                .await?
                .into_iter()
                .map(|row| ((row.tenant, row.id), row.fingerprint))
                .collect();
            let mut news: Vec<SandboxRow> = Vec::new();
            for (key, record) in keys.iter().zip(chunk) {
                let row = row_of(record.clone());
                match known.get(key) {
                    None => added += 1,
                    Some(before) if *before == row.fingerprint => {
                        unchanged += 1;
                        continue;
                    }
                    Some(_) => changed += 1,
                }
                news.push(row);
            }
            if !news.is_empty() {
                self.db.write(Lane::Run, Unit::new().with(SandboxOp::Put { rows: news })).await?;
            }
        }
        let detail = json!({
            "added": added, "changed": changed, "unchanged": unchanged, "skipped": checked.bad_count,
        });
        let record = who.did(self.clock.now(), "rollout.records.import", upload.id.as_str(), detail);
        let unit = Unit::new().with(CatalogOp::Close { upload: upload.id.clone() }).with(record);
        self.db.write(Lane::Handler, unit).await?;
        let (tenants, records) = self.db.sandbox_counts().await?;
        Ok(CatalogReceipt::Recorded(Box::new(RecordsReceipt {
            added,
            changed,
            unchanged,
            skipped_count: checked.bad_count,
            skipped: checked.bad,
            tenants,
            records,
        })))
    }
}

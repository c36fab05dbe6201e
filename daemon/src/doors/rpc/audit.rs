//! Questions about the audit log.

use cutover_shared::audit::{AuditAnswer, AuditQuery};
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::filter::AUDIT;
use cutover_shared::page::{MAX_BYTES, Page};

use super::{Parts, read_error, window};
use crate::audit::{verify, view};
use crate::store::AuditRow;

pub(super) async fn query(parts: &Parts, query: AuditQuery) -> Result<AuditAnswer, RpcError> {
    match query {
        AuditQuery::List { page: ask } => {
            let before = ask.after.as_deref().and_then(|seq| seq.parse().ok());
            let rows = parts.db.audit_newest(before, ask.rows()).await.map_err(read_error)?;
            Ok(AuditAnswer::List(page(rows, ask.rows())))
        }
        AuditQuery::Export { page: ask } => {
            let after = ask.after.as_deref().and_then(|seq| seq.parse().ok());
            let rows = parts.db.audit_oldest(after, ask.rows()).await.map_err(read_error)?;
            Ok(AuditAnswer::List(page(rows, ask.rows())))
        }
        AuditQuery::Window { ask } => {
            let select = window::select(parts, &AUDIT, &ask)?;
            let rows = parts.db.audit_window(&select).await.map_err(read_error)?;
            Ok(AuditAnswer::Window(rows.map(|row| view(&row))))
        }
        AuditQuery::Verify => {
            let signed = parts.heads.newest(&parts.seal).map_err(|error| {
                RpcError::new(ErrorCode::Outside, error.to_string(), "repair the file's permissions")
            })?;
            verify(&parts.db, signed.as_ref()).await.map(AuditAnswer::Check).map_err(read_error)
        }
    }
}

/// As many rows as a frame can hold.
fn page(mut rows: Vec<AuditRow>, limit: u32) -> Page<cutover_shared::audit::AuditView> {
    let full = rows.len() == limit as usize;
    let mut bytes = 0;
    let fit = rows.iter().take_while(|row| {
        let first = bytes == 0;
        bytes += row.bytes.len();
        // A single record may be larger than a page; it travels alone.
        first || bytes < MAX_BYTES
    });
    let fit = fit.count();
    let cut = fit < rows.len();
    rows.truncate(fit);
    let next = rows.last().filter(|_| full || cut).map(|row| row.seq.to_string());
    Page { rows: rows.iter().map(view).collect(), next }
}

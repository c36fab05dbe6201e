//! Questions and acts about the catalog.

use cutover_shared::catalog::{CatalogAct, CatalogAnswer, CatalogQuery, CatalogReceipt};
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::filter::{LINKS, TENANTS};

use super::{Parts, STORE_MEND, not_found, read_error, window};
use crate::audit::Who;
use crate::mapping::catalog::ddl::ddl;
use crate::mapping::catalog::import::ImportError;
use crate::mapping::view;

pub(super) async fn query(parts: &Parts, query: CatalogQuery) -> Result<CatalogAnswer, RpcError> {
    let db = &parts.db;
    Ok(match query {
        CatalogQuery::Links { tenant, page } => {
            CatalogAnswer::Links(view::links(db, tenant, &page).await.map_err(read_error)?)
        }
        CatalogQuery::Tenants { page } => {
            CatalogAnswer::Tenants(view::tenants(db, &page).await.map_err(read_error)?)
        }
        CatalogQuery::Tenant { id } => {
            let found = view::tenant(db, &id).await.map_err(read_error)?;
            CatalogAnswer::Tenant(found.ok_or_else(|| not_found(&format!("tenant {id}"), "tenant"))?)
        }
        CatalogQuery::Projects { tenant, page } => {
            CatalogAnswer::Projects(view::projects(db, tenant, &page).await.map_err(read_error)?)
        }
        CatalogQuery::Project { id } => {
            let found = view::project(db, &id).await.map_err(read_error)?;
            CatalogAnswer::Project(found.ok_or_else(|| not_found(&format!("project {id}"), "project"))?)
        }
        CatalogQuery::LinkWindow { ask } => {
            let select = window::select(parts, &LINKS, &ask)?;
            CatalogAnswer::LinkWindow(view::links_window(db, select).await.map_err(read_error)?)
        }
        CatalogQuery::TenantWindow { ask } => {
            let select = window::select(parts, &TENANTS, &ask)?;
            CatalogAnswer::TenantWindow(view::tenants_window(db, select).await.map_err(read_error)?)
        }
        CatalogQuery::Ddl { format } => {
            CatalogAnswer::Ddl(ddl(format, &parts.ddl_names).map_err(|error| {
                RpcError::new(ErrorCode::Usage, error.to_string(), "mend the names in catalog.postgres")
            })?)
        }
    })
}

pub(super) async fn act(parts: &Parts, act: CatalogAct, who: &Who) -> Result<CatalogReceipt, RpcError> {
    let importer = &parts.importer;
    match act {
        CatalogAct::Begin { format, of } => importer.begin(format, of, who).await,
        CatalogAct::Chunk { upload, part, text } => importer.chunk(&upload, part, &text).await,
        CatalogAct::Commit { upload, skip_bad } => importer.commit(&upload, skip_bad, who).await,
    }
    .map_err(import_error)
}

fn import_error(error: ImportError) -> RpcError {
    use ImportError as E;
    let (code, hint) = match &error {
        E::NoUpload(_) | E::OutOfTurn { .. } => (ErrorCode::Usage, "start the import again"),
        E::TooLarge | E::PartTooLarge => {
            (ErrorCode::BadUpload, "split the file and import the parts one after another")
        }
        E::TooMany => {
            (ErrorCode::Busy, "wait until other imports are done; an abandoned one is dropped after an hour")
        }
        E::Seal(_) => (ErrorCode::Internal, "`cutover doctor` checks the keyring"),
        E::Worker(_) => (ErrorCode::Internal, "look at the daemon's log"),
        E::Read(_) | E::Write(_) => (ErrorCode::Store, STORE_MEND),
    };
    RpcError::new(code, error.to_string(), hint)
}

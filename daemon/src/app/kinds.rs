//! The kinds of runs that this daemon has.

use std::sync::Arc;

use crate::mapping::catalog::app_database::AppDatabase;
use crate::mapping::kind::MapEmbedded;
use crate::mapping::kind_outside::MapInApplication;
use crate::run::Kind;
use crate::seal::Seal;
use crate::store::Db;

/// The map kind writes where the catalog is.
pub(super) fn kinds(db: &Db, seal: &Arc<Seal>, app_database: Option<&AppDatabase>) -> Vec<Arc<dyn Kind>> {
    let map: Arc<dyn Kind> = match app_database {
        None => Arc::new(MapEmbedded::new(db.clone(), seal.clone())),
        Some(database) => Arc::new(MapInApplication::new(db.clone(), database.clone(), seal.clone())),
    };
    vec![map]
}

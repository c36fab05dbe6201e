//! The kinds of runs that this daemon has.

use std::sync::Arc;

use secrecy::SecretString;

use crate::github::GitHub;
use crate::mapping::catalog::app_database::AppDatabase;
use crate::mapping::kind::MapEmbedded;
use crate::mapping::kind_outside::MapInApplication;
use crate::mapping::old_hooks::kind::RemoveOldHooks;
use crate::mapping::sandbox_record::kind::MoveRecords;
use crate::run::Kind;
use crate::seal::Seal;
use crate::store::Db;

/// The map kind writes where the catalog is.
pub(super) fn kinds(
    db: &Db,
    seal: &Arc<Seal>,
    app_database: Option<&AppDatabase>,
    github: &GitHub,
    old_hook_secret: Option<SecretString>,
) -> Vec<Arc<dyn Kind>> {
    let map: Arc<dyn Kind> = match app_database {
        None => Arc::new(MapEmbedded::new(db.clone(), seal.clone())),
        Some(database) => Arc::new(MapInApplication::new(db.clone(), database.clone(), seal.clone())),
    };
    let hooks = RemoveOldHooks::new(db.clone(), github, seal.clone(), old_hook_secret);
    let records = MoveRecords::new(db.clone(), seal.clone());
    vec![map, Arc::new(hooks), Arc::new(records)]
}

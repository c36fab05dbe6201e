//! Operations on the fleet.

use sqlx::sqlite::SqliteConnection;

use super::Done;
use crate::store::FleetOp;

pub(super) async fn op(_connection: &mut SqliteConnection, _op: &FleetOp) -> Done {
    todo!()
}

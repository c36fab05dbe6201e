//! Operations on the inbox.

use sqlx::sqlite::SqliteConnection;

use super::Done;
use crate::store::{InboxOp, WriteError};

pub(super) async fn op(_connection: &mut SqliteConnection, _op: &InboxOp) -> Done {
    Err(WriteError::Unavailable(String::new()))
}

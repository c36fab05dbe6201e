//! What services downstream answered to probes before the move.

use async_trait::async_trait;
use cutover_shared::ids::ProjectId;
use serde::Serialize;

use super::ReadError;

/// The answer to one probe for one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DownstreamRow {
    pub probe: String,
    pub project: ProjectId,
    /// Lower-case `owner/name`, as the catalog has it.
    pub repo_lname: String,
    /// JSON.
    pub body: String,
}

/// Operations on recorded answers.
#[derive(Clone, Debug)]
pub enum DownstreamOp {
    /// Adds or replaces records.
    Put { rows: Vec<DownstreamRow>, at: i64, by: String },
}

/// What can be read of recorded answers.
#[async_trait]
pub trait DownstreamRead {
    /// Every record of a repository, by probe, at most `limit`.
    async fn downstream_records(
        &self,
        project: &ProjectId,
        repo_lname: &str,
        limit: u32,
    ) -> Result<Vec<DownstreamRow>, ReadError>;
}

//! What the daemon is asked beside the commands that are shown.

use cutover_shared::fleet::{FleetAnswer, FleetQuery, FleetStatus, HistoryEntry, InstanceView, LintFinding};
use cutover_shared::ids::TenantId;
use cutover_shared::page::PageAsk;
use cutover_shared::rpc::{Answer, Query};
use cutover_shared::window::WindowAsk;

use super::super::DemoError;
use super::Play;

/// Rows of one window.
const WINDOW: u32 = 500;

impl Play {
    pub(super) async fn query(&self, query: FleetQuery) -> Result<FleetAnswer, DemoError> {
        match self.conn.query(Query::Fleet(query)).await? {
            Answer::Fleet(answer) => Ok(answer),
            _ => Err(another()),
        }
    }

    pub(super) async fn status(&self) -> Result<FleetStatus, DemoError> {
        match self.query(FleetQuery::Status).await? {
            FleetAnswer::Status(status) => Ok(*status),
            _ => Err(another()),
        }
    }

    pub(super) async fn lint(&self) -> Result<Vec<LintFinding>, DemoError> {
        match self.query(FleetQuery::Lint { files: None }).await? {
            FleetAnswer::Lint(report) => Ok(report.findings),
            _ => Err(another()),
        }
    }

    /// All instances of a filter.
    pub(super) async fn instances(&self, filter: &str) -> Result<Vec<InstanceView>, DemoError> {
        let mut all = Vec::new();
        loop {
            let ask =
                WindowAsk { filter: filter.to_owned(), sort: None, offset: all.len() as u64, limit: WINDOW };
            let FleetAnswer::Instances(window) = self.query(FleetQuery::Instances { ask }).await? else {
                return Err(another());
            };
            let is_end = window.rows.is_empty();
            all.extend(window.rows);
            if is_end || all.len() as u64 >= window.total {
                return Ok(all);
            }
        }
    }

    /// All attempts, the newest first.
    pub(super) async fn history(&self, tenant: Option<&str>) -> Result<Vec<HistoryEntry>, DemoError> {
        let (mut all, mut page) = (Vec::new(), PageAsk::first(WINDOW));
        loop {
            let tenant = tenant.map(|tenant| TenantId(tenant.to_owned()));
            let FleetAnswer::History(got) =
                self.query(FleetQuery::History { tenant, page: page.clone() }).await?
            else {
                return Err(another());
            };
            all.extend(got.rows);
            match got.next {
                Some(next) => page.after = Some(next),
                None => return Ok(all),
            }
        }
    }
}

pub(super) fn another() -> DemoError {
    DemoError::Check("another answer than was asked for".to_owned())
}

//! Installations as operators see them: what the store knows, with what the token service and the limiter hold in memory. Health
//! hangs on both, so that the host's installations are judged together; there are few of them, and at most
//! [`MOST_INSTALLATIONS`](crate::store::MOST_INSTALLATIONS).

use std::collections::{BTreeMap, HashMap};

use cutover_shared::filter::INSTALLATIONS;
use cutover_shared::ids::InstallationId;
use cutover_shared::installation::{InstallationState, InstallationView};
use cutover_shared::window::Window;

use super::installation_health::{Facts, health, missing, rank};
use crate::github::{Budget, GitHub, TokenState, TokenStatus};
use crate::store::{Db, InstalledRow, ReadError, Select, Value};

/// A window, the worst first unless sorted.
pub async fn window(
    db: &Db,
    github: &GitHub,
    select: &Select,
) -> Result<Window<InstallationView>, ReadError> {
    let rows = db.installed(github.host_id(), None).await?;
    let known = Known::of(github);
    let mut views: Vec<Judged> =
        rows.into_iter().map(|row| Judged::of(known.view(row, select.now))).collect();
    views.sort_by_key(|judged| (rank(judged.view.health), judged.view.id));
    Ok(select.window(&INSTALLATIONS, views, value).map(|judged| judged.view))
}

/// One.
pub async fn one(
    db: &Db,
    github: &GitHub,
    id: InstallationId,
    now: i64,
) -> Result<Option<InstallationView>, ReadError> {
    let rows = db.installed(github.host_id(), Some(id.0)).await?;
    let known = Known::of(github);
    Ok(rows.into_iter().next().map(|row| known.view(row, now)))
}

/// A view with its reasons as one text, which filters look into.
struct Judged {
    view: InstallationView,
    reasons: String,
}

impl Judged {
    fn of(view: InstallationView) -> Self {
        let codes: Vec<&str> = view.reasons.iter().map(|reason| reason.code.as_str()).collect();
        let reasons = codes.join(" ");
        Self { view, reasons }
    }
}

fn value<'a>(judged: &'a Judged, field: &'static str) -> Value<'a> {
    let view = &judged.view;
    let number = |n: u64| Value::Number(i64::try_from(n).ok());
    match field {
        "id" => Value::Number(Some(view.id.0)),
        "account" => Value::Text(Some(&view.account)),
        "state" => Value::Text(Some(view.state.word())),
        "health" => Value::Text(Some(view.health.word())),
        "reason" => Value::Text(Some(&judged.reasons).filter(|text| !text.is_empty()).map(String::as_str)),
        "selection" => Value::Text(Some(&view.selection)),
        "repositories" => number(view.repositories),
        "unmapped" => number(view.unmapped),
        "dead" => number(view.dead_deliveries),
        "delivery" => view.last_delivery_at.map_or(Value::Number(None), Value::Moment),
        // No field of the list; the test below knows them all.
        _ => Value::Text(None),
    }
}

/// What is in memory, by installation.
struct Known {
    statuses: HashMap<i64, TokenStatus>,
    budgets: HashMap<i64, Budget>,
}

impl Known {
    fn of(github: &GitHub) -> Self {
        let statuses = github.tokens().status().into_iter().map(|status| (status.installation, status));
        let budgets = github.budgets().into_iter();
        Self {
            statuses: statuses.collect(),
            budgets: budgets.filter_map(|budget| budget.installation.map(|id| (id, budget))).collect(),
        }
    }

    fn view(&self, row: InstalledRow, now: i64) -> InstallationView {
        let (status, budget) = (self.statuses.get(&row.id), self.budgets.get(&row.id));
        view(row, status, budget, now)
    }
}

fn view(
    row: InstalledRow,
    status: Option<&TokenStatus>,
    budget: Option<&Budget>,
    now: i64,
) -> InstallationView {
    let minted = status.map(|status| status.state);
    let state = match (row.gone, row.suspended_at, minted) {
        (true, ..) | (_, _, Some(TokenState::Gone)) => InstallationState::Gone,
        (_, Some(_), _) | (_, _, Some(TokenState::Suspended)) => InstallationState::Suspended,
        _ => InstallationState::Active,
    };
    // What can't be read as names and levels is as good as not said.
    let permissions: BTreeMap<String, String> = serde_json::from_str(&row.permissions).unwrap_or_default();
    let token_error = status
        .filter(|status| status.state == TokenState::Failing)
        .map(|status| status.last_error.unwrap_or("the last mint failed"));
    let budget = budget.map(|budget| (i64::from(budget.remaining), i64::from(budget.limit)));
    let (health, reasons) = health(&Facts {
        now,
        state,
        account: &row.account_login,
        id: row.id,
        permissions: &permissions,
        budget,
        token_error,
        dead: row.dead,
        delivered_at: row.delivered_at,
        mapped: row.mapped,
        unmapped: row.unmapped,
        unread: row.unread.as_deref(),
    });
    InstallationView {
        id: InstallationId(row.id),
        account: row.account_login,
        account_id: row.account_id,
        account_type: row.account_type,
        state,
        health,
        reasons,
        selection: row.selection,
        repositories: row.repositories,
        mapped: row.mapped,
        unmapped: row.unmapped,
        missing: missing(&permissions),
        permissions: permissions.into_iter().collect(),
        budget,
        token_minted_at: status.and_then(|status| status.minted_at),
        token_error: token_error.map(str::to_owned),
        last_delivery_at: row.delivered_at,
        last_event: row.event,
        waiting_deliveries: row.waiting,
        dead_deliveries: row.dead,
        read_at: row.read_at,
        suspended_at: row.suspended_at,
    }
}

#[cfg(test)]
mod tests;

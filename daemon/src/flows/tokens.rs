//! Installation tokens as operators see and steer them. A token itself never leaves the token service.

use std::collections::HashMap;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::filter::TOKENS;
use cutover_shared::ids::InstallationId;
use cutover_shared::page::{Page, PageAsk};
use cutover_shared::token::{TokenState, TokenView};
use cutover_shared::window::Window;
use serde_json::json;

use crate::audit::Who;
use crate::clock::Clock;
use crate::github::{self, Budget, GitHub, MintError, TokenStatus};
use crate::store::{Db, InstallationRow, Lane, ReadError, Select, Unit, Value};

/// Installations read at once.
const INSTALLATIONS: u32 = 5_000;

/// The tokens of a window of installations, by id.
pub async fn list(db: &Db, github: &GitHub, ask: &PageAsk) -> Result<Page<TokenView>, ReadError> {
    let after = ask.after.as_deref().and_then(|id| id.parse().ok());
    let rows = db.installations(github.host_id(), after, ask.rows()).await?;
    let next = rows.last().filter(|_| rows.len() == ask.rows() as usize).map(|row| row.id.to_string());
    let known = Known::of(github);
    Ok(Page { rows: rows.iter().map(|row| known.view(row)).collect(), next })
}

/// A window of all tokens. What a token is like is in memory only, so that it is filtered and sorted there.
pub async fn window(db: &Db, github: &GitHub, select: &Select) -> Result<Window<TokenView>, ReadError> {
    let known = Known::of(github);
    let (mut views, mut after) = (Vec::new(), None);
    loop {
        let rows = db.installations(github.host_id(), after, INSTALLATIONS).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        views.extend(rows.iter().map(|row| known.view(row)));
    }
    Ok(select.window(&TOKENS, views, value))
}

fn value<'a>(token: &'a TokenView, field: &'static str) -> Value<'a> {
    match field {
        "installation" => Value::Number(Some(token.installation.0)),
        "account" => Value::Text(token.account.as_deref()),
        "state" => Value::Text(Some(token.state.word())),
        "left" => Value::Number(token.remaining),
        "mints" => Value::Number(i64::try_from(token.generation).ok()),
        // No field of the list; the test below knows them all.
        _ => Value::Text(None),
    }
}

/// What the token service and the limiter know, by installation.
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

    fn view(&self, row: &InstallationRow) -> TokenView {
        view(row, self.statuses.get(&row.id), self.budgets.get(&row.id))
    }
}

fn view(row: &InstallationRow, status: Option<&TokenStatus>, budget: Option<&Budget>) -> TokenView {
    let state = match status.map(|status| status.state) {
        Some(github::TokenState::Fresh) => TokenState::Fresh,
        Some(github::TokenState::Suspended) => TokenState::Suspended,
        Some(github::TokenState::Gone) => TokenState::Gone,
        Some(github::TokenState::Failing) => TokenState::Failing,
        _ if row.suspended_at.is_some() => TokenState::Suspended,
        Some(github::TokenState::Absent) | None => TokenState::Absent,
    };
    TokenView {
        installation: InstallationId(row.id),
        account: Some(row.account_login.clone()).filter(|login| !login.is_empty()),
        state,
        minted_at: status.and_then(|status| status.minted_at),
        expires_at: status.and_then(|status| status.expires_at),
        generation: status.and_then(|status| status.generation).unwrap_or(0),
        error: status.and_then(|status| status.last_error).map(str::to_owned),
        remaining: budget.map(|budget| i64::from(budget.remaining)),
        limit: budget.map(|budget| i64::from(budget.limit)),
    }
}

/// Mints a new token now.
pub async fn refresh(
    db: &Db,
    github: &GitHub,
    clock: &Clock,
    installation: InstallationId,
    who: &Who,
) -> Result<TokenView, RpcError> {
    let outcome = github.tokens().force_refresh(installation.0).await;
    let detail = match &outcome {
        Ok(leased) => json!({ "expires_at": leased.expires_at, "generation": leased.generation }),
        Err(error) => json!({ "error": error.class() }),
    };
    record(db, who, clock, "token.refresh", installation, detail).await?;
    match outcome {
        Ok(_) => one(db, github, installation).await,
        Err(error) => Err(mint_error(installation, &error)),
    }
}

/// Forgets the token in memory; the next call mints one.
pub async fn invalidate(
    db: &Db,
    github: &GitHub,
    clock: &Clock,
    installation: InstallationId,
    who: &Who,
) -> Result<TokenView, RpcError> {
    let view = one(db, github, installation).await?;
    github.tokens().invalidate_all(installation.0);
    record(db, who, clock, "token.invalidate", installation, json!({ "generation": view.generation }))
        .await?;
    one(db, github, installation).await
}

async fn one(db: &Db, github: &GitHub, installation: InstallationId) -> Result<TokenView, RpcError> {
    let before = installation.0.checked_sub(1);
    let rows = db.installations(github.host_id(), before, 1).await.map_err(store_error)?;
    let statuses = github.tokens().status();
    let status = statuses.iter().find(|status| status.installation == installation.0);
    let budgets = github.budgets();
    let budget = budgets.iter().find(|budget| budget.installation == Some(installation.0));
    let known = rows.into_iter().find(|row| row.id == installation.0);
    match (known, status) {
        (Some(row), status) => Ok(view(&row, status, budget)),
        // Younger than the index: GitHub knows it, the next sweep will.
        (None, Some(status)) => {
            let row = InstallationRow {
                id: installation.0,
                account_id: 0,
                account_login: String::new(),
                account_type: String::new(),
                selection: String::new(),
                suspended_at: None,
                permissions: String::new(),
            };
            Ok(view(&row, Some(status), budget))
        }
        (None, None) => Err(RpcError::new(
            ErrorCode::NotFound,
            format!("installation {installation} is not in the index"),
            "`cutover token list` shows those that are; `cutover map plan --refresh` reads GitHub's lists again",
        )),
    }
}

async fn record(
    db: &Db,
    who: &Who,
    clock: &Clock,
    act: &str,
    installation: InstallationId,
    detail: serde_json::Value,
) -> Result<(), RpcError> {
    let draft = who.did(clock.now(), act, format!("installation {installation}"), detail);
    db.write(Lane::Handler, Unit::new().with(draft)).await.map_err(|error| {
        RpcError::new(
            ErrorCode::Store,
            error.to_string(),
            "look at the daemon's log and the disk of the state folder",
        )
    })
}

fn store_error(error: ReadError) -> RpcError {
    RpcError::new(
        ErrorCode::Store,
        error.to_string(),
        "look at the daemon's log and the disk of the state folder",
    )
}

fn mint_error(installation: InstallationId, error: &MintError) -> RpcError {
    let hint = match error {
        MintError::KeyRejected => "check github.app_id and github.private_key; `cutover doctor` tells more",
        MintError::ClockSkew { .. } => "synchronise this machine's clock",
        MintError::Suspended => "ask the owner of the account to unsuspend the App",
        MintError::Gone => {
            "it was uninstalled; `cutover map plan --refresh` finds out what that means for projects"
        }
        MintError::RateLimited { .. } => "wait; `cutover token list` shows what is left",
        _ => "look at the daemon's log",
    };
    RpcError::new(ErrorCode::GitHub, format!("no token for installation {installation}: {error}"), hint)
}

#[cfg(test)]
mod tests;

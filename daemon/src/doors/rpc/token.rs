//! Questions and acts about installation tokens.

use cutover_shared::error::RpcError;
use cutover_shared::filter::TOKENS;
use cutover_shared::token::{TokenAct, TokenAnswer, TokenQuery, TokenView};

use super::{Parts, read_error, window};
use crate::audit::Who;
use crate::flows::tokens;

pub(super) async fn query(parts: &Parts, query: TokenQuery) -> Result<TokenAnswer, RpcError> {
    match query {
        TokenQuery::List { page } => {
            tokens::list(&parts.db, &parts.github, &page).await.map(TokenAnswer::List)
        }
        TokenQuery::Window { ask } => {
            let select = window::select(parts, &TOKENS, &ask)?;
            tokens::window(&parts.db, &parts.github, &select).await.map(TokenAnswer::Window)
        }
    }
    .map_err(read_error)
}

pub(super) async fn act(parts: &Parts, act: TokenAct, who: &Who) -> Result<TokenView, RpcError> {
    match act {
        TokenAct::Refresh { installation } => {
            tokens::refresh(&parts.db, &parts.github, &parts.clock, installation, who).await
        }
        TokenAct::Invalidate { installation } => {
            tokens::invalidate(&parts.db, &parts.github, &parts.clock, installation, who).await
        }
    }
}

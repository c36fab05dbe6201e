//! An answer in all its parts.

use cutover_shared::context::{ContextAnswer, ContextAsk, ContextQuery, MAX_DOCUMENT, Place};
use cutover_shared::error::ErrorCode;
use cutover_shared::ids::InstallationId;
use cutover_shared::rpc::{Answer, Query};
use serde_json::Value;

use crate::failure::Failure;
use crate::plain::number;
use crate::session::Session;

/// A whole answer.
pub(super) struct Fetched {
    /// Who asked GitHub.
    pub installation: InstallationId,
    pub value: Value,
}

/// Asks, and puts the parts together.
pub(super) async fn fetch(
    session: &mut Session<'_>,
    place: &Place,
    ask: ContextAsk,
) -> Result<Fetched, Failure> {
    let mut query = ContextQuery::Ask { place: place.clone(), ask };
    let mut text = String::new();
    loop {
        let Answer::Context(ContextAnswer::Part(part)) = session.ask(Query::Context(query)).await? else {
            return Err(Failure::unexpected("context"));
        };
        let from = text.len() as u64;
        // An answer that does not move, or is longer than any may be, would be read for ever.
        if part.from != from || (part.text.is_empty() && part.more.is_some()) {
            return Err(broken("its parts do not fit together"));
        }
        text += &part.text;
        if text.len() > MAX_DOCUMENT {
            return Err(broken("it is longer than an answer may be"));
        }
        let Some(document) = part.more else {
            let value = serde_json::from_str(&text).map_err(|_| broken("it is no JSON"))?;
            return Ok(Fetched { installation: part.installation, value });
        };
        let come = text.len() as u64;
        session.out.progress(&format!("{} of {} KiB", number(come / 1024), number(part.size / 1024)), false);
        query = ContextQuery::Part { document, from: come };
    }
}

fn broken(why: &str) -> Failure {
    Failure::new(
        ErrorCode::Internal,
        format!("the daemon's answer can't be read: {why}"),
        "report this with the versions that `cutover status` and `cutover --version` print",
    )
}

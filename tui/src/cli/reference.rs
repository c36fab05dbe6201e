//! Runs as operators name them: the id, its beginning, or `latest`.

use cutover_shared::error::ErrorCode;
use cutover_shared::ids::RunId;
use cutover_shared::page::PageAsk;
use cutover_shared::rpc::{Answer, Query};
use cutover_shared::run::{RunAnswer, RunQuery, RunView};

use super::list::Pages;
use crate::failure::Failure;
use crate::session::Session;

/// Letters of an id from which its beginning is taken for it: fewer would hit by chance.
const SHORTEST: usize = 8;

/// Letters of a whole id; one like this is not looked up in the list.
const WHOLE: usize = 36;

/// Pages of the list that are searched for a beginning.
const SEARCHED: usize = 20;

/// Help for every argument that names a run.
pub(super) const HELP: &str = "Run: its id, the first 8 or more letters of it, or `latest`";

/// The id that `text` means.
pub(super) async fn resolve(session: &mut Session<'_>, text: &str) -> Result<RunId, Failure> {
    if text == "latest" {
        let answer = session
            .ask(Query::Run(RunQuery::List { state: None, kind: None, page: PageAsk::first(1) }))
            .await?;
        let page = runs(answer).ok_or_else(|| Failure::unexpected("run list"))?;
        return page.rows.into_iter().next().map(|run| run.id).ok_or_else(|| {
            Failure::new(ErrorCode::NotFound, "there is no run yet", "`cutover map plan` makes one")
        });
    }
    if text.len() >= WHOLE {
        return Ok(RunId::from(text));
    }
    if text.len() < SHORTEST {
        return Err(Failure::usage(
            format!("`{text}` is too short for the beginning of a run's id"),
            format!("give {SHORTEST} letters or more, or `latest`; `cutover run list` shows them"),
        ));
    }
    let mut found = Vec::new();
    let mut pages = Pages::all();
    let ask = |page| Query::Run(RunQuery::List { state: None, kind: None, page });
    for _ in 0..SEARCHED {
        let Some(rows) = pages.next(session, &ask, runs, "runs").await? else { break };
        found.extend(rows.into_iter().map(|run| run.id).filter(|id| id.0.starts_with(text)));
        if found.len() > 1 {
            break;
        }
    }
    match found.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(Failure::new(
            ErrorCode::NotFound,
            format!("no run's id begins with `{text}`"),
            "`cutover run list` shows them",
        )),
        _ => Err(Failure::usage(
            format!("the ids of several runs begin with `{text}`"),
            "give more letters; `cutover run list --json` shows them whole",
        )),
    }
}

/// The page of runs in an answer.
pub(super) fn runs(answer: Answer) -> Option<cutover_shared::page::Page<RunView>> {
    match answer {
        Answer::Run(RunAnswer::List(page)) => Some(page),
        _ => None,
    }
}

/// The run as it is now.
pub(super) async fn show(session: &mut Session<'_>, id: &RunId) -> Result<RunView, Failure> {
    match session.ask(Query::Run(RunQuery::Show { id: id.clone() })).await? {
        Answer::Run(RunAnswer::Show(view)) => Ok(*view),
        _ => Err(Failure::unexpected("run show")),
    }
}

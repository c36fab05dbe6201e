//! Lists: page by page, so that neither side ever holds a whole one. A list that is filtered or sorted comes in windows.

use cutover_shared::page::{MAX_ROWS, Page, PageAsk};
use cutover_shared::rpc::{Answer, Query};
use serde::Serialize;

use super::choose::Windows;

use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::out::to_json;
use crate::plain::{Cell, Column, Table, number, shell_word};
use crate::session::Session;

/// Which part of a list.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Window {
    /// Most rows to print
    #[arg(long, value_name = "ROWS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// Start after this place: the cursor that the part before ended with, which is a number of rows when the list is
    /// filtered or sorted
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
    /// Print all rows, a page at a time
    #[arg(long, conflicts_with = "limit")]
    pub all_rows: bool,
}

/// What a list is made of.
pub(super) struct Listing<'f, T> {
    /// What there would be more of: `runs`.
    pub noun: &'static str,
    pub columns: &'static [Column],
    pub ask: &'f dyn Fn(PageAsk) -> Query,
    /// The page in an answer of the right kind.
    pub take: fn(Answer) -> Option<Page<T>>,
    /// A row as text, given the time now.
    pub row: fn(&T, i64) -> Vec<Cell>,
}

/// How a list is printed.
pub(super) struct Layout<T> {
    /// What there would be more of: `runs`.
    pub noun: &'static str,
    pub columns: &'static [Column],
    /// A row as text, given the time now.
    pub row: fn(&T, i64) -> Vec<Cell>,
}

impl<T> Listing<'_, T> {
    pub fn layout(&self) -> Layout<T> {
        Layout { noun: self.noun, columns: self.columns, row: self.row }
    }
}

/// Where the rows of a list come from.
pub(super) enum Feed<'f, T> {
    Pages(Pages, &'f dyn Fn(PageAsk) -> Query, fn(Answer) -> Option<Page<T>>),
    Windows(Windows<'f, T>),
}

impl<T> Feed<'_, T> {
    async fn next(&mut self, session: &mut Session<'_>, noun: &str) -> Result<Option<Vec<T>>, Failure> {
        match self {
            Self::Pages(pages, ask, take) => pages.next(session, *ask, *take, noun).await,
            Self::Windows(windows) => windows.next(session, noun).await,
        }
    }

    /// Where the next part starts, and how many rows there are in all, where that is known.
    fn end(self) -> (Option<String>, Option<u64>) {
        match self {
            Self::Pages(pages, ..) => (pages.after, None),
            Self::Windows(windows) => (windows.after(), Some(windows.total)),
        }
    }
}

/// Prints a list: a table, or with `--json` `{"rows":[...],"next":...}` a row a line.
pub(super) async fn list<T: Serialize>(
    session: &mut Session<'_>,
    window: &Window,
    listing: Listing<'_, T>,
) -> Verdict {
    let feed = Feed::Pages(Pages::new(window), listing.ask, listing.take);
    print(session, feed, &listing.layout()).await
}

pub(super) async fn print<T: Serialize>(
    session: &mut Session<'_>,
    mut feed: Feed<'_, T>,
    layout: &Layout<T>,
) -> Verdict {
    let mut table = Table::new(layout.columns);
    let (mut printed, mut is_first) = (0_u64, true);
    while let Some(rows) = feed.next(session, layout.noun).await? {
        let mut text = String::new();
        if session.out.json {
            text += if is_first { "{\"rows\":[" } else { "" };
            for row in &rows {
                text += if printed == 0 { "\n" } else { ",\n" };
                text += &to_json(row, false)?;
                printed += 1;
            }
        } else if !rows.is_empty() {
            printed += u64::try_from(rows.len()).unwrap_or(u64::MAX);
            let now = session.now();
            let cells: Vec<Vec<Cell>> = rows.iter().map(|row| (layout.row)(row, now)).collect();
            text = table.part(&cells, session.out.style);
        }
        is_first = false;
        session.out.raw(&text)?;
        if session.out.is_closed() {
            return Ok(Outcome::Done);
        }
    }
    let (next, total) = feed.end();
    if session.out.json {
        let end = if printed == 0 { "" } else { "\n" };
        let total = total.map_or(String::new(), |total| format!(",\"total\":{total}"));
        session.out.raw(&format!("{end}],\"next\":{}{total}}}\n", to_json(&next, false)?))?;
    } else if printed == 0 {
        session.out.raw(&format!("no {}\n", layout.noun))?;
    } else if let Some(next) = next {
        let total = total.map_or(String::new(), |total| format!("  ({} in all)", number(total)));
        session.out.raw(&format!("more: --after {}{total}\n", shell_word(&next)))?;
    }
    Ok(Outcome::Done)
}

/// The pages of a window, asked for one after the other.
pub(super) struct Pages {
    after: Option<String>,
    /// Rows still wanted; none for all.
    wanted: Option<u64>,
    ended: bool,
}

impl Pages {
    pub fn new(window: &Window) -> Self {
        let wanted = (!window.all_rows).then_some(window.limit);
        Self { after: window.after.clone(), wanted, ended: false }
    }

    /// Every row from the first.
    pub fn all() -> Self {
        Self { after: None, wanted: None, ended: false }
    }

    /// The next page's rows; none after the last. A list that does not move on is an error, not an endless loop.
    pub async fn next<T>(
        &mut self,
        session: &mut Session<'_>,
        ask: &dyn Fn(PageAsk) -> Query,
        take: fn(Answer) -> Option<Page<T>>,
        noun: &str,
    ) -> Result<Option<Vec<T>>, Failure> {
        if self.ended || self.wanted == Some(0) {
            return Ok(None);
        }
        let limit =
            self.wanted.map_or(MAX_ROWS, |rows| u32::try_from(rows).unwrap_or(MAX_ROWS).min(MAX_ROWS));
        let answer = session.ask(ask(PageAsk { after: self.after.clone(), limit })).await?;
        let page = take(answer).ok_or_else(|| Failure::unexpected(noun))?;
        if page.next.is_some() && page.next == self.after {
            return Err(Failure::new(
                cutover_shared::error::ErrorCode::Internal,
                format!("the list of {noun} does not move on from one page to the next"),
                "report this with the version that `cutover status` prints",
            ));
        }
        self.ended = page.next.is_none();
        self.after = page.next;
        let rows = u64::try_from(page.rows.len()).unwrap_or(u64::MAX);
        self.wanted = self.wanted.map(|wanted| wanted.saturating_sub(rows));
        Ok(Some(page.rows))
    }
}

//! Lists that are filtered and sorted by the daemon: `--filter 'TERMS' --sort FIELD`.

use cutover_shared::filter::{Fields, Kind, parse};
use cutover_shared::page::MAX_ROWS;
use cutover_shared::rpc::{Answer, Query};
use cutover_shared::window::{self, Sort, WindowAsk};
use serde::Serialize;

use super::Verdict;
use super::list::{Feed, Layout, Listing, Pages, Window, print};
use crate::failure::Failure;
use crate::plain::wrap;
use crate::session::Session;

/// Which part of which rows of a list, in which order.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Choice {
    /// Only rows that these terms hold for, as below
    #[arg(long, value_name = "TERMS", allow_hyphen_values = true)]
    filter: Option<String>,
    /// Order by this field; `-FIELD` the other way round
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    sort: Option<String>,
    #[command(flatten)]
    window: Window,
}

impl Choice {
    /// Some rows or another order are wanted.
    pub fn is_chosen(&self) -> bool {
        self.filter.is_some() || self.sort.is_some()
    }
}

/// How a list is asked for in windows.
pub(super) struct Windowed<'f, T> {
    pub fields: &'static Fields,
    pub ask: &'f dyn Fn(WindowAsk) -> Query,
    pub take: fn(Answer) -> Option<window::Window<T>>,
}

/// Prints a list: filtered or sorted it comes in windows, else in pages, which miss nothing while the list changes. `term` is
/// what other options demand, as a term.
pub(super) async fn choose<T: Serialize>(
    session: &mut Session<'_>,
    choice: &Choice,
    term: Option<String>,
    listing: Listing<'_, T>,
    windowed: Windowed<'_, T>,
) -> Verdict {
    let window = &choice.window;
    let feed = if choice.filter.is_none() && choice.sort.is_none() {
        Feed::Pages(Pages::new(window), listing.ask, listing.take)
    } else {
        Feed::Windows(Windows::new(choice, term, windowed)?)
    };
    print(session, feed, &listing.layout()).await
}

/// Prints a list that comes in windows always, because its rows have a place only among the others.
pub(super) async fn windows<T: Serialize>(
    session: &mut Session<'_>,
    choice: &Choice,
    layout: Layout<T>,
    windowed: Windowed<'_, T>,
) -> Verdict {
    let feed = Feed::Windows(Windows::new(choice, None, windowed)?);
    print(session, feed, &layout).await
}

/// The windows of a list, asked for one after the other.
pub(super) struct Windows<'f, T> {
    windowed: Windowed<'f, T>,
    filter: String,
    sort: Option<Sort>,
    offset: u64,
    /// Rows still wanted; none for all.
    wanted: Option<u64>,
    /// All rows that pass.
    pub total: u64,
    ended: bool,
}

impl<'f, T> Windows<'f, T> {
    fn new(choice: &Choice, term: Option<String>, windowed: Windowed<'f, T>) -> Result<Self, Failure> {
        let (fields, text) = (windowed.fields, choice.filter.as_deref().unwrap_or_default());
        understood(fields, text)?;
        let sort = choice.sort.as_deref().map(|text| sort(fields, text)).transpose()?;
        let window = &choice.window;
        let offset = window.after.as_deref().map_or(Ok(0), str::parse).map_err(|_| {
            Failure::usage(
                "--after is no number of rows",
                "with --filter or --sort it is the number of rows before, as the part before ended with",
            )
        })?;
        let wanted = (!window.all_rows).then_some(window.limit);
        let filter = term.into_iter().chain([text.to_owned()]).collect::<Vec<_>>().join(" ");
        Ok(Self { windowed, filter, sort, offset, wanted, total: 0, ended: false })
    }

    /// The next rows; none after the last.
    pub async fn next(&mut self, session: &mut Session<'_>, noun: &str) -> Result<Option<Vec<T>>, Failure> {
        if self.ended || self.wanted == Some(0) {
            return Ok(None);
        }
        let most = u64::from(MAX_ROWS);
        let limit = u32::try_from(self.wanted.unwrap_or(most).min(most)).unwrap_or(MAX_ROWS);
        let (filter, sort, offset) = (self.filter.clone(), self.sort.clone(), self.offset);
        let answer = session.ask((self.windowed.ask)(WindowAsk { filter, sort, offset, limit })).await?;
        let window = (self.windowed.take)(answer).ok_or_else(|| Failure::unexpected(noun))?;
        // Past the end the daemon answers the last rows: these were before the place that was asked for.
        let before = usize::try_from(offset.saturating_sub(window.offset)).unwrap_or(usize::MAX);
        let rows: Vec<T> = window.rows.into_iter().skip(before).collect();
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        self.offset = offset.saturating_add(count);
        self.total = window.total;
        self.ended = rows.is_empty() || self.offset >= window.total;
        self.wanted = self.wanted.map(|wanted| wanted.saturating_sub(count));
        Ok(Some(rows))
    }

    /// Where the next part starts.
    pub fn after(&self) -> Option<String> {
        (!self.ended).then(|| self.offset.to_string())
    }
}

/// That a filter makes sense. Asked of the daemon it would be refused the same way; here the place is known.
pub(super) fn understood(fields: &Fields, text: &str) -> Result<(), Failure> {
    parse(fields, text).map(drop).map_err(|error| {
        let told = format!("--filter makes no sense at letter {}: {}", error.at + 1, error.message);
        Failure::usage(told, error.hint)
    })
}

fn sort(fields: &Fields, text: &str) -> Result<Sort, Failure> {
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    if let Some(field) = fields.find(name) {
        return Ok(Sort { field: field.name.to_owned(), descending });
    }
    let names: Vec<&str> = fields.all.iter().map(|field| field.name).collect();
    Err(Failure::usage(
        format!("{} can't be sorted by `{name}`", fields.noun),
        format!("there are {}", names.join(", ")),
    ))
}

/// Columns of help.
const WIDTH: usize = 79;

/// What help says of the terms and fields of a list.
pub(super) fn help(fields: &Fields) -> String {
    let indent = fields.all.iter().map(|field| field.name.len()).max().unwrap_or(0) + 4;
    let mut text = String::from("Terms of --filter, all of which must hold:\n");
    for line in wrap(&format!("{} !TERM TEXT", examples(fields)), WIDTH - 2) {
        text += &format!("  {line}\n");
    }
    text += "\nFields of --filter and --sort:\n";
    for field in fields.all {
        let about = match field.kind {
            Kind::Word(words) => format!("{}: {}", field.about, words.join(", ")),
            Kind::Flag => format!("{}: yes or no", field.about),
            Kind::Text | Kind::Number | Kind::Age => field.about.to_owned(),
        };
        for (i, line) in wrap(&about, WIDTH - indent).iter().enumerate() {
            let name = if i == 0 { field.name } else { "" };
            text += &format!("  {name:width$}{line}\n", width = indent - 2);
        }
    }
    let names: Vec<&str> = fields.all.iter().filter(|field| field.is_name).map(|field| field.name).collect();
    let told = format!(
        "TEXT without a field is looked for in {}, in any case; quotes keep spaces and signs in it. Several values with commas \
         are alternatives.",
        names.join(", ")
    );
    text + "\n" + &wrap(&told, WIDTH).join("\n")
}

/// A term of each kind that the list has.
fn examples(fields: &Fields) -> String {
    let mut kinds = Vec::new();
    let mut terms = Vec::new();
    for field in fields.all {
        let kind = std::mem::discriminant(&field.kind);
        if kinds.contains(&kind) {
            continue;
        }
        kinds.push(kind);
        let name = field.name;
        terms.push(match field.kind {
            Kind::Text => format!("{name}:TEXT"),
            Kind::Word(words) => {
                format!("{name}:{}", words.iter().take(2).copied().collect::<Vec<_>>().join(","))
            }
            Kind::Number => format!("{name}:5 {name}>=5"),
            Kind::Age => format!("{name}<2h"),
            Kind::Flag => format!("{name}:yes"),
        });
    }
    terms.join(" ")
}

//! One engine for every table: typed filter, sort, columns, marks, a cursor that stays with its row, and windows of rows
//! from the daemon, so that 100,000 rows cost what one screen costs.

mod audit;
mod delivery;
mod installation;
mod instance;
mod item;
mod link;
mod rollout;
mod run;
mod tenant;
mod token;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};

use cutover_shared::filter::{self, Fields, FilterError};
use cutover_shared::ids::RunId;
use cutover_shared::page::MAX_ROWS;
use cutover_shared::rpc::{Answer, Query, Topic};
use cutover_shared::window::{Sort, Window, WindowAsk};

pub use delivery::{event as delivery_event, role as delivery_role};
pub use installation::{missing as missing_permissions, role as health_role};
pub use instance::{role as instance_role, step_role};
pub use item::role as item_role;
pub use link::role as mapping_role;
pub use rollout::state as rollout_state;
pub use run::role as run_role;
pub use tenant::health as tenant_health;
pub use token::{is_short as token_is_short, role as token_role};
pub use workflow::{dispatch_role, trigger as short_trigger};

use super::subject::Subject;
use crate::place::ListId;
use crate::theme::Role;

/// Marks at most; more is no choice but everything.
const MARKS: usize = 1_000;

impl ListId {
    pub fn spec(self) -> &'static Spec {
        match self {
            Self::Links => &link::SPEC,
            Self::Tenants => &tenant::SPEC,
            Self::Runs => &run::SPEC,
            Self::Items => &item::SPEC,
            Self::Tokens => &token::SPEC,
            Self::Audit => &audit::SPEC,
            Self::Deliveries => &delivery::SPEC,
            Self::Installations => &installation::SPEC,
            Self::Workflows => &workflow::SPEC,
            Self::Rollouts => &rollout::SPEC,
            Self::Instances => &instance::SPEC,
        }
    }
}

/// Text of one place, and what it means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    pub text: String,
    pub role: Option<Role>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), role: None }
    }
}

/// A cell that means something.
pub(super) fn told(text: impl Into<String>, role: Role) -> Cell {
    Cell { text: text.into(), role: Some(role) }
}

/// What a cell may look at beside its row.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The daemon's time, milliseconds since the epoch.
    pub now: i64,
}

/// A column of a list.
pub struct Column {
    /// Title, in lower case; the field of the filter where there is one of this name.
    pub name: &'static str,
    /// The least that it needs.
    pub min: u16,
    /// Its share of what is left; 0 takes none.
    pub weight: u16,
    pub right: bool,
    /// 0 is never dropped on a narrow screen; then the highest goes first.
    pub priority: u8,
    pub cell: fn(&Subject, Moment) -> Cell,
}

/// A list as data.
pub struct Spec {
    pub id: ListId,
    /// Its file's name when exported, and its table in the configuration.
    pub name: &'static str,
    pub fields: &'static Fields,
    pub columns: &'static [Column],
    /// What makes it out of date.
    pub topics: &'static [Topic],
    pub query: fn(Option<&RunId>, WindowAsk) -> Query,
    /// The window in an answer of the right kind.
    pub take: fn(Option<&RunId>, Answer) -> Option<Window<Subject>>,
    /// What an empty list says: why it is empty, and the key or command that fills it.
    pub empty: &'static str,
    /// The command that lists the same.
    pub verb: &'static str,
}

/// Where one list stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub id: ListId,
    /// The run whose items are listed.
    pub of: Option<RunId>,
    pub filter: String,
    pub sort: Option<Sort>,
    /// Columns that are not wanted, by name.
    pub hidden: BTreeSet<String>,
    /// Row under the cursor, counted from the first that passes the filter.
    pub cursor: u64,
    /// First row on the screen.
    pub top: u64,
    /// Rows on the screen.
    pub height: u64,
    pub marks: BTreeMap<String, Subject>,
    /// The window that is asked for.
    ask: WindowAsk,
    /// Key of the row under the cursor, which it stays with.
    key: Option<String>,
}

impl Table {
    pub fn new(id: ListId) -> Self {
        Self {
            id,
            of: None,
            filter: String::new(),
            sort: None,
            hidden: BTreeSet::new(),
            cursor: 0,
            top: 0,
            height: 10,
            marks: BTreeMap::new(),
            ask: WindowAsk { limit: 60, ..WindowAsk::default() },
            key: None,
        }
    }

    pub fn spec(&self) -> &'static Spec {
        self.id.spec()
    }

    /// The question for the window that the screen needs.
    pub fn query(&self) -> Query {
        (self.spec().query)(self.of.as_ref(), self.ask.clone())
    }

    /// Columns that are wanted, in order.
    pub fn columns(&self) -> impl Iterator<Item = &'static Column> + '_ {
        self.spec().columns.iter().filter(|column| column.priority == 0 || !self.hidden.contains(column.name))
    }

    /// Another list of the same kind: from the top, nothing marked.
    pub fn show_of(&mut self, run: RunId) {
        if self.of.as_ref() != Some(&run) {
            let hidden = std::mem::take(&mut self.hidden);
            *self = Self { of: Some(run), hidden, height: self.height, ..Self::new(self.id) };
            self.aim();
        }
    }

    /// Takes a filter, or says what is wrong with it.
    pub fn set_filter(&mut self, text: &str) -> Result<(), FilterError> {
        filter::parse(self.spec().fields, text)?;
        text.trim().clone_into(&mut self.filter);
        (self.cursor, self.top, self.key) = (0, 0, None);
        self.aim();
        Ok(())
    }

    /// Sorts by the next column that can be sorted by; after the last comes the list's own order.
    pub fn sort_next(&mut self) {
        let names: Vec<&str> = self
            .columns()
            .map(|column| column.name)
            .filter(|name| self.spec().fields.find(name).is_some())
            .collect();
        let at = self.sort.as_ref().and_then(|sort| names.iter().position(|name| *name == sort.field));
        let next = at.map_or(0, |at| at + 1);
        self.sort = names.get(next).map(|name| Sort { field: (*name).to_owned(), descending: false });
        self.resorted();
    }

    /// Turns the order round.
    pub fn sort_reverse(&mut self) {
        match &mut self.sort {
            Some(sort) => sort.descending = !sort.descending,
            None => {
                let own = self.spec().fields.all.first();
                self.sort = own.map(|own| Sort { field: own.name.to_owned(), descending: true });
            }
        }
        self.resorted();
    }

    /// Sorts so.
    pub fn sort_by(&mut self, sort: Option<Sort>) {
        self.sort = sort;
        self.resorted();
    }

    fn resorted(&mut self) {
        (self.cursor, self.top, self.key) = (0, 0, None);
        self.aim();
    }

    /// Moves the cursor by rows, within `total`.
    pub fn step(&mut self, by: i64, total: u64, window: Option<&Window<Subject>>) {
        self.go(self.cursor.saturating_add_signed(by), total, window);
    }

    /// Puts the cursor on a row.
    pub fn go(&mut self, row: u64, total: u64, window: Option<&Window<Subject>>) {
        self.cursor = row.min(total.saturating_sub(1));
        self.key = window.and_then(|window| row_of(window, self.cursor)).map(Subject::key);
        self.scroll(total);
    }

    /// The row under the cursor, where it has come.
    pub fn selected<'a>(&self, window: Option<&'a Window<Subject>>) -> Option<&'a Subject> {
        row_of(window?, self.cursor)
    }

    /// Fits the list into so many rows.
    pub fn fit(&mut self, height: u16, total: Option<u64>) {
        self.height = u64::from(height).max(1);
        self.scroll(total.unwrap_or(u64::MAX));
    }

    /// A new window came: the cursor follows its row, if that is still in sight.
    pub fn arrived(&mut self, window: &Window<Subject>) {
        let moved = |key: &String| window.rows.iter().position(|row| row.key() == *key);
        if row_of(window, self.cursor).map(Subject::key) != self.key
            && let Some(at) = self.key.as_ref().and_then(moved)
        {
            let to = window.offset.saturating_add(u64::try_from(at).unwrap_or(0));
            let by = to.cast_signed().saturating_sub(self.cursor.cast_signed());
            self.top = self.top.saturating_add_signed(by);
            self.cursor = to;
        }
        self.cursor = self.cursor.min(window.total.saturating_sub(1));
        self.key = row_of(window, self.cursor).map(Subject::key).or_else(|| self.key.take());
        for row in &window.rows {
            if let Some(marked) = self.marks.get_mut(&row.key()) {
                *marked = row.clone();
            }
        }
        self.scroll(window.total);
    }

    fn scroll(&mut self, total: u64) {
        let last = total.saturating_sub(self.height);
        let least = self.cursor.saturating_add(1).saturating_sub(self.height);
        self.top = self.top.min(last).min(self.cursor).max(least);
        let (from, to) = (self.top, self.top.saturating_add(self.height).min(total));
        let (has, until) = (self.ask.offset, self.ask.offset.saturating_add(u64::from(self.ask.limit)));
        if from < has || to > until {
            self.aim();
        }
    }

    /// Asks for a screen before and a screen after the one in sight.
    fn aim(&mut self) {
        let limit = u32::try_from(self.height * 3).unwrap_or(MAX_ROWS).clamp(30, MAX_ROWS);
        self.ask = WindowAsk {
            filter: self.filter.clone(),
            sort: self.sort.clone(),
            offset: self.top.saturating_sub(self.height),
            limit,
        };
    }

    /// Marks the row, or takes its mark away. False when there is no room for another.
    pub fn mark(&mut self, row: &Subject) -> bool {
        let key = row.key();
        if self.marks.remove(&key).is_none() {
            if self.marks.len() >= MARKS {
                return false;
            }
            self.marks.insert(key, row.clone());
        }
        true
    }

    /// The command that lists the same.
    pub fn twin(&self) -> String {
        let mut text = format!("cutover {}", self.spec().verb);
        if let Some(run) = &self.of {
            text += &format!(" {run}");
        }
        if !self.filter.is_empty() {
            text += &format!(" {}", crate::plain::shell_option("--filter", &self.filter));
        }
        if let Some(sort) = &self.sort {
            let sign = if sort.descending { "-" } else { "" };
            text += &format!(" --sort={sign}{}", sort.field);
        }
        text
    }
}

/// The row of a window at a place of the whole list.
pub fn row_of(window: &Window<Subject>, row: u64) -> Option<&Subject> {
    let at = row.checked_sub(window.offset)?;
    window.rows.get(usize::try_from(at).ok()?)
}

#[cfg(test)]
mod tests;

//! Which rows of a list are wanted, in which order, from which place. What it means is said here once, for lists in memory;
//! the SQL of a store must mean the same, and a test holds one against the other.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use cutover_shared::filter::{Compare, Fields, Filter, FilterError, Term, Test, parse};
use cutover_shared::ids::TenantId;
use cutover_shared::window::{Window, WindowAsk};

/// A part of a filtered and sorted list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Select {
    pub filter: Filter,
    /// A field, and whether the order goes backwards; none for the list's own order.
    pub sort: Option<(&'static str, bool)>,
    /// Rows before the window. Past the end means the last full window.
    pub offset: u64,
    pub limit: u32,
    /// Ages count from here, in milliseconds since the epoch.
    pub now: i64,
    /// Tenants on the canary list, for lists that can be asked for them.
    pub canary: BTreeSet<TenantId>,
}

/// Why an ask makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error("{noun} can't be sorted by `{field}`")]
    Sort { noun: &'static str, field: String },
}

/// What a row holds in a field. A text compares by its bytes and is found in any case of the letters A to Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value<'a> {
    Text(Option<&'a str>),
    Number(Option<i64>),
    /// Milliseconds since the epoch. The greater the younger, which comes first.
    Moment(i64),
    Flag(bool),
}

impl Select {
    /// Understands what a client asks of a list with these fields.
    pub fn understand(fields: &Fields, ask: &WindowAsk, now: i64) -> Result<Self, SelectError> {
        let sort = match &ask.sort {
            None => None,
            Some(sort) => match fields.find(&sort.field) {
                Some(field) => Some((field.name, sort.descending)),
                None => return Err(SelectError::Sort { noun: fields.noun, field: sort.field.clone() }),
            },
        };
        Ok(Self {
            filter: parse(fields, &ask.filter)?,
            sort,
            offset: ask.offset,
            limit: ask.rows(),
            now,
            canary: BTreeSet::new(),
        })
    }

    /// The same with a canary list.
    #[must_use]
    pub fn with_canary(self, canary: BTreeSet<TenantId>) -> Self {
        Self { canary, ..self }
    }

    /// Where the window begins in a list of `total` rows.
    pub fn begin(&self, total: u64) -> u64 {
        if self.offset < total { self.offset } else { total.saturating_sub(self.limit.into()) }
    }

    /// Whether a row passes; `value` says what it holds in a field of this name.
    pub fn passes<'a>(&self, fields: &Fields, value: impl Fn(&'static str) -> Value<'a>) -> bool {
        self.filter.terms.iter().all(|term| self.holds(term, fields, &value) != term.negated)
    }

    fn holds<'a>(&self, term: &Term, fields: &Fields, value: &impl Fn(&'static str) -> Value<'a>) -> bool {
        match term.field {
            Some(field) => self.is(&term.test, value(field)),
            None => fields.all.iter().any(|field| field.is_name && self.is(&term.test, value(field.name))),
        }
    }

    fn is(&self, test: &Test, value: Value<'_>) -> bool {
        match (test, value) {
            (Test::Contains(texts), Value::Text(Some(value))) => {
                let value = value.to_ascii_lowercase();
                texts.iter().any(|text| value.contains(&text.to_ascii_lowercase()))
            }
            (Test::OneOf(words), Value::Text(Some(value))) => words.contains(&value),
            (Test::Equals(numbers), Value::Number(Some(value))) => numbers.contains(&value),
            (Test::Number(compare, number), Value::Number(Some(value))) => meets(*compare, value, *number),
            (Test::Age(compare, age), Value::Moment(at)) => {
                meets(*compare, self.now.saturating_sub(at), *age)
            }
            (Test::Is(wanted), Value::Flag(value)) => *wanted == value,
            _ => false,
        }
    }

    /// The window of rows that come in the list's own order.
    pub fn window<T>(
        &self,
        fields: &Fields,
        mut rows: Vec<T>,
        value: impl for<'a> Fn(&'a T, &'static str) -> Value<'a>,
    ) -> Window<T> {
        rows.retain(|row| self.passes(fields, |field| value(row, field)));
        if let Some((field, backwards)) = self.sort {
            rows.sort_by(|a, b| ascending(value(a, field), value(b, field)));
            if backwards {
                rows.reverse();
            }
        }
        let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let offset = self.begin(total);
        let begin = usize::try_from(offset).unwrap_or(usize::MAX);
        let rows = rows.into_iter().skip(begin).take(self.limit as usize).collect();
        Window { rows, offset, total }
    }
}

fn meets(compare: Compare, value: i64, bound: i64) -> bool {
    match compare {
        Compare::Less => value < bound,
        Compare::AtMost => value <= bound,
        Compare::More => value > bound,
        Compare::AtLeast => value >= bound,
    }
}

/// Nothing comes before something, the young before the old.
fn ascending(a: Value<'_>, b: Value<'_>) -> Ordering {
    match (a, b) {
        (Value::Moment(a), Value::Moment(b)) => b.cmp(&a),
        _ => a.cmp(&b),
    }
}

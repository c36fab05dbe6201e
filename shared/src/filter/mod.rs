//! Typed filters: `status:pending tenant:acme confidence<90 !reason:gone widget`. All terms must hold. A term without a field
//! looks for its text in the list's names. One grammar for the console, the command line and the daemon, which alone applies it.

mod fields;
mod parse;

pub use fields::{
    AUDIT, DELIVERIES, DISPATCHES, Field, Fields, INSTALLATIONS, INSTANCES, ITEMS, Kind, LINKS, RUNS,
    TENANTS, TOKENS, WORKFLOWS,
};
pub use parse::parse;

/// How a number compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    Less,
    AtMost,
    More,
    AtLeast,
}

/// What a term demands of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// A text field, or with no field any name: contains one of these, in any case.
    Contains(Vec<String>),
    /// A field of words: is one of these.
    OneOf(Vec<&'static str>),
    /// A field of numbers: is one of these.
    Equals(Vec<i64>),
    /// A field of numbers.
    Number(Compare, i64),
    /// A field of times: how long ago, in milliseconds. [`Compare::More`] is older.
    Age(Compare, i64),
    /// A field of yes and no.
    Is(bool),
}

/// One demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// None looks in all names of the list.
    pub field: Option<&'static str>,
    pub test: Test,
    /// The opposite is demanded.
    pub negated: bool,
}

/// All demands of a filter; none lets every row pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub terms: Vec<Term>,
}

/// Where a filter can't be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// Letters before the term that is wrong.
    pub at: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

#[cfg(test)]
mod tests;

//! The columns of a file, and what to say of a name that is none of them.

/// A column by its name, which is that of the JSON field as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    takes: Takes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Text,
    /// JSON may hold a number here: ids and times, of the application too.
    Number,
    Token,
}

impl Column {
    pub(super) const fn text(name: &'static str) -> Self {
        Self { name, takes: Takes::Text }
    }

    /// A text that JSON may hold as a number.
    pub(super) const fn number(name: &'static str) -> Self {
        Self { name, takes: Takes::Number }
    }

    /// The only column that may hold a token.
    pub(super) const fn token(name: &'static str) -> Self {
        Self { name, takes: Takes::Token }
    }

    pub(super) fn takes_number(self) -> bool {
        self.takes == Takes::Number
    }

    pub(super) fn takes_token(self) -> bool {
        self.takes == Takes::Token
    }

    /// What a JSON value of another type is told.
    pub(super) fn expected(self) -> &'static str {
        if self.takes_number() { "must be a string or a whole number" } else { "must be a string" }
    }

    /// How far `plain` is from the name, if somebody who wrote it probably meant this column.
    fn distance(self, plain: &str) -> Option<usize> {
        // Two edits make one short name out of another.
        let most = (self.name.len() / 3).min(2);
        Some(edits(plain, &self.name.to_ascii_lowercase())).filter(|distance| *distance <= most)
    }
}

/// The columns of a kind of file.
pub(super) struct Columns {
    /// Every one. Those without which a row says nothing come first.
    pub(super) all: &'static [Column],
    /// How many a row needs.
    pub(super) needed: usize,
    /// What is said of a token where none may be.
    pub(super) no_token: &'static str,
}

impl Columns {
    pub(super) fn needed(&self) -> &'static [Column] {
        &self.all[..self.needed]
    }

    /// `projectId, tenantId and repoFullName`.
    pub(super) fn needed_names(&self) -> String {
        let names = names(self.needed());
        names.rsplit_once(", ").map_or_else(|| names.clone(), |(others, last)| format!("{others} and {last}"))
    }

    /// The column with exactly this name.
    pub(super) fn named(&self, name: &str) -> Option<Column> {
        self.all.iter().copied().find(|column| column.name == name)
    }

    /// The column that somebody who wrote `name` probably meant.
    pub(super) fn near(&self, name: &str) -> Option<Column> {
        if name.len() > 40 {
            return None;
        }
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        let near = self.all.iter().filter_map(|column| Some((column.distance(&plain)?, *column)));
        near.min_by_key(|(distance, _)| *distance).map(|(_, column)| column)
    }

    /// What is wrong with a name that is no column's, and the mend.
    pub(super) fn unknown(&self, name: &str) -> String {
        match self.near(name) {
            Some(near) => format!("no such column: write {}", near.name),
            None => format!("no such column: leave it out, or write one of {}", names(self.all)),
        }
    }
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// A foreign column's name, if it looks like a name; else its number: a token may stand where a name should.
pub(super) fn shown(name: &str, at: usize) -> String {
    let like_a_name = !name.is_empty()
        && name.len() <= 30
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-. ".contains(c));
    if like_a_name { name.to_owned() } else { format!("column {}", at + 1) }
}

/// Levenshtein's distance. Both texts are at most 40 bytes.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

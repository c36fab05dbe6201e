//! Remarks that silence rules: `-- squawk-ignore RULE` above a statement, or in the head of the file for what is about all of it.

use std::ops::Range;

use crate::fleet::registry::token::{Comment, Tokens};

/// What the remarks of a file silence.
pub(super) struct Remarks<'t>(Vec<Remark<'t>>);

struct Remark<'t> {
    at: usize,
    /// It is about the whole file, wherever it stands.
    is_of_file: bool,
    rules: Vec<&'t str>,
}

impl<'t> Remarks<'t> {
    pub(super) fn of_sql(found: &Tokens<'t>) -> Self {
        let body = |comment: &Comment<'t>| {
            let line = comment.text.strip_prefix("--");
            line.or_else(|| comment.text.strip_prefix("/*").and_then(|text| text.strip_suffix("*/")))
        };
        let remarks = found.comments.iter();
        Self(remarks.filter_map(|comment| remark(body(comment)?, comment.at)).collect())
    }

    pub(super) fn of_toml(text: &'t str) -> Self {
        let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix('#'));
        Self(lines.filter_map(|body| remark(body, 0)).collect())
    }

    /// Whether a remark in this part of the file, or one about all of it, names the rule.
    pub(super) fn silence(&self, rule: &str, part: &Range<usize>) -> bool {
        let mut near = self.0.iter().filter(|remark| remark.is_of_file || part.contains(&remark.at));
        near.any(|remark| remark.rules.contains(&rule) || (remark.is_of_file && remark.rules.is_empty()))
    }
}

fn remark(body: &str, at: usize) -> Option<Remark<'_>> {
    let said = body.trim_start().strip_prefix("squawk-ignore")?;
    let (said, is_of_file) = match said.strip_prefix("-file") {
        Some(said) => (said, true),
        None => (said, false),
    };
    if said.starts_with(|c: char| !c.is_whitespace()) {
        return None;
    }
    // What comes after is the reason.
    let said = said.split("--").next().unwrap_or_default();
    let rules = said.split(|c: char| c == ',' || c.is_whitespace()).filter(|rule| !rule.is_empty()).collect();
    Some(Remark { at, is_of_file, rules })
}

//! What GitHub shows, for people: the facts first, then as much of the lists as a screen holds. `--json` has all of it.

use chrono::DateTime;
use cutover_shared::ids::InstallationId;
use serde_json::Value;

use super::Fetched;
use crate::plain::{Block, Cell, Column, Style, Table, Tone, age, clean, number, shell_word, time, wrap};

/// Rows of a list that are shown: the first.
const ROWS: usize = 20;

/// Comments that are shown: the newest.
const COMMENTS: usize = 5;

/// Lines of a text that are shown.
const LINES: usize = 8;

/// Letters of a commit's id that tell it apart.
const SHORT: usize = 12;

const FILES: &[Column] =
    &[Column::words("CHANGE"), Column::number("+"), Column::number("-"), Column::long("FILE")];

const COMMITS: &[Column] = &[Column::words("COMMIT"), Column::long("AUTHOR"), Column::long("MESSAGE")];

const BRANCHES: &[Column] = &[Column::long("BRANCH"), Column::words("COMMIT"), Column::words("PROTECTED")];

/// A text with its lines, without anything else that a terminal would obey.
pub(super) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for line in text.lines() {
        for (i, piece) in line.split('\t').enumerate() {
            if i > 0 {
                out.push('\t');
            }
            out += &clean(piece);
        }
        out.push('\n');
    }
    out
}

/// The text at a place, without the words for nothing.
fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

fn count(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or(0)
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

/// Milliseconds since the epoch of a moment that GitHub wrote.
fn moment(value: &Value, pointer: &str) -> Option<i64> {
    Some(DateTime::parse_from_rfc3339(at(value, pointer)?).ok()?.timestamp_millis())
}

fn when(value: &Value, pointer: &str, now: i64) -> Option<String> {
    moment(value, pointer).map(|at| format!("{} ({})", time(at), age(now, at)))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn short(sha: &str) -> &str {
    sha.get(..SHORT).unwrap_or(sha)
}

fn asked(block: &mut Block, installation: InstallationId) {
    block.line("Asked as", format!("installation {installation}"));
}

/// `7 more; --json has all`, where there are more than are shown.
fn rest(all: usize, shown: usize) -> String {
    let more = all.saturating_sub(shown);
    if more == 0 { String::new() } else { format!("{} more; --json has all\n", number(more as u64)) }
}

/// What an issue and a pull request share.
fn head(block: &mut Block, thing: &Value, now: i64) {
    block.maybe("Author", at(thing, "/user/login"));
    let labels: Vec<&str> = list(thing, "labels").iter().filter_map(|label| at(label, "/name")).collect();
    block.maybe("Labels", (!labels.is_empty()).then(|| labels.join(", ")));
    block.maybe("Opened", when(thing, "/created_at", now));
    block.maybe("Changed", when(thing, "/updated_at", now));
    block.maybe("Page", at(thing, "/html_url"));
}

fn files(all: &[Value], style: Style) -> String {
    if all.is_empty() {
        return String::new();
    }
    let row = |file: &Value| -> Vec<Cell> {
        let name = at(file, "/filename").unwrap_or_default();
        let name = match at(file, "/previous_filename") {
            Some(before) => format!("{before} -> {name}"),
            None => name.to_owned(),
        };
        vec![
            at(file, "/status").unwrap_or_default().into(),
            number(count(file, "additions")).into(),
            number(count(file, "deletions")).into(),
            name.into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = all.iter().take(ROWS).map(row).collect();
    format!("\n{}{}", Table::whole(FILES, &rows, style), rest(all.len(), ROWS))
}

fn comments(all: &[Value], now: i64, style: Style) -> String {
    let shown = all.len().min(COMMENTS);
    let mut text = String::new();
    for comment in &all[all.len() - shown..] {
        let who = clean(at(comment, "/user/login").unwrap_or("somebody")).into_owned();
        let ago = moment(comment, "/created_at").map_or(String::new(), |at| format!(", {}", age(now, at)));
        text += &format!("\n{}{ago}\n{}", style.paint(&who, Tone::Strong), body(comment, style));
    }
    if all.len() > shown {
        text += &format!("\n{} older comments; --json has all\n", number((all.len() - shown) as u64));
    }
    text
}

/// The beginning of what somebody wrote, indented.
fn body(thing: &Value, style: Style) -> String {
    let said = at(thing, "/body").unwrap_or_default();
    let mut lines = said.lines().flat_map(|line| wrap(&clean(line), style.measure() - 2));
    let mut text: String = lines
        .by_ref()
        .take(LINES)
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") })
        .collect();
    if lines.next().is_some() {
        text += "  ...\n";
    }
    text
}

/// What is not whole, in words.
fn gaps(block: &mut Block, found: &Value, of: &[(&str, &str)]) {
    for (field, words) in of {
        if found["complete"].get(field) == Some(&Value::Bool(false)) {
            block.toned("Not whole", *words, Tone::Warn);
        }
    }
}

pub(super) fn pull_request(found: &Fetched, now: i64, style: Style) -> String {
    let (value, pr) = (&found.value, &found.value["pr"]);
    let (files, comments) = (list(value, "files"), list(value, "comments"));
    let mut block = Block::new();
    let name = at(value, "/repository/full_name").unwrap_or_default();
    block.line(
        "Pull request",
        format!("{name}#{}, {}", count(pr, "number"), at(pr, "/title").unwrap_or_default()),
    );
    let (state, tone) = match (pr["merged"].as_bool(), pr["draft"].as_bool(), at(pr, "/state")) {
        (Some(true), ..) => ("merged", Tone::Good),
        (_, Some(true), Some("open")) => ("open, a draft", Tone::Warn),
        (.., state) => (state.unwrap_or("unknown"), Tone::Plain),
    };
    block.toned("State", state, tone);
    let (head_ref, base) = (at(pr, "/head/ref").unwrap_or("?"), at(pr, "/base/ref").unwrap_or("?"));
    block.line("Branches", format!("{head_ref} into {base}"));
    head(&mut block, pr, now);
    let sum = |field| files.iter().map(|file| count(file, field)).sum();
    let changes = format!("+{} -{}", number(sum("additions")), number(sum("deletions")));
    block.line("Files", format!("{}, {changes}", number(files.len() as u64)));
    block.line("Comments", number(comments.len() as u64));
    gaps(
        &mut block,
        value,
        &[
            ("diff", "GitHub makes no diff of this size"),
            ("files", "GitHub lists 3,000 files at most"),
            ("comments", "the first 1,000 comments are read"),
        ],
    );
    asked(&mut block, found.installation);
    block.render(style) + &self::files(files, style) + &self::comments(comments, now, style)
}

pub(super) fn issue(found: &Fetched, now: i64, style: Style) -> String {
    let (issue, comments) = (&found.value["issue"], list(&found.value, "comments"));
    let mut block = Block::new();
    block.line("Issue", format!("#{}, {}", count(issue, "number"), at(issue, "/title").unwrap_or_default()));
    block.line("State", at(issue, "/state").unwrap_or("unknown"));
    head(&mut block, issue, now);
    block.line("Comments", number(comments.len() as u64));
    if found.value["complete"] == false {
        block.toned("Not whole", "the first 1,000 comments are read", Tone::Warn);
    }
    asked(&mut block, found.installation);
    let said = body(issue, style);
    let said = if said.is_empty() { said } else { format!("\n{said}") };
    block.render(style) + &said + &self::comments(comments, now, style)
}

pub(super) fn commit(found: &Fetched, now: i64, style: Style) -> String {
    let (commit, files) = (&found.value["commit"], list(&found.value, "diff"));
    let mut block = Block::new();
    block.line("Commit", at(commit, "/sha").unwrap_or_default());
    block.maybe("Message", at(commit, "/commit/message").map(first_line));
    let mail = at(commit, "/commit/author/email").map_or(String::new(), |mail| format!(" <{mail}>"));
    block.maybe("Author", at(commit, "/commit/author/name").map(|name| format!("{name}{mail}")));
    block.maybe("Written", when(commit, "/commit/author/date", now));
    let parents: Vec<&str> =
        list(commit, "parents").iter().filter_map(|parent| at(parent, "/sha").map(short)).collect();
    block.maybe("Parents", (!parents.is_empty()).then(|| parents.join(", ")));
    let stats = &commit["stats"];
    let changes = format!("+{} -{}", number(count(stats, "additions")), number(count(stats, "deletions")));
    let all = number(files.len() as u64);
    block.line("Files", if stats.is_object() { format!("{all}, {changes}") } else { all });
    block.maybe("Page", at(commit, "/html_url"));
    asked(&mut block, found.installation);
    block.render(style) + &self::files(files, style)
}

pub(super) fn compare(found: &Fetched, _now: i64, style: Style) -> String {
    let value = &found.value;
    let (commits, files) = (list(value, "commits"), list(value, "files"));
    let mut block = Block::new();
    let ahead = number(count(value, "ahead_by"));
    let behind = number(count(value, "behind_by"));
    let state = at(value, "/status").unwrap_or("unknown");
    block.line("State", format!("{state}: {ahead} ahead, {behind} behind"));
    block.line("Commits", number(count(value, "total_commits")));
    block.line("Files", number(files.len() as u64));
    block.maybe("Page", at(value, "/html_url"));
    asked(&mut block, found.installation);
    let row = |commit: &Value| -> Vec<Cell> {
        vec![
            short(at(commit, "/sha").unwrap_or_default()).into(),
            at(commit, "/commit/author/name").unwrap_or_default().into(),
            first_line(at(commit, "/commit/message").unwrap_or_default()).into(),
        ]
    };
    // The newest are the last of GitHub's list.
    let shown = commits.len().min(ROWS);
    let rows: Vec<Vec<Cell>> = commits[commits.len() - shown..].iter().map(row).collect();
    let mut text = block.render(style);
    if !rows.is_empty() {
        text += &format!("\n{}{}", Table::whole(COMMITS, &rows, style), rest(commits.len(), shown));
    }
    text + &self::files(files, style)
}

pub(super) fn branches(found: &Fetched, _now: i64, style: Style) -> String {
    let branches = list(&found.value, "branches");
    if branches.is_empty() {
        return "no branches\n".to_owned();
    }
    let row = |branch: &Value| -> Vec<Cell> {
        vec![
            at(branch, "/name").unwrap_or_default().into(),
            short(at(branch, "/commit/sha").unwrap_or_default()).into(),
            if branch["protected"] == true { "yes" } else { "no" }.into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = branches.iter().map(row).collect();
    let more = at(&found.value, "/next")
        .map_or(String::new(), |next| format!("more: --after {}\n", shell_word(&clean(next))));
    Table::whole(BRANCHES, &rows, style) + &more
}

pub(super) fn posted(subject: &str, installation: InstallationId, comment: &Value, style: Style) -> String {
    let mut block = Block::new();
    block.toned("Posted", format!("comment {} on {subject}", comment["id"]), Tone::Good);
    block.maybe("Page", at(comment, "/html_url"));
    block.line("In the name of", format!("the App, as installation {installation}"));
    block.render(style)
}

#[cfg(test)]
mod tests;

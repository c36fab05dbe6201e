//! What is written from the table: the commented file of `cutoverd init` and the key lists of
//! `docs/configuration.md`.

use std::fmt::Write as _;

use super::key::{Key, Need};
use super::table::{KEYS, SECTIONS, Section};

/// The generated part of `docs/configuration.md` stands between these lines.
pub const BEGIN: &str = "<!-- keys: written from daemon/src/config/table.rs -->";
/// See [`BEGIN`].
pub const END: &str = "<!-- end of keys -->";

/// The widest line of a comment in the commented file.
const WIDTH: usize = 100;

/// The Markdown of all sections and keys.
pub fn markdown() -> String {
    let mut out = String::new();
    for section in SECTIONS {
        let _ = writeln!(out, "### {}\n\n{}\n", heading(section), section.doc);
        out.push_str("| key | value | default | environment | what it is for |\n|---|---|---|---|---|\n");
        for key in keys_of(section) {
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {} | {} |",
                key.field(),
                value(key),
                default(key),
                variables(key),
                cell(key.doc)
            );
        }
        out.push('\n');
    }
    out
}

fn heading(section: &Section) -> String {
    match section.name {
        "" => "At the top".to_owned(),
        name if name.ends_with("[]") => format!("`[[{}]]`", name.trim_end_matches("[]")),
        name => format!("`[{name}]`"),
    }
}

fn keys_of(section: &Section) -> impl Iterator<Item = &'static Key> {
    let name = section.name;
    KEYS.iter().filter(move |key| key.section() == name)
}

fn value(key: &Key) -> String {
    let range = key.kind.range().map(|range| format!(", {range}")).unwrap_or_default();
    cell(&format!("{}{range}; `{}`", key.kind.expected(), key.example))
}

fn default(key: &Key) -> String {
    match key.need {
        Need::Required => "**required**".to_owned(),
        Need::Optional => "not set".to_owned(),
        Need::Default(literal) => format!("`{literal}`"),
        Need::Derived(how) => cell(how),
    }
}

fn variables(key: &Key) -> String {
    let names: Vec<String> = key.environment_names().iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A line of the commented file that is not a comment: a key and its value in TOML.
pub type Assignment<'a> = (&'a str, String);

/// The commented file: every key with its sentence; `assignments` are written out, all others are comments.
pub fn commented_file(assignments: &[Assignment<'_>]) -> String {
    let mut out = String::from(
        "# The configuration of cutoverd. Every key is here; one behind # is not set, and has its default if it has one.\n\
         # `cutoverd check` reads this file and the environment, and names every mistake with its place and mend.\n\
         # Secrets are best kept in files of mode 0600 (`NAME_file`), in the environment, or in systemd's credentials.\n",
    );
    for section in SECTIONS {
        let _ = write!(
            out,
            "\n# {} {}\n",
            "-".repeat(8),
            if section.name.is_empty() { "the daemon" } else { section.name.trim_end_matches("[]") }
        );
        comment(&mut out, section.doc);
        match section.name {
            "" => {}
            name if name.ends_with("[]") => {
                let _ = writeln!(out, "#[[{}]]", name.trim_end_matches("[]"));
            }
            name => {
                let _ = writeln!(out, "[{name}]");
            }
        }
        for key in keys_of(section) {
            out.push('\n');
            entry(&mut out, key, assignments);
        }
    }
    out
}

fn entry(out: &mut String, key: &Key, assignments: &[Assignment<'_>]) {
    comment(out, key.doc);
    let mut notes = Vec::new();
    match key.need {
        Need::Required => notes.push("Required.".to_owned()),
        Need::Derived(how) => notes.push(format!("Default: {how}.")),
        Need::Default(_) | Need::Optional => {}
    }
    if let Some(range) = key.kind.range() {
        notes.push(format!("From {range}."));
    }
    if let Some(name) = key.environment_names().last() {
        notes.push(format!("Environment: {name}."));
    }
    comment(out, &notes.join(" "));
    let field = if key.is_secret() { format!("{}_file", key.field()) } else { key.field().to_owned() };
    let given = assignments.iter().find(|(name, _)| *name == key.name).map(|(_, value)| value.as_str());
    let _ = match (given, key.need) {
        (Some(value), _) => writeln!(out, "{} = {value}", key.field()),
        (None, Need::Default(literal)) => writeln!(out, "#{} = {literal}", key.field()),
        (None, Need::Required | Need::Optional | Need::Derived(_)) if key.is_secret() => {
            writeln!(out, "#{field} = \"/etc/cutover/{field}\"")
        }
        (None, Need::Required | Need::Optional | Need::Derived(_)) => {
            writeln!(out, "#{} = {}", key.field(), key.example)
        }
    };
}

/// A paragraph behind `# `, wrapped at spaces.
fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + word.chars().count() >= WIDTH {
            let _ = writeln!(out, "{line}");
            "#".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > 1 {
        let _ = writeln!(out, "{line}");
    }
}

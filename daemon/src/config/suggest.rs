//! "Did you mean": the known key that is nearest to a written one.

use super::key::Key;
use super::table::{KEYS, SECTIONS};
use crate::near::nearest;

/// A key or section that somebody may have meant with the path `written`, as it is written in the file.
pub(super) fn path(written: &str) -> Option<String> {
    let (section, field) = written.rsplit_once('.').unwrap_or(("", written));
    let in_section: Vec<String> =
        KEYS.iter().filter(|key| key.section() == section).flat_map(fields).collect();
    if let Some(field) = nearest(field, in_section.iter().map(String::as_str)) {
        return Some(if section.is_empty() { field.to_owned() } else { format!("{section}.{field}") });
    }
    // A right key in the wrong section.
    let misplaced = KEYS.iter().find(|key| fields(key).iter().any(|name| name == field));
    if let Some(key) = misplaced {
        return Some(if key.section().is_empty() {
            field.to_owned()
        } else {
            format!("{}.{field}", key.section())
        });
    }
    // Inside a section that exists, the likeness of whole paths would only be that of the section's name.
    if section.is_empty() || SECTIONS.iter().any(|known| known.name == section) {
        let sections =
            SECTIONS.iter().map(|known| known.name.trim_end_matches("[]")).filter(|name| !name.is_empty());
        return nearest(written, sections.filter(|_| section.is_empty())).map(str::to_owned);
    }
    let whole: Vec<String> = KEYS
        .iter()
        .flat_map(|key| fields(key).into_iter().map(|field| format!("{}.{field}", key.section())))
        .collect();
    nearest(written, whole.iter().map(String::as_str)).map(str::to_owned)
}

/// A variable that somebody may have meant with `written`.
pub(super) fn variable(written: &str) -> Option<String> {
    let names: Vec<String> = KEYS.iter().flat_map(Key::variables_taken).collect();
    nearest(written, names.iter().map(String::as_str)).map(str::to_owned)
}

fn fields(key: &Key) -> Vec<String> {
    let mut fields = vec![key.field().to_owned()];
    if key.is_secret() {
        fields.push(format!("{}_file", key.field()));
    }
    fields
}

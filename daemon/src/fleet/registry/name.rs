//! What a file's name says: `0002_add_tags.up.sql`.

use cutover_shared::fleet::Way;

/// Longer ids make tables unreadable.
const LONGEST: usize = 100;

/// What a migration's file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Sql,
    Toml,
}

/// A name that is one of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileName {
    /// `0002_add_tags`
    pub(super) id: String,
    pub(super) version: u32,
    /// `add tags`
    pub(super) name: String,
    pub(super) way: Way,
    pub(super) form: Form,
}

/// What is to be done with a file of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Migration(FileName),
    /// It has nothing to do with us: `README.md`, hidden files, what editors leave.
    Ignored,
    /// It is meant to be one, and would silently not be run.
    NearMiss {
        message: String,
        help: String,
    },
}

/// Reads a name.
pub(super) fn named(file: &str) -> Named {
    let lower = file.to_ascii_lowercase();
    if file.starts_with('.') || lower.ends_with('~') {
        return Named::Ignored;
    }
    let form = match lower.rsplit_once('.').map(|(_, last)| last) {
        Some("sql") => Some(Form::Sql),
        Some("toml") => Some(Form::Toml),
        _ => None,
    };
    let Some(form) = form else { return Named::Ignored };
    // A TOML file without a number or a way is some tool's configuration.
    let is_meant =
        form == Form::Sql || lower.starts_with(|c: char| c.is_ascii_digit()) || way(&lower).is_some();
    match exact(file, form) {
        Ok(name) => Named::Migration(name),
        Err(_) if !is_meant => Named::Ignored,
        Err(message) => Named::NearMiss { message, help: mend(&lower, form) },
    }
}

fn way(lower: &str) -> Option<Way> {
    let stem = lower.rsplit_once('.').map_or(lower, |(stem, _)| stem);
    match stem.rsplit_once('.').map(|(_, last)| last) {
        Some("up") => Some(Way::Up),
        Some("down") => Some(Way::Down),
        _ => None,
    }
}

/// The name, or what is wrong with it.
fn exact(file: &str, form: Form) -> Result<FileName, String> {
    let (stem, way) = ["up", "down"]
        .into_iter()
        .zip([Way::Up, Way::Down])
        .find_map(|(word, way)| {
            let end = match form {
                Form::Sql => ".sql",
                Form::Toml => ".toml",
            };
            file.strip_suffix(end)?.strip_suffix(word)?.strip_suffix('.').map(|stem| (stem, way))
        })
        .ok_or_else(|| "the name says neither `.up` nor `.down` before its ending".to_owned())?;
    let digits = stem.len() - stem.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = stem.split_at(digits);
    if !(3..=6).contains(&digits) {
        return Err(format!("the name begins with {digits} digits, not with 3 to 6"));
    }
    let version = number.parse().map_err(|_| "the name begins with no number".to_owned())?;
    if version == 0 {
        return Err("versions begin with 1".to_owned());
    }
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let name =
        rest.strip_prefix('_').filter(|name| name.chars().all(is_word) && !name.trim_matches('_').is_empty());
    let Some(name) = name else {
        return Err("after the number come `_` and a name of a to z, 0 to 9 and `_`".to_owned());
    };
    if stem.len() > LONGEST {
        return Err(format!("the name is longer than {LONGEST} letters"));
    }
    Ok(FileName { id: stem.to_owned(), version, name: name.replace('_', " "), way, form })
}

/// How it would be right, as far as that can be guessed.
fn mend(lower: &str, form: Form) -> String {
    let end = match form {
        Form::Sql => "sql",
        Form::Toml => "toml",
    };
    let usual = format!("name it NNNN_name.up.{end} or NNNN_name.down.{end}, or move it out of the folder");
    let way = match way(lower) {
        Some(Way::Down) => "down",
        Some(Way::Up) | None => "up",
    };
    let stem = lower.trim_end_matches(end).trim_end_matches('.');
    let stem = stem.strip_suffix(&format!(".{way}")).unwrap_or(stem);
    let digits = stem.len() - stem.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = stem.split_at(digits);
    let name: Vec<&str> =
        rest.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let better = format!("{number:0>3}_{}.{way}.{end}", name.join("_"));
    match exact(&better, form) {
        Ok(_) if digits > 0 => format!("name it {better}, or move it out of the folder"),
        _ => usual,
    }
}

#[cfg(test)]
mod tests;

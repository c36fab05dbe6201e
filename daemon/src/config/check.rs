//! `cutoverd check`: the effective value of every key and where it comes from, or every mistake.

use std::fmt::Write as _;
use std::path::Path;

use secrecy::ExposeSecret;

use super::database::Database;
use super::env::Env;
use super::gather::{Origin, Values};
use super::key::{Key, Kind, SecretForm, in_words};
use super::settings::Config;
use super::table::KEYS;
use super::value::Value;
use super::{Loaded, Mistakes};

/// One effective value, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `github.app_id`, or `operators`, `probes` or `ofrep_keys` for each of them.
    pub key: &'static str,
    /// As it is written in TOML. `[set]` stands for a secret; a database is shown without user and password.
    pub shown: String,
    pub origin: Origin,
}

/// What `cutoverd check` prints, and whether the daemon could start with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    pub text: String,
    pub ok: bool,
}

/// Loads the configuration and says what it is. Starts nothing and writes nothing.
pub fn run_check(path: Option<&Path>, env: &Env) -> CheckReport {
    match Config::load(path, env) {
        Ok(loaded) => CheckReport { text: report(&loaded), ok: true },
        Err(mistakes) => CheckReport { text: failure(&mistakes), ok: false },
    }
}

fn report(loaded: &Loaded) -> String {
    let file = loaded.file.as_ref().map_or("no file".to_owned(), |file| file.display().to_string());
    let mut text = format!("configuration from {file}\n\n");
    let key_width = loaded.settings.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
    let value_width = loaded
        .settings
        .iter()
        .map(|setting| setting.shown.chars().count())
        .filter(|width| *width <= 44)
        .max()
        .unwrap_or(0);
    for setting in &loaded.settings {
        // Writing to a String can't fail.
        let _ =
            writeln!(text, "{:key_width$}  {:value_width$}  {}", setting.key, setting.shown, setting.origin);
    }
    text.push_str("\nno mistakes\n");
    text
}

fn failure(mistakes: &Mistakes) -> String {
    format!("{mistakes}\n")
}

/// Every effective value, in the table's order.
pub(super) fn settings(values: &Values, config: &Config) -> Vec<Setting> {
    let mut settings = Vec::new();
    for key in KEYS {
        if key.is_repeated() {
            match key.name {
                "operators[].uid" => settings.extend(operators(values, config)),
                "probes[].name" => settings.extend(probes(values, config)),
                "ofrep_keys[].name" => settings.extend(ofrep_keys(values, config)),
                _ => {}
            }
            continue;
        }
        if let Some(found) = values.found.get(key.name) {
            settings.push(Setting {
                key: key.name,
                shown: shown(key, &found.value),
                origin: found.origin.clone(),
            });
        }
    }
    settings
}

fn operators(values: &Values, config: &Config) -> Vec<Setting> {
    let each = config.operators.iter().zip(&values.operators);
    each.map(|(operator, section)| Setting {
        key: "operators",
        shown: format!("{} (uid {}, {})", operator.name, operator.uid, operator.role),
        origin: Origin::Written(section.place.clone()),
    })
    .collect()
}

fn probes(values: &Values, config: &Config) -> Vec<Setting> {
    let each = config.probes.iter().zip(&values.probes);
    each.map(|(probe, section)| Setting {
        key: "probes",
        // The address is not shown: its query may hold what only its service should know.
        shown: format!(
            "{} ({}{})",
            probe.name,
            if probe.end_event.is_some() { "sse" } else { "http" },
            if probe.post.is_some() { ", POST" } else { "" },
        ),
        origin: Origin::Written(section.place.clone()),
    })
    .collect()
}

fn ofrep_keys(values: &Values, config: &Config) -> Vec<Setting> {
    let each = config.ofrep_keys.iter().zip(&values.ofrep_keys);
    each.map(|(key, section)| Setting {
        key: "ofrep_keys",
        shown: match key.tenants.len() {
            0 => format!("{} ({})", key.name, key.scope.word()),
            count => format!("{} ({}, tenants: {count})", key.name, key.scope.word()),
        },
        origin: Origin::Written(section.place.clone()),
    })
    .collect()
}

fn shown(key: &Key, value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Flag(flag) => flag.to_string(),
        Value::Whole(number) => number.to_string(),
        Value::Length(length) => format!("\"{}\"", in_words(*length)),
        Value::Path(path) => format!("\"{}\"", path.display()),
        Value::List(list) if list.len() > 8 => format!("{} entries", list.len()),
        Value::List(list) => format!("{list:?}"),
        Value::Secret(url) if key.kind == Kind::Secret(SecretForm::DatabaseUrl) => {
            Database::parse(url.expose_secret(), Path::new(""))
                .map_or("[set]".to_owned(), |database| database.to_string())
        }
        Value::Secret(_) => "[set]".to_owned(),
    }
}

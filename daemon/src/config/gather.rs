//! Brings together what the defaults, the file, systemd's credentials and the environment say; the later wins.
//! Every value is checked, also one that another overrides.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use toml::Spanned;
use toml::de::DeValue;

use super::env::Env;
use super::file::{Contents, Entry, Text};
use super::key::{Key, Kind, Need, SecretForm};
use super::mistake::{Mistake, MistakeKind, Mistakes, Place};
use super::secret::{self, Guard};
use super::suggest;
use super::table::KEYS;
use super::value::{self, Complaint, Value};

/// `CUTOVER_*` variables that are not keys: where the configuration is.
const NOT_KEYS: [&str; 1] = ["CUTOVER_CONFIG"];

/// Where an effective value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The table, or worked out from other values.
    Default,
    /// Somebody wrote it there.
    Written(Place),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Written(Place::Variable(name)) => f.write_str(name),
            Self::Written(place) => place.fmt(f),
        }
    }
}

/// An effective value.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// The fields of one repeated section.
pub(super) struct Repeated {
    pub(super) fields: BTreeMap<&'static str, Found>,
    pub(super) place: Place,
}

/// All effective values.
pub(super) struct Values {
    pub(super) found: BTreeMap<&'static str, Found>,
    pub(super) operators: Vec<Repeated>,
    pub(super) probes: Vec<Repeated>,
    pub(super) ofrep_keys: Vec<Repeated>,
    /// What the whole speaks of when no single value is to blame.
    pub(super) whole: Place,
}

impl Values {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.found.get(name).map(|found| &found.value)
    }

    /// Somebody wrote it; a default doesn't count.
    pub(super) fn is_written(&self, name: &str) -> bool {
        self.found.get(name).is_some_and(|found| found.origin != Origin::Default)
    }

    /// Where to point for this key.
    pub(super) fn place(&self, name: &str) -> Place {
        match self.found.get(name).map(|found| &found.origin) {
            Some(Origin::Written(place)) => place.clone(),
            Some(Origin::Default) | None => self.whole.clone(),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn whole_number(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Value::Whole(number)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Some(Value::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub(super) fn length(&self, name: &str) -> Option<Duration> {
        match self.get(name) {
            Some(Value::Length(length)) => Some(*length),
            _ => None,
        }
    }

    pub(super) fn path(&self, name: &str) -> Option<&Path> {
        match self.get(name) {
            Some(Value::Path(path)) => Some(path),
            _ => None,
        }
    }

    pub(super) fn list(&self, name: &str) -> Option<&[String]> {
        match self.get(name) {
            Some(Value::List(list)) => Some(list),
            _ => None,
        }
    }

    pub(super) fn secret(&self, name: &str) -> Option<&SecretString> {
        match self.get(name) {
            Some(Value::Secret(secret)) => Some(secret),
            _ => None,
        }
    }
}

/// Where values are looked for.
pub(super) struct Sources<'a> {
    pub(super) text: Option<&'a Text>,
    pub(super) contents: Contents<'a>,
    pub(super) env: &'a Env,
}

/// Finds and checks the value of every key.
pub(super) fn gather(sources: &Sources<'_>, mistakes: &mut Mistakes) -> Values {
    let whole = sources.text.map_or(Place::Nowhere, Text::whole);
    let mut values = Values {
        found: BTreeMap::new(),
        operators: Vec::new(),
        probes: Vec::new(),
        ofrep_keys: Vec::new(),
        whole,
    };
    for key in KEYS.iter().filter(|key| !key.is_repeated()) {
        let mut written = false;
        values.found.extend(by_default(key));
        for candidate in sources.of(key, mistakes) {
            written = true;
            match candidate {
                Ok(found) => {
                    values.found.insert(key.name, found);
                }
                Err(mistake) => {
                    values.found.remove(key.name);
                    mistakes.push(*mistake);
                }
            }
        }
        // With broken syntax a key may well be there, where nobody can see it.
        if !written && key.need == Need::Required && !mistakes.has_syntax() {
            mistakes.push(missing(key, sources.section_place(key.section())));
        }
    }
    values.operators = sources.repeated("operators[]", mistakes);
    values.probes = sources.repeated("probes[]", mistakes);
    values.ofrep_keys = sources.repeated("ofrep_keys[]", mistakes);
    sources.unknown_variables(mistakes);
    values
}

type Candidate = Result<Found, Box<Mistake>>;

impl Sources<'_> {
    /// What is written for a key, the weakest first.
    fn of(&self, key: &'static Key, mistakes: &mut Mistakes) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        let in_file: Vec<&Entry<'_>> =
            self.contents.entries.iter().filter(|entry| entry.key.name == key.name).collect();
        if let (Some(text), Some(entry)) = (self.text, in_file.get(1)) {
            let what = format!("`{0}` and `{0}_file` exclude each other", key.field());
            let place = text.place(entry.value.span().start);
            mistakes.push(Mistake::new(
                MistakeKind::Contradiction,
                key.name,
                place,
                what,
                "remove one of them",
            ));
        }
        if let Some(text) = self.text {
            candidates.extend(in_file.into_iter().map(|entry| from_entry(text, entry)));
        }
        candidates.extend(self.credential(key));
        candidates.extend(self.variables(key, mistakes));
        candidates
    }

    /// `$CREDENTIALS_DIRECTORY/github.private_key`, as `LoadCredential=` of systemd puts it there.
    fn credential(&self, key: &'static Key) -> Option<Candidate> {
        let path = self.env.folder("CREDENTIALS_DIRECTORY").filter(|_| key.is_secret())?.join(key.name);
        path.exists().then(|| {
            let place = Place::File(path.clone());
            let checked =
                secret::read(&path, Guard::Systemd).and_then(|text| value::from_text(&key.kind, &text));
            settle(key.name, place.clone(), place, checked)
        })
    }

    fn variables(&self, key: &'static Key, mistakes: &mut Mistakes) -> Vec<Candidate> {
        let mut seen: Vec<(String, &str)> = Vec::new();
        let mut candidates = Vec::new();
        for name in key.environment_names() {
            let as_file = format!("{name}_FILE");
            if let Some(text) = self.env.get(&name) {
                let place = Place::Variable(name.clone());
                candidates.push(settle(key.name, place.clone(), place, from_variable(&key.kind, text)));
                seen.push((name, text));
            }
            if let (true, Some(path)) = (key.is_secret(), self.env.get(&as_file)) {
                let place = Place::Variable(as_file.clone());
                let checked = from_variable(&Kind::Path, path).and_then(|path| held(key, path));
                candidates.push(settle(key.name, place.clone(), place, checked));
                seen.push((as_file, path));
            }
        }
        if let [(first, one), rest @ ..] = seen.as_slice()
            && let Some((second, _)) = rest
                .iter()
                .find(|(name, other)| other != one || name.ends_with("_FILE") != first.ends_with("_FILE"))
        {
            let what = format!("{first} and {second} say different things about the same key");
            let place = Place::Variable(second.clone());
            mistakes.push(Mistake::new(
                MistakeKind::Contradiction,
                key.name,
                place,
                what,
                "unset one of them",
            ));
        }
        candidates
    }

    fn repeated(&self, section: &str, mistakes: &mut Mistakes) -> Vec<Repeated> {
        let Some(text) = self.text else { return Vec::new() };
        let keys = || KEYS.iter().filter(|key| key.section() == section);
        let mut sections = BTreeMap::new();
        for (_, index, at) in self.contents.sections.iter().filter(|(name, ..)| name == section) {
            let fields = keys().filter_map(by_default).collect();
            sections.insert(*index, Repeated { fields, place: text.place(*at) });
        }
        let mut written = BTreeSet::new();
        for entry in self.contents.entries.iter().filter(|entry| entry.key.section() == section) {
            written.insert((entry.index, entry.key.name));
            match (from_entry(text, entry), sections.get_mut(&entry.index)) {
                (Ok(found), Some(section)) => {
                    section.fields.insert(entry.key.name, found);
                }
                (Ok(_), None) => {}
                (Err(mistake), _) => mistakes.push(*mistake),
            }
        }
        for (index, section) in sections.iter().filter(|_| !mistakes.has_syntax()).collect::<Vec<_>>() {
            let required = keys().filter(|key| key.need == Need::Required);
            for key in required.filter(|key| !written.contains(&(*index, key.name))) {
                mistakes.push(missing(key, section.place.clone()));
            }
        }
        sections.into_values().collect()
    }

    fn unknown_variables(&self, mistakes: &mut Mistakes) {
        let known: BTreeSet<String> = KEYS.iter().flat_map(Key::variables_taken).collect();
        for name in self.env.names().filter(|name| name.starts_with("CUTOVER_")) {
            if known.contains(name) || NOT_KEYS.contains(&name) {
                continue;
            }
            let mend = match (mistakes.is_full(), suggest::variable(name)) {
                (false, Some(near)) => format!("did you mean {near}?"),
                _ => "unset it; docs/configuration.md lists every variable".to_owned(),
            };
            let place = Place::Variable(name.to_owned());
            mistakes.push(Mistake::new(MistakeKind::Unknown, name, place, "no key has this variable", mend));
        }
    }

    fn section_place(&self, section: &str) -> Place {
        let Some(text) = self.text else { return Place::Nowhere };
        let header = self.contents.sections.iter().find(|(name, _, _)| name == section);
        header.map_or_else(|| text.whole(), |(_, _, at)| text.place(*at))
    }
}

/// The value when nothing is said.
fn by_default(key: &'static Key) -> Option<(&'static str, Found)> {
    let Need::Default(literal) = key.need else { return None };
    let value = value::from_toml(&key.kind, &DeValue::parse(literal).ok()?).ok()?;
    Some((key.name, Found { value, origin: Origin::Default }))
}

fn from_entry(text: &Text, entry: &Entry<'_>) -> Candidate {
    let place = text.place(entry.value.span().start);
    let (name, checked) = if entry.as_file {
        let path = value::from_toml(&Kind::Path, &entry.value).map(|path| rooted(path, &text.folder()));
        (format!("{}_file", entry.key.name), path.and_then(|path| held(entry.key, path)))
    } else {
        let value =
            value::from_toml(&entry.key.kind, &entry.value).map(|value| rooted(value, &text.folder()));
        let exposed = text.exposed && holds_secret(entry.key, &entry.value);
        (entry.key.name.to_owned(), if exposed { value.and_then(|_| Err(exposed_file(text))) } else { value })
    };
    let blamed = match &checked {
        Err(Complaint { at: Some(at), .. }) => text.place(*at),
        _ => place.clone(),
    };
    settle(&name.replace("[]", ""), blamed, place, checked)
}

/// An address of an SQLite file has no password, so it may stand where others can read it.
fn holds_secret(key: &Key, value: &Spanned<DeValue<'_>>) -> bool {
    let sqlite = value.get_ref().as_str().is_some_and(|text| text.trim_start().starts_with("sqlite:"));
    key.is_secret() && !(sqlite && key.kind == Kind::Secret(SecretForm::DatabaseUrl))
}

fn exposed_file(text: &Text) -> Complaint {
    let Place::File(path) = text.whole() else {
        return Complaint::new(MistakeKind::Exposed, "others can read this secret", "chmod 600 the file");
    };
    Complaint::new(
        MistakeKind::Exposed,
        "a secret stands in a configuration file that others on this machine can read",
        format!("chmod 600 {}, or move the secret to a file of its own", path.display()),
    )
}

fn from_variable(kind: &Kind, text: &str) -> Result<Value, Complaint> {
    let value = value::from_text(kind, text)?;
    Ok(match value {
        Value::Path(path) => Value::Path(std::path::absolute(&path).unwrap_or(path)),
        other => other,
    })
}

/// The secret that a file holds.
fn held(key: &Key, path: Value) -> Result<Value, Complaint> {
    let path = if let Value::Path(path) = path { path } else { PathBuf::new() };
    let text = secret::read(&path, Guard::Mode)?;
    value::from_text(&key.kind, &text)
}

fn rooted(value: Value, folder: &Path) -> Value {
    match value {
        Value::Path(path) => Value::Path(folder.join(path)),
        other => other,
    }
}

fn settle(name: &str, blamed: Place, place: Place, checked: Result<Value, Complaint>) -> Candidate {
    match checked {
        Ok(value) => Ok(Found { value, origin: Origin::Written(place) }),
        Err(complaint) => {
            let mistake = Mistake::new(complaint.kind, name, blamed, complaint.what, complaint.mend);
            Err(Box::new(mistake))
        }
    }
}

fn missing(key: &Key, place: Place) -> Mistake {
    let line = if key.is_secret() {
        format!("{}_file = \"/path/to/file\"", key.field())
    } else {
        format!("{} = {}", key.field(), key.example)
    };
    let section = key.section();
    let here = match section {
        "" => format!("write `{line}` at the top"),
        repeated if key.is_repeated() => {
            format!("write `{line}` under [[{}]]", repeated.trim_end_matches("[]"))
        }
        section => format!("write `{line}` under [{section}]"),
    };
    // The name that the references use comes last and is the better known one.
    let mend = match key.environment_names().last() {
        Some(name) if key.is_secret() => format!("{here}, or set {name} or {name}_FILE"),
        Some(name) => format!("{here}, or set {name}"),
        None => here,
    };
    let what = "is required and not set";
    Mistake::new(MistakeKind::Missing, key.name.replace("[]", ""), place, what, mend)
}

//! The probes: what can't be seen at one value alone.

use std::collections::BTreeMap;

use http::Uri;

use super::address;
use super::gather::{Repeated, Values};
use super::mistake::{Mistake, MistakeKind, Mistakes, Place};
use super::settings::{Post, Probe};
use super::value::{Value, quoted};

/// Most probes.
const MOST: usize = 32;

/// What may stand in an address.
const NAMES: [&str; 3] = ["project", "tenant", "repository"];

/// The probes; each name belongs to one, and no address leads to a host that a project could choose.
pub(super) fn probes(values: &Values, mistakes: &mut Mistakes) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    let strict = matches!(values.text("environment"), Some("staging" | "production"));
    for (index, section) in values.probes.iter().enumerate() {
        let mut wrong = |kind, key: &str, what: &str, mend: &str| {
            mistakes.push(Mistake::new(kind, key, section.place.clone(), what, mend));
        };
        if index == MOST {
            wrong(MistakeKind::OutOfRange, "probes", "there are more than 32 probes", "take some out");
            break;
        }
        let Some(probe) = probe(section) else { continue };
        if let Some(first) = seen.insert(probe.name.clone(), section.place.clone()) {
            let what = format!("name {} also stands at {first}", probe.name);
            wrong(MistakeKind::Contradiction, "probes.name", &what, "give each probe a name of its own");
        }
        let filled = match filled(&probe.url) {
            Ok(filled) => filled,
            Err((what, mend)) => {
                wrong(MistakeKind::WrongType, "probes.url", &format!("{what}: {}", quoted(&probe.url)), mend);
                continue;
            }
        };
        if let Err((what, mend)) = sendable(section, &probe) {
            wrong(MistakeKind::WrongType, "probes.body", what, mend);
        }
        if strict && probe.token.is_some() && address::in_clear(&filled) {
            let mend =
                "write https://; plain http is for this machine (127.0.0.1), or for another `environment`";
            wrong(
                MistakeKind::Contradiction,
                "probes.url",
                "the token would cross the network in clear",
                mend,
            );
        }
        probes.push(probe);
    }
    probes
}

/// None where a value is missing or wrong, which was said before.
fn probe(section: &Repeated) -> Option<Probe> {
    let get =
        |field: &str| section.fields.get(format!("probes[].{field}").as_str()).map(|found| &found.value);
    let text = |field: &str| match get(field) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let stream = text("kind")? == "sse";
    Some(Probe {
        name: text("name")?,
        url: text("url")?,
        post: (text("method")? == "POST").then(|| Post { body: text("body") }),
        token: match get("token") {
            Some(Value::Secret(token)) => Some(token.clone()),
            _ => None,
        },
        end_event: if stream { Some(text("end_event")?) } else { None },
        contains: text("contains"),
        digest: matches!(get("digest"), Some(Value::Flag(true))),
        length_permille: match get("length_permille") {
            Some(Value::Whole(number)) => u32::try_from(*number).ok()?,
            _ => return None,
        },
        timeout: match get("timeout") {
            Some(Value::Length(length)) => *length,
            _ => return None,
        },
    })
}

type Complaint = (&'static str, &'static str);

/// What is wrong with the body. A name can stand in a text of it only: elsewhere it would be no JSON.
fn sendable(section: &Repeated, probe: &Probe) -> Result<(), Complaint> {
    let body = match &probe.post {
        Some(post) => post.body.as_deref(),
        None if section.fields.contains_key("probes[].body") => {
            return Err(("a GET sends no body", "set `method` to \"POST\", or take the body out"));
        }
        None => None,
    };
    let Some(body) = body else { return Ok(()) };
    match serde_json::from_str::<serde::de::IgnoredAny>(body) {
        Ok(_) => Ok(()),
        Err(_) => Err(("this is no JSON", "write JSON; names such as {project} stand inside of its quotes")),
    }
}

/// The address with something harmless in the place of each name, or what is wrong with it.
fn filled(template: &str) -> Result<String, Complaint> {
    let rest = ["https://", "http://"].iter().find_map(|scheme| template.strip_prefix(scheme));
    let rest = rest.ok_or(("this is no http or https address", "start it with https://"))?;
    let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if host.contains(['{', '}']) {
        return Err(("a placeholder stands in the host", "write the host out: the token is meant for one"));
    }
    if host.contains('@') {
        return Err(("it holds a user or password", "take it out, and use `token`"));
    }
    if rest.contains('#') {
        return Err(("it has a fragment, which is never sent", "leave out what follows #"));
    }
    let full = NAMES.iter().fold(template.to_owned(), |text, name| text.replace(&format!("{{{name}}}"), "x"));
    if full.contains(['{', '}']) {
        return Err(("there is no such placeholder", "write {project}, {tenant} or {repository}"));
    }
    let good = full.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    if good {
        Ok(full)
    } else {
        Err(("this is no address", "write an address such as \"https://app.example.com/docs\""))
    }
}

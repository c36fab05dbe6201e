//! A step over HTTP as TOML.
//!
//! ```toml
//! description = "Tags of notes"
//! deploy = true            # deploys the schema first
//! timeout = "5m"
//! idempotent = true        # may be called again after a crash
//!
//! [[call]]
//! mutation = "migrations:addTags"    # or query, action; or url = "https://..."
//! args = { batch = 100 }
//! paged = true             # again with the answer's cursor until isDone
//!
//! [verify]
//! query = "migrations:tagsAdded"
//! expect = { missing = 0 }
//! ```

use cutover_shared::fleet::LintFinding;
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::checksum::checksum;
use super::finding::mistake;
use super::front_matter::length;
use super::token::Lines;
use crate::fleet::migration::{Call, CallTo, FunctionKind, HttpStep, Verify};

const RULE: &str = "toml";

/// What each call is given by the daemon.
const GIVEN: [&str; 4] = ["tenantId", "externalUserId", "migrationId", "idempotencyKey"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    description: Option<String>,
    #[serde(default)]
    deploy: bool,
    timeout: Option<Spanned<String>>,
    #[serde(default)]
    idempotent: bool,
    replaces: Option<String>,
    #[serde(default)]
    call: Vec<Spanned<WrittenCall>>,
    verify: Option<Spanned<WrittenVerify>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCall {
    query: Option<String>,
    mutation: Option<String>,
    action: Option<String>,
    url: Option<String>,
    #[serde(default)]
    args: toml::Table,
    #[serde(default)]
    paged: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenVerify {
    query: Option<String>,
    mutation: Option<String>,
    action: Option<String>,
    url: Option<String>,
    #[serde(default)]
    args: toml::Table,
    expect: toml::Table,
}

/// A step and what its file says of the migration as a whole.
pub(super) struct ReadStep {
    pub(super) step: HttpStep,
    pub(super) description: Option<String>,
    pub(super) replaces: Option<String>,
}

/// Reads a file; its mistakes go to `findings`, and with one there may be no step.
pub(super) fn http_step(file: &str, text: String, findings: &mut Vec<LintFinding>) -> Option<ReadStep> {
    let lines = Lines::of(&text);
    let mut refuse = |at: usize, message: String, help: String| {
        findings.push(mistake(file, lines.at(at), RULE, message, help));
    };
    let written: Written = match toml::from_str(&text) {
        Ok(written) => written,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let help = "keys are description, deploy, timeout, idempotent, replaces, [[call]] and [verify]";
            refuse(at, error.message().to_owned(), help.to_owned());
            return None;
        }
    };
    let timeout = written.timeout.and_then(|timeout| match length(timeout.get_ref()) {
        Ok(length) => Some(length),
        Err((message, help)) => {
            refuse(timeout.span().start, format!("`timeout`: {message}"), help);
            None
        }
    });
    if written.call.is_empty() && !written.deploy {
        let help = "write deploy = true, or a [[call]]";
        refuse(0, "the step does nothing".to_owned(), help.to_owned());
    }
    let mut calls = Vec::new();
    for call in written.call {
        let at = call.span().start;
        let call = call.into_inner();
        match read_call([call.query, call.mutation, call.action, call.url], &call.args) {
            Ok((to, args)) => calls.push(Call { to, args, paged: call.paged }),
            Err((message, help)) => refuse(at, message, help),
        }
    }
    let verify = written.verify.and_then(|verify| {
        let at = verify.span().start;
        let verify = verify.into_inner();
        let read = read_call([verify.query, verify.mutation, verify.action, verify.url], &verify.args)
            .and_then(|call| object(&verify.expect).map(|expect| (call, expect)));
        match read {
            Ok(((to, args), expect)) if !verify.expect.is_empty() => {
                Some(Verify { call: Call { to, args, paged: false }, expect })
            }
            Ok(_) => {
                let help = "write what the answer must hold: expect = { missing = 0 }";
                refuse(at, "`expect` is empty".to_owned(), help.to_owned());
                None
            }
            Err((message, help)) => {
                refuse(at, message, help);
                None
            }
        }
    });
    let step = HttpStep {
        file: file.to_owned(),
        checksum: checksum(&text),
        text,
        deploy: written.deploy,
        timeout,
        calls,
        verify,
        idempotent: written.idempotent,
    };
    Some(ReadStep { step, description: written.description, replaces: written.replaces })
}

/// What is wrong, and the mend.
type Wrong = (String, String);

/// What is called, of `query`, `mutation`, `action` and `url`, and with what.
fn read_call(keys: [Option<String>; 4], args: &toml::Table) -> Result<(CallTo, Value), Wrong> {
    let [query, mutation, action, url] = keys;
    let mut named = [
        query.map(|path| (FunctionKind::Query, path)),
        mutation.map(|path| (FunctionKind::Mutation, path)),
        action.map(|path| (FunctionKind::Action, path)),
    ]
    .into_iter()
    .flatten();
    let to = match (named.next(), named.next(), url) {
        (Some((kind, path)), None, None) => function(kind, path)?,
        (None, None, Some(url)) => address(url)?,
        _ => {
            return Err((
                "a call has one of query, mutation, action and url".to_owned(),
                "write one of them, such as mutation = \"migrations:addTags\"".to_owned(),
            ));
        }
    };
    if let Some(given) = GIVEN.iter().find(|given| args.contains_key(**given)) {
        return Err((
            format!("`{given}` stands in args"),
            "remove it: the daemon adds it to each call".to_owned(),
        ));
    }
    Ok((to, object(args)?))
}

/// `migrations:addTags`, `folder/file:name`.
fn function(kind: FunctionKind, path: String) -> Result<CallTo, Wrong> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || ['_', '/', ':', '.', '-'].contains(&c);
    if path.is_empty() || path.len() > 300 || !path.chars().all(is_word) {
        let help = "write it as the deployment calls it: \"migrations:addTags\"";
        return Err((format!("{path:?} is no path of a function"), help.to_owned()));
    }
    Ok(CallTo::Function { kind, path })
}

fn address(url: String) -> Result<CallTo, Wrong> {
    let wrong = |why: &str| (format!("`url` {why}"), "write it as https://host/path".to_owned());
    let parsed = url::Url::parse(&url).map_err(|_| wrong("is no address"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(wrong("is neither http nor https"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(wrong("holds a user or a password, which everybody could read here"));
    }
    Ok(CallTo::Url(url))
}

fn object(table: &toml::Table) -> Result<Value, Wrong> {
    table
        .iter()
        .map(|(key, value)| Ok((key.clone(), json(value)?)))
        .collect::<Result<_, _>>()
        .map(Value::Object)
}

/// JSON has neither dates nor numbers that are none.
fn json(value: &toml::Value) -> Result<Value, Wrong> {
    Ok(match value {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => serde_json::Number::from_f64(*number)
            .map(Value::Number)
            .ok_or_else(|| (format!("{number} can't be written as JSON"), "write a number".to_owned()))?,
        toml::Value::Boolean(flag) => Value::from(*flag),
        toml::Value::Datetime(date) => {
            return Err((
                format!("{date} is a date, which JSON does not have"),
                "write it in quotes".to_owned(),
            ));
        }
        toml::Value::Array(items) => Value::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        toml::Value::Table(table) => object(table)?,
    })
}

#[cfg(test)]
mod tests;

//! Workflows as the application's own tables hold them: checked as the others are, stored beside them, and changed only from
//! there.

use cutover_shared::workflow::{Rule, WorkflowSource};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::registry::{Known, MOST, PutError, Triggers};
use super::rule::{RuleError, Trigger};
use crate::audit::Who;
use crate::hex::hex;
use crate::store::{
    FromApplication, Lane, OutboxOp, PutWorkflow, ReadError, UNIT_ROWS, Unit, WorkflowMark, WriteError,
};

/// Workflows that one unit writes: each is an operation and a record of it.
pub const CHUNK: usize = UNIT_ROWS / 2;

/// Ids that are listed at once: one unit's.
const IDS: u32 = 128;

/// The longest mistake that is kept, in characters.
const TROUBLE_MOST: usize = 500;

/// One trigger of a workflow as it was read, unchecked.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub id: String,
    /// The workflow that is started, where this is a further trigger of it.
    pub workflow: Option<String>,
    pub name: String,
    /// JSON, or why it can't be had.
    pub config: Result<String, RuleError>,
    /// JSON, or why it can't be had.
    pub definition: Result<String, RuleError>,
    /// See [`Offer::fingerprint`].
    pub fingerprint: String,
    /// What is stored of it.
    pub before: Option<WorkflowMark>,
}

impl Offer {
    /// What tells whether anything has changed; the definition by a digest, so that it need not be read for that.
    pub fn fingerprint(workflow: &str, name: &str, config: &str, definition: &str) -> String {
        let all = json!([workflow, name, config, definition]).to_string();
        hex(&Sha256::digest(all.as_bytes()))
    }
}

/// What became of offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    pub added: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// Of all these, those with a mistake: they match nothing.
    pub mistaken: u64,
    /// New ones that there is no place for.
    pub refused: u64,
    /// There is something to [`Triggers::publish`].
    pub moved: bool,
}

impl Triggers {
    /// Whether a workflow is stored as it was read, and understood: then nothing is to be done.
    pub async fn is_current(&self, mark: &WorkflowMark, fingerprint: &str) -> bool {
        mark.source == WorkflowSource::Application
            && mark.trouble.is_none()
            && mark.fingerprint.as_deref() == Some(fingerprint)
            && self.known.lock().await.all.contains_key(&mark.id)
    }

    /// Stores up to [`CHUNK`] of the application's workflows, those that changed and no others, in one unit. They match from
    /// [`Triggers::publish`] on.
    ///
    /// # Errors
    /// The store failed, or somebody has registered one of these ids just now; nothing has changed then.
    pub async fn adopt(&self, offers: Vec<Offer>, who: &Who) -> Result<Adopted, PutError> {
        let mut known = self.known.lock().await;
        let (mut adopted, mut unit, mut news) = (Adopted::default(), Unit::new(), Vec::new());
        let at = self.clock.now();
        for offer in offers {
            let taken = take(&mut known, &offer);
            let trouble = taken.trouble.as_ref();
            adopted.mistaken += u64::from(trouble.is_some());
            let is_same = offer.before.as_ref().is_some_and(|mark| {
                mark.fingerprint.as_ref() == Some(&offer.fingerprint) && mark.trouble.as_ref() == trouble
            });
            if is_same {
                adopted.unchanged += 1;
                news.push((offer.id, taken.trigger));
                continue;
            }
            if offer.before.is_none() && known.all.len() + news.len() >= MOST {
                adopted.refused += 1;
                continue;
            }
            if offer.before.is_none() {
                adopted.added += 1;
            } else {
                adopted.changed += 1;
            }
            let detail = json!({
                "name": taken.name, "workflow": offer.workflow, "trigger": taken.rule,
                "attach_context": taken.attach_context, "mistake": taken.trouble,
            });
            let put = PutWorkflow {
                id: offer.id.clone(),
                name: taken.name,
                rule: taken.rule,
                definition: taken.definition,
                attach_context: taken.attach_context,
                at,
                by: who.origin.clone(),
                application: Some(FromApplication {
                    workflow: offer.workflow,
                    fingerprint: offer.fingerprint,
                    trouble: taken.trouble,
                }),
            };
            unit = unit.with(OutboxOp::PutWorkflow(Box::new(put))).with(who.did(
                at,
                "workflow.put",
                &offer.id,
                detail,
            ));
            news.push((offer.id, taken.trigger));
        }
        if unit.rows() > 0 {
            self.db.write(Lane::Run, unit).await?;
        }
        for (id, trigger) in news {
            adopted.moved |= match trigger {
                Some(trigger) => {
                    known.all.insert(id, trigger.into());
                    true
                }
                None => known.all.remove(&id).is_some(),
            };
        }
        Ok(adopted)
    }

    /// Forgets up to [`CHUNK`] of the application's workflows, in one unit. They match until [`Triggers::publish`].
    ///
    /// # Errors
    /// The store failed; nothing has changed then.
    pub async fn release(&self, ids: &[String], who: &Who) -> Result<(), WriteError> {
        let mut known = self.known.lock().await;
        let (at, source) = (self.clock.now(), WorkflowSource::Application);
        let mut unit = Unit::new();
        for id in ids {
            unit = unit.with(OutboxOp::RemoveWorkflow { id: id.clone(), source }).with(who.did(
                at,
                "workflow.remove",
                id,
                json!({}),
            ));
        }
        self.db.write(Lane::Run, unit).await?;
        for id in ids {
            known.all.remove(id);
        }
        Ok(())
    }

    /// From now on what was adopted matches, and what was released does not.
    pub async fn publish(&self) {
        let known = self.known.lock().await;
        self.replace(&known);
    }

    /// Forgets all of the application's workflows: they are not read any more.
    ///
    /// # Errors
    /// The store failed; those that are left are forgotten by the next call.
    pub async fn disown(&self, who: &Who) -> Result<u64, PutError> {
        let mut gone = 0;
        loop {
            let ids = self.db.application_workflows_after(None, IDS).await?;
            if ids.is_empty() {
                break;
            }
            gone += ids.len() as u64;
            self.release(&ids, who).await?;
        }
        if gone > 0 {
            self.publish().await;
        }
        Ok(gone)
    }

    /// Up to [`CHUNK`] ids of the application's workflows that are stored, after this one.
    ///
    /// # Errors
    /// The store failed.
    pub async fn adopted_after(&self, after: Option<&str>) -> Result<Vec<String>, ReadError> {
        self.db.application_workflows_after(after, IDS).await
    }
}

/// An offer, as far as it is understood.
struct Taken {
    name: String,
    rule: Rule,
    attach_context: bool,
    /// Empty where there is none that can be handed to the engine.
    definition: String,
    /// None with a mistake.
    trigger: Option<Trigger>,
    trouble: Option<String>,
}

fn take(known: &mut Known, offer: &Offer) -> Taken {
    let config = offer.config.as_ref().map_err(Clone::clone).and_then(|text| config(text));
    let definition = offer.definition.as_ref().map_err(Clone::clone).and_then(|text| {
        super::registry::check_definition(text)?;
        Ok(text.clone())
    });
    let (rule, attach_context, mut mistake) = match config {
        Ok((rule, attach_context)) => (rule, attach_context, None),
        Err(mistake) => (nothing(), false, Some(mistake)),
    };
    let mut trigger = None;
    if mistake.is_none() {
        match known.compiler.trigger(&offer.id, &offer.name, rule.clone()) {
            Ok(understood) => trigger = Some(understood),
            Err(error) => mistake = Some(error),
        }
    }
    let definition = definition.unwrap_or_else(|error| {
        mistake.get_or_insert(error);
        String::new()
    });
    if mistake.is_some() {
        trigger = None;
    }
    Taken {
        name: offer.name.clone(),
        rule,
        attach_context,
        definition,
        trigger,
        trouble: mistake.map(|mistake| mistake.to_string().chars().take(TROUBLE_MOST).collect()),
    }
}

/// What stands where a rule could not be read.
fn nothing() -> Rule {
    Rule {
        repository: String::new(),
        events: Vec::new(),
        branches: Vec::new(),
        paths: Vec::new(),
        action_filter: Vec::new(),
        author_filter: Vec::new(),
        label_filter: Vec::new(),
        ignore_bots: true,
        github_app_installation_id: None,
    }
}

/// The application's configuration of a trigger: the rule's fields, and `attach_context`.
fn config(text: &str) -> Result<(Rule, bool), RuleError> {
    let wrong = |what: String| RuleError { place: "trigger".to_owned(), what };
    let value: Value =
        serde_json::from_str(text).map_err(|error| wrong(format!("this is no JSON: {error}")))?;
    let Value::Object(mut fields) = value else { return Err(wrong("expected a JSON object".to_owned())) };
    // The application's own code takes null for "not set" everywhere but there, where it takes it for false.
    fields.retain(|name, value| name == "ignore_bots" || !value.is_null());
    let attach_context = match fields.remove("attach_context") {
        None => false,
        Some(Value::Bool(attach)) => attach,
        Some(_) => {
            return Err(RuleError {
                place: "trigger.attach_context".to_owned(),
                what: "expected true or false".to_owned(),
            });
        }
    };
    let rule = serde_json::from_value(Value::Object(fields)).map_err(|error| wrong(error.to_string()))?;
    Ok((rule, attach_context))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_not_set_and_what_is_unknown_is_a_mistake() {
        let (rule, attach) = config(
            r#"{"repository":"a/b","events":["push"],"branches":null,"paths":["src/**"],"ignore_bots":false,
                "github_app_installation_id":null,"attach_context":true}"#,
        )
        .unwrap();
        assert!(attach && rule.branches.is_empty() && !rule.ignore_bots);
        assert_eq!(rule.paths, ["src/**"]);
        for (text, place) in [
            ("{", "trigger: this is no JSON"),
            ("[]", "trigger: expected a JSON object"),
            (r#"{"events":["push"]}"#, "trigger: missing field `repository`"),
            (r#"{"repository":"a/b","events":["push"],"branch":["x"]}"#, "trigger: unknown field `branch`"),
            (r#"{"repository":"a/b","events":["push"],"ignore_bots":null}"#, "trigger: invalid type: null"),
            (
                r#"{"repository":"a/b","events":["push"],"attach_context":1}"#,
                "trigger.attach_context: expected",
            ),
        ] {
            let error = config(text).unwrap_err().to_string();
            assert!(error.starts_with(place), "{error}");
        }
    }
}

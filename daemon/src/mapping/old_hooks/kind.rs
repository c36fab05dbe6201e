//! The `old_hooks` kind: class Remote. The intent with the webhook as it is becomes durable first; then the webhook goes
//! by its id, which GitHub never gives again. What a crash leaves is found out by asking GitHub. Undo makes the webhook
//! anew, with the secret of the configuration: GitHub never tells the one it had.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cutover_shared::hooks::{HookItem, LeftOut, OldHook};
use cutover_shared::ids::{LinkKey, RunId};
use cutover_shared::mapping::MappingStatus;
use cutover_shared::run::{EffectClass, Reversibility};
use futures::StreamExt as _;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::sight::{self, Sight};
use super::{OLD_HOOKS, fingerprint};
use crate::audit::Who;
use crate::github::{Created, Deleted, GitHub, GitHubError, NewHook, Reader, Traffic, Writer};
use crate::mapping::kind::{Images, plan_item};
use crate::run::{Acted, Direction, Effect, Elsewhere, Kind, KindError, Look, Outside, Resolved};
use crate::seal::Seal;
use crate::store::{Db, MappingRow, Op, StoredItem};

/// Questions at the same time.
const PARALLEL: usize = 8;

/// The reason of a webhook that undo can't bring back.
const SECRET_UNKNOWN: &str =
    "secret_unknown: GitHub masks the secret that it had, and `migration.old_hook_secret` is not set";

/// What was there before the run, and under which name of the repository.
#[derive(Debug, Serialize, Deserialize)]
struct Removed {
    hook: OldHook,
    full_name: String,
}

/// The kind.
pub struct RemoveOldHooks {
    db: Db,
    reader: Reader,
    writer: Writer,
    images: Images,
    secret: Option<SecretString>,
    /// Ids of webhooks made anew, by run and item, until their outcome is recorded.
    made: Mutex<HashMap<String, i64>>,
}

impl RemoveOldHooks {
    /// Over our store and GitHub; `seal` seals before-images; `secret` is what the old webhooks signed with.
    pub fn new(db: Db, github: &GitHub, seal: Arc<Seal>, secret: Option<SecretString>) -> Self {
        Self {
            db,
            reader: github.reader(Traffic::Background),
            writer: github.writer(Traffic::Background),
            images: Images(seal),
            secret,
            made: Mutex::default(),
        }
    }

    fn removed(&self, run: &RunId, stored: &StoredItem) -> Result<Removed, KindError> {
        self.images.open(run, stored)
    }

    fn keep_made(&self, run: &RunId, stored: &StoredItem, id: i64) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(made_key(run, stored), id);
    }

    async fn look_apply(
        &self,
        run: &RunId,
        stored: &StoredItem,
        mappings: &HashMap<LinkKey, MappingRow>,
    ) -> Result<Look, KindError> {
        let item = plan_item::<HookItem>(stored)?;
        if let Some(why) = item.left_out {
            return Ok(Look::Skip(left_out(why)));
        }
        let hook = hook(&item)?;
        let mapping = mappings.get(&item.link);
        if mapping.is_none_or(|row| {
            row.status != MappingStatus::Mapped.word() || row.installation != Some(item.installation)
        }) {
            return Ok(Look::Stale("the repository is not mapped any more as the plan saw it".to_owned()));
        }
        Ok(match sight::see(&self.reader, &item, hook).await.map_err(asking)? {
            Sight::There(now, full_name) if fingerprint(item.repo_id, &now) == item.fingerprint => {
                let removed = Removed { hook: now, full_name };
                Look::Ready { before: Some(self.images.seal(run, &stored.key, &removed)?) }
            }
            Sight::There(..) => Look::Stale("the webhook was changed since the plan".to_owned()),
            Sight::Gone => Look::Stale("the webhook is gone already".to_owned()),
            Sight::Hidden(why) => Look::Stale(why),
        })
    }

    async fn look_undo(&self, run: &RunId, stored: &StoredItem) -> Result<Look, KindError> {
        let (item, removed) = (plan_item::<HookItem>(stored)?, self.removed(run, stored)?);
        if removed.hook.has_secret && self.secret.is_none() {
            return Ok(Look::Stale(SECRET_UNKNOWN.to_owned()));
        }
        let ready = Look::Ready { before: None };
        // What can't be seen now is tried, and GitHub's refusal leaves the item to a later undo.
        let Ok(name) = sight::name(&self.reader, item.installation, item.repo_id).await.map_err(asking)?
        else {
            return Ok(ready);
        };
        let there = sight::with_address(&self.reader, item.installation, &name, &removed.hook.url);
        Ok(match there.await.map_err(asking)? {
            Some(Some(other)) => {
                Look::Stale(format!("a webhook with this address is there already, its id is {}", other.id))
            }
            Some(None) | None => ready,
        })
    }

    async fn remove(&self, run: &RunId, stored: &StoredItem) -> Acted {
        let (item, removed) = match (plan_item::<HookItem>(stored), self.removed(run, stored)) {
            (Ok(item), Ok(removed)) => (item, removed),
            (Err(error), _) | (_, Err(error)) => return Acted::Failed(error.to_string()),
        };
        let Removed { hook, full_name } = removed;
        match self.writer.delete_hook(item.installation.0, &full_name, hook.id).await {
            Ok(Deleted::Done) => Acted::Done,
            // It was there a moment ago; a try whose answer was lost may have removed it.
            Ok(Deleted::NotFound) => Acted::Ambiguous("GitHub says that it is not there".to_owned()),
            Err(error) => unsure(&error),
        }
    }

    async fn bring_back(&self, run: &RunId, stored: &StoredItem) -> Acted {
        let (item, removed) = match (plan_item::<HookItem>(stored), self.removed(run, stored)) {
            (Ok(item), Ok(removed)) => (item, removed),
            (Err(error), _) | (_, Err(error)) => return Acted::Failed(error.to_string()),
        };
        let name = match sight::name(&self.reader, item.installation, item.repo_id).await {
            Ok(Ok(name)) => name,
            Ok(Err(why)) => return Acted::Failed(why),
            Err(error) => return Acted::Failed(error.to_string()),
        };
        let hook = &removed.hook;
        let secret = self.secret.as_ref().filter(|_| hook.has_secret);
        if hook.has_secret && secret.is_none() {
            return Acted::Failed(SECRET_UNKNOWN.to_owned());
        }
        let new = NewHook {
            url: &hook.url,
            events: &hook.events,
            content_type: &hook.content_type,
            active: hook.active,
            insecure_ssl: hook.insecure_ssl,
            secret,
        };
        match self.writer.create_hook(item.installation.0, &name, &new).await {
            Ok(Created::Done(made)) => {
                self.keep_made(run, stored, made.id);
                Acted::Done
            }
            Ok(Created::Invalid { message }) => Acted::Failed(format!("GitHub does not take it: {message}")),
            Err(error) => unsure(&error),
        }
    }

    /// The webhook with the address of the one that was removed; the error says why it can't be seen.
    async fn again(
        &self,
        item: &HookItem,
        removed: &Removed,
    ) -> Result<Result<Option<OldHook>, String>, KindError> {
        let name = match sight::name(&self.reader, item.installation, item.repo_id).await.map_err(asking)? {
            Ok(name) => name,
            Err(why) => return Ok(Err(why)),
        };
        let there = sight::with_address(&self.reader, item.installation, &name, &removed.hook.url);
        Ok(there.await.map_err(asking)?.ok_or_else(|| left_out(LeftOut::HookPermissionMissing)))
    }

    async fn wrong(
        &self,
        run: &RunId,
        direction: Direction,
        stored: &StoredItem,
    ) -> Result<Option<String>, KindError> {
        let item = plan_item::<HookItem>(stored)?;
        if direction == Direction::Apply {
            return Ok(match sight::see(&self.reader, &item, hook(&item)?).await.map_err(asking)? {
                Sight::Gone => None,
                Sight::There(..) => Some("the webhook is there".to_owned()),
                Sight::Hidden(why) => Some(why),
            });
        }
        let removed = self.removed(run, stored)?;
        Ok(match self.again(&item, &removed).await? {
            Ok(Some(now)) if is_same(&now, &removed.hook) => None,
            Ok(Some(_)) => Some("the webhook that is there is another one".to_owned()),
            Ok(None) => Some("the webhook is not there".to_owned()),
            Err(why) => Some(why),
        })
    }
}

#[async_trait]
impl Kind for RemoveOldHooks {
    fn name(&self) -> &'static str {
        OLD_HOOKS
    }

    /// Of a plan without webhooks whose secret is unknown; each plan says it of itself.
    fn reversibility(&self) -> Reversibility {
        Reversibility::Reversible
    }

    /// Legacy hears nothing without its webhooks.
    fn undo_serves_legacy(&self) -> bool {
        true
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Outside(self)
    }

    async fn verify(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<(i64, String)>, KindError> {
        let questions: Vec<_> = items.iter().map(|stored| self.wrong(run, direction, stored)).collect();
        let answers: Vec<_> = futures::stream::iter(questions).buffered(PARALLEL).collect().await;
        let mut wrong = Vec::new();
        for (stored, answer) in items.iter().zip(answers) {
            wrong.extend(answer?.map(|what| (stored.ord, what)));
        }
        Ok(wrong)
    }
}

#[async_trait]
impl Elsewhere for RemoveOldHooks {
    fn class(&self) -> EffectClass {
        EffectClass::Remote
    }

    async fn resolve(
        &self,
        run: &RunId,
        direction: Direction,
        stored: &StoredItem,
    ) -> Result<Resolved, KindError> {
        let item = plan_item::<HookItem>(stored)?;
        if direction == Direction::Apply {
            return Ok(match sight::see(&self.reader, &item, hook(&item)?).await.map_err(asking)? {
                Sight::Gone => Resolved::Done,
                Sight::There(..) => Resolved::NotDone,
                Sight::Hidden(why) => Resolved::Unknown(why),
            });
        }
        let removed = self.removed(run, stored)?;
        Ok(match self.again(&item, &removed).await? {
            // There was none with this address just before the intent.
            Ok(Some(now)) if is_same(&now, &removed.hook) => {
                self.keep_made(run, stored, now.id);
                Resolved::Done
            }
            Ok(Some(_)) => Resolved::Unknown("the webhook with this address is another one".to_owned()),
            Ok(None) => Resolved::NotDone,
            Err(why) => Resolved::Unknown(why),
        })
    }

    fn record(&self, run: &RunId, direction: Direction, stored: &StoredItem, at: i64) -> Vec<Op> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).remove(&made_key(run, stored));
        let (act, detail) = match direction {
            Direction::Apply => ("hook.removed", json!({ "run": run })),
            Direction::Undo => ("hook.restored", json!({ "run": run, "hook": made })),
        };
        vec![Who::daemon().did(at, act, stored.key.as_str(), detail).into()]
    }
}

#[async_trait]
impl Outside for RemoveOldHooks {
    async fn look(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<Look>, KindError> {
        let mappings = match direction {
            Direction::Apply => self.mappings(items).await?,
            Direction::Undo => HashMap::new(),
        };
        let mappings = &mappings;
        let looks: Vec<_> = items
            .iter()
            .map(|stored| async move {
                match direction {
                    Direction::Apply => self.look_apply(run, stored, mappings).await,
                    Direction::Undo => self.look_undo(run, stored).await,
                }
            })
            .collect();
        let looks: Vec<_> = futures::stream::iter(looks).buffered(PARALLEL).collect().await;
        looks.into_iter().collect()
    }

    async fn act(&self, run: &RunId, direction: Direction, stored: &StoredItem) -> Acted {
        match direction {
            Direction::Apply => self.remove(run, stored).await,
            Direction::Undo => self.bring_back(run, stored).await,
        }
    }
}

impl RemoveOldHooks {
    async fn mappings(&self, items: &[StoredItem]) -> Result<HashMap<LinkKey, MappingRow>, KindError> {
        let link = |stored| plan_item::<HookItem>(stored).map(|item| item.link);
        let keys: Vec<LinkKey> = items.iter().map(link).collect::<Result<_, _>>()?;
        let rows =
            self.db.mappings(&keys).await.map_err(|error| KindError::new("reading the mappings", error))?;
        Ok(rows.into_iter().map(|row| (row.key.clone(), row)).collect())
    }
}

fn made_key(run: &RunId, stored: &StoredItem) -> String {
    format!("{run}:{}", stored.ord)
}

fn hook(item: &HookItem) -> Result<&OldHook, KindError> {
    let none =
        || KindError::new("reading an item of the plan", format!("{} names no webhook", item.full_name));
    item.hook.as_ref().ok_or_else(none)
}

/// A webhook made anew has another id.
fn is_same(now: &OldHook, before: &OldHook) -> bool {
    let OldHook { id: _, url, events, content_type, active, insecure_ssl, has_secret } = before;
    (&now.url, &now.events, &now.content_type) == (url, events, content_type)
        && (now.active, now.insecure_ssl, now.has_secret) == (*active, *insecure_ssl, *has_secret)
}

fn left_out(why: LeftOut) -> String {
    let words = match why {
        LeftOut::HookPermissionMissing => {
            "the App needs the repository permission Webhooks (`repository_hooks`)"
        }
        LeftOut::NotVisible => "the installation does not see the repository",
        LeftOut::StillUsed => "another project with this repository is not mapped",
    };
    format!("{why}: {words}")
}

/// After a refusal, or before anything was sent, nothing was done; after silence nobody knows.
fn unsure(error: &GitHubError) -> Acted {
    match error {
        GitHubError::Unavailable { .. } | GitHubError::BadAnswer { .. } | GitHubError::TooLarge { .. } => {
            Acted::Ambiguous(error.to_string())
        }
        _ => Acted::Failed(error.to_string()),
    }
}

fn asking(error: GitHubError) -> KindError {
    KindError::new("asking GitHub about webhooks", error)
}

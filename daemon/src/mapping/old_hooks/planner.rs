//! Makes a plan of the old webhooks: reads those of every mapped repository of a scope and writes the old app's as items.
//! It is handed a reader only: it can change nothing at GitHub.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use cutover_shared::hooks::{HookItem, HooksSummary, LeftOut};
use cutover_shared::ids::{InstallationId, LinkKey, RepoId};
use cutover_shared::mapping::{MapScope, MappingStatus};
use cutover_shared::run::{Reversibility, RunView};
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::address::OldAddress;
use super::{OLD_HOOKS, fingerprint, sight};
use crate::audit::Who;
use crate::github::{GitHubError, Reader};
use crate::mapping::load;
use crate::run::{Draft, Engine, KindError, PlanSource, RunError, canonical};
use crate::store::{Db, LinkFilter, LinkRow, MappingRow, ReadError};

/// The rule which webhooks are the old app's; a digest covers its version.
const ADDRESS_VERSION: u32 = 1;

/// Repositories whose webhooks are read at the same time.
const PARALLEL: usize = 8;

/// Repositories read between two writes.
const PAGE: usize = 64;

/// Mappings read at a time.
const MAPPINGS: usize = 1_000;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum HooksPlanError {
    #[error("nobody says which webhooks are the old app's: `migration.old_hook_urls` is empty")]
    NoAddress,
    #[error("`migration.old_hook_urls` holds what is no address: {0}")]
    BadAddress(String),
    #[error("scope {0} covers no mapped repository")]
    NothingMapped(String),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What the planner needs.
#[derive(Clone)]
pub struct HooksPlanner {
    pub db: Db,
    /// For background work.
    pub reader: Reader,
    /// Tells apart ids of different hosts.
    pub host: String,
    pub engine: Engine,
    /// What the old webhooks' addresses begin with.
    pub urls: Vec<String>,
    /// The old webhooks' secret is configured.
    pub has_secret: bool,
}

/// A mapped repository.
#[derive(Clone, Debug)]
struct Target {
    repo_id: RepoId,
    installation: InstallationId,
    link: LinkKey,
    /// As the catalog has it.
    full_name: String,
    /// Another project with it is not mapped.
    still_used: bool,
}

impl HooksPlanner {
    /// Plans a scope.
    ///
    /// # Errors
    /// [`HooksPlanError`]; when GitHub does not answer, a [`RunError::Plan`] that says so.
    pub async fn plan(&self, scope: &MapScope, who: &Who) -> Result<RunView, HooksPlanError> {
        if self.urls.is_empty() {
            return Err(HooksPlanError::NoAddress);
        }
        let addresses = self
            .urls
            .iter()
            .map(|url| OldAddress::parse(url).ok_or_else(|| HooksPlanError::BadAddress(url.clone())))
            .collect::<Result<Vec<_>, _>>()?;
        let targets = self.targets(scope).await?;
        if targets.is_empty() {
            return Err(HooksPlanError::NothingMapped(scope.to_string()));
        }
        let draft = Draft {
            kind: OLD_HOOKS,
            scope: scope.to_string(),
            rules: json!({ "address": ADDRESS_VERSION }),
            config: json!({ "host": self.host, "urls": self.urls, "secret": self.has_secret }),
        };
        let summary = HooksSummary { repositories: targets.len() as u64, ..HooksSummary::default() };
        let mut source = Found {
            reader: &self.reader,
            addresses,
            has_secret: self.has_secret,
            targets,
            next: 0,
            summary,
            left_out: BTreeMap::new(),
        };
        Ok(self.engine.plan(draft, who, &mut source).await?)
    }

    /// The mapped repositories of a scope, each once, by id.
    async fn targets(&self, scope: &MapScope) -> Result<Vec<Target>, HooksPlanError> {
        let filter = load::filter(&self.db, scope).await?;
        let links = load::links(&self.db, &LinkFilter::All).await?;
        let mut mapped = HashMap::new();
        for part in links.chunks(MAPPINGS) {
            let keys: Vec<LinkKey> = part.iter().map(|link| link.key.clone()).collect();
            let rows = self.db.mappings(&keys).await?;
            mapped.extend(rows.into_iter().filter(is_mapped).map(|row| (row.key.clone(), row)));
        }
        Ok(targets(&links, &mapped, &filter))
    }
}

fn is_mapped(row: &MappingRow) -> bool {
    row.status == MappingStatus::Mapped.word() && row.installation.is_some()
}

/// Who lives on the old webhook still is told by name and by id, because a repository may have got another name.
fn targets(links: &[LinkRow], mapped: &HashMap<LinkKey, MappingRow>, filter: &LinkFilter) -> Vec<Target> {
    let left = || links.iter().filter(|link| !mapped.contains_key(&link.key));
    let left_names: HashSet<&str> = left().map(|link| link.repo_lname.as_str()).collect();
    let left_ids: HashSet<i64> = left().filter_map(|link| link.repo_id).collect();
    let mut targets = BTreeMap::<i64, Target>::new();
    let mut names = HashMap::<i64, HashSet<&str>>::new();
    for link in links {
        let Some(row) = mapped.get(&link.key) else { continue };
        let (Some(installation), Some(repo_id)) =
            (row.installation, row.repo_id.or(link.repo_id.map(RepoId)))
        else {
            continue;
        };
        names.entry(repo_id.0).or_default().insert(&link.repo_lname);
        let covered = match filter {
            LinkFilter::Tenants(tenants) => tenants.contains(&link.tenant),
            LinkFilter::All => true,
        };
        if covered {
            targets.entry(repo_id.0).or_insert_with(|| Target {
                repo_id,
                installation,
                link: link.key.clone(),
                full_name: link.repo_full_name.clone(),
                still_used: false,
            });
        }
    }
    for (id, target) in &mut targets {
        let named = names.get(id).is_some_and(|names| names.iter().any(|name| left_names.contains(name)));
        target.still_used = named || left_ids.contains(id);
    }
    targets.into_values().collect()
}

/// Reads page by page.
struct Found<'a> {
    reader: &'a Reader,
    addresses: Vec<OldAddress>,
    has_secret: bool,
    targets: Vec<Target>,
    next: usize,
    summary: HooksSummary,
    left_out: BTreeMap<LeftOut, u64>,
}

impl Found<'_> {
    async fn of(&self, target: &Target) -> Result<Vec<HookItem>, GitHubError> {
        let left_out = |full_name: &str, why| {
            vec![HookItem {
                repo_id: target.repo_id,
                full_name: full_name.to_owned(),
                installation: target.installation,
                link: target.link.clone(),
                hook: None,
                fingerprint: String::new(),
                restorable: false,
                left_out: Some(why),
            }]
        };
        let Ok(name) = sight::name(self.reader, target.installation, target.repo_id).await? else {
            return Ok(left_out(&target.full_name, LeftOut::NotVisible));
        };
        let Some(hooks) = sight::all(self.reader, target.installation, &name).await? else {
            return Ok(left_out(&name, LeftOut::HookPermissionMissing));
        };
        let mut old: Vec<_> = hooks
            .into_iter()
            .filter(|hook| self.addresses.iter().any(|address| address.covers(&hook.url)))
            .collect();
        if target.still_used && !old.is_empty() {
            return Ok(left_out(&name, LeftOut::StillUsed));
        }
        old.sort_by_key(|hook| hook.id);
        let items = old.into_iter().map(|hook| HookItem {
            repo_id: target.repo_id,
            full_name: name.clone(),
            installation: target.installation,
            link: target.link.clone(),
            fingerprint: fingerprint(target.repo_id, &hook),
            restorable: self.has_secret || !hook.has_secret,
            hook: Some(hook),
            left_out: None,
        });
        Ok(items.collect())
    }
}

#[async_trait]
impl PlanSource for Found<'_> {
    async fn next(&mut self) -> Result<Option<Vec<(String, String)>>, KindError> {
        if self.next == self.targets.len() {
            return Ok(None);
        }
        let end = (self.next + PAGE).min(self.targets.len());
        let asked: Vec<_> = self.targets[self.next..end].iter().map(|target| self.of(target)).collect();
        let answers: Vec<Result<Vec<HookItem>, GitHubError>> =
            futures::stream::iter(asked).buffered(PARALLEL).collect().await;
        self.next = end;
        let mut items = Vec::new();
        for answer in answers {
            for item in answer.map_err(|error| KindError::new("reading webhooks at GitHub", error))? {
                self.summary.hooks += u64::from(item.hook.is_some());
                self.summary.irreversible += u64::from(item.hook.is_some() && !item.restorable);
                if let Some(why) = item.left_out {
                    *self.left_out.entry(why).or_default() += 1;
                }
                let body = canonical(&item).map_err(|error| KindError::new("writing an item", error))?;
                items.push((key(&item), body));
            }
        }
        Ok(Some(items))
    }

    fn summary(&mut self) -> Value {
        self.summary.left_out = self.left_out.iter().map(|(why, n)| (*why, *n)).collect();
        self.summary.undo = match self.masked() {
            None => "reversible".to_owned(),
            Some(what) => format!("irreversible for {what}"),
        };
        let mut mends = Vec::new();
        if self.summary.irreversible > 0 {
            mends.push("with their secret in `migration.old_hook_secret` an undo brings them back");
        }
        if self.left_out.contains_key(&LeftOut::HookPermissionMissing) {
            mends.push(
                "give the App the repository permission Webhooks (`repository_hooks`: write), have the owners accept it, \
                 and plan again",
            );
        }
        if self.left_out.contains_key(&LeftOut::StillUsed) {
            mends.push("map the other projects of the same repositories first");
        }
        self.summary.mend = mends.join("; ");
        serde_json::to_value(&self.summary).unwrap_or_default()
    }

    fn reversibility(&self) -> Option<Reversibility> {
        Some(self.masked().map_or(Reversibility::Reversible, Reversibility::IrreversibleFor))
    }
}

impl Found<'_> {
    /// The webhooks that no undo can bring back.
    fn masked(&self) -> Option<String> {
        let hooks = self.summary.irreversible;
        let (noun, their) = if hooks == 1 { ("hook", "its") } else { ("hooks", "their") };
        (hooks > 0).then(|| format!("{hooks} {noun}: GitHub masks {their} secret"))
    }
}

/// No repository's name has a `#` or `@` in it.
fn key(item: &HookItem) -> String {
    match &item.hook {
        Some(hook) => format!("{}#{}", item.full_name, hook.id),
        None => format!("{}@{}", item.full_name, item.repo_id.0),
    }
}

#[cfg(test)]
mod tests;

//! Which workflows an event has to be held against: those of its name and repository, found without a look at the others.
//! Pure.

use std::collections::HashMap;
use std::sync::Arc;

use globset::{GlobSet, GlobSetBuilder};

use super::event::Event;
use super::glob::{built, is_glob};
use super::rule::Trigger;

type Triggers = Vec<Arc<Trigger>>;

/// All triggers, by event and repository.
#[derive(Default)]
pub struct Index {
    events: HashMap<String, Repositories>,
    len: usize,
}

/// The triggers of one event.
#[derive(Default)]
struct Repositories {
    exact: HashMap<String, Triggers>,
    /// `owner/*`.
    owners: HashMap<String, Triggers>,
    /// Every other glob, in the order of the set.
    globs: Vec<(String, Triggers)>,
    set: Arc<GlobSet>,
}

impl Index {
    /// An index over these. What `before` has built for the same globs is taken over, since building it is what takes long.
    pub fn new(triggers: impl Iterator<Item = Arc<Trigger>>, before: Option<&Self>) -> Self {
        let mut index = Self::default();
        let mut places: HashMap<(String, String), usize> = HashMap::new();
        for trigger in triggers {
            index.len += 1;
            let repository = trigger.rule().repository.to_ascii_lowercase();
            let mut events = trigger.rule().events.clone();
            events.sort();
            events.dedup();
            for event in events {
                let at = index.events.entry(event.clone()).or_default();
                match repository.split_once('/') {
                    _ if !is_glob(&repository) => {
                        at.exact.entry(repository.clone()).or_default().push(trigger.clone());
                    }
                    Some((owner, "*" | "**")) if !is_glob(owner) => {
                        at.owners.entry(owner.to_owned()).or_default().push(trigger.clone());
                    }
                    _ => {
                        let place = *places.entry((event, repository.clone())).or_insert_with(|| {
                            at.globs.push((repository.clone(), Vec::new()));
                            at.globs.len() - 1
                        });
                        if let Some((_, triggers)) = at.globs.get_mut(place) {
                            triggers.push(trigger.clone());
                        }
                    }
                }
            }
        }
        for (event, at) in &mut index.events {
            let old = before.and_then(|before| before.events.get(event));
            let is_same = |old: &&Repositories| {
                old.globs.iter().map(|(glob, _)| glob).eq(at.globs.iter().map(|(glob, _)| glob))
            };
            at.set = match old.filter(is_same) {
                Some(old) => old.set.clone(),
                None => set(&at.globs),
            };
        }
        index
    }

    /// How many triggers there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The triggers that may match, by id. Those left out can't.
    pub fn candidates(&self, event: &str, repository: Option<&str>) -> Vec<Arc<Trigger>> {
        let (Some(at), Some(repository)) = (self.events.get(event), repository) else { return Vec::new() };
        let repository = repository.to_ascii_lowercase();
        let owner = repository.split_once('/').map_or("", |(owner, _)| owner);
        let mut found: Triggers = at.exact.get(&repository).into_iter().flatten().cloned().collect();
        found.extend(at.owners.get(owner).into_iter().flatten().cloned());
        for place in at.set.matches(&repository) {
            found.extend(at.globs.get(place).into_iter().flat_map(|(_, triggers)| triggers).cloned());
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    /// Whether [`Index::candidates`] would find any.
    pub fn awaits(&self, event: &str, repository: Option<&str>) -> bool {
        let (Some(at), Some(repository)) = (self.events.get(event), repository) else { return false };
        let repository = repository.to_ascii_lowercase();
        let owner = repository.split_once('/').map_or("", |(owner, _)| owner);
        at.exact.contains_key(&repository) || at.owners.contains_key(owner) || at.set.is_match(&repository)
    }

    /// The triggers that match, by id.
    pub fn matching(&self, event: &Event) -> Vec<Arc<Trigger>> {
        let mut found = self.candidates(&event.name, event.repository.as_deref());
        found.retain(|trigger| trigger.matches(event));
        found
    }
}

/// `*` alone is every repository, though it has no slash.
fn set(globs: &[(String, Triggers)]) -> Arc<GlobSet> {
    let mut builder = GlobSetBuilder::new();
    for (glob, _) in globs {
        // Each was understood before, so none is left out, and places agree.
        if let Ok(glob) = built(if glob == "*" { "**" } else { glob }) {
            builder.add(glob);
        }
    }
    Arc::new(builder.build().unwrap_or_default())
}

//! What is sent, and what it must lead to: both follow from the number of a delivery alone.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::load::gateway::payload::guid;
use crate::world::rng::Rng;

/// Installations that exist nowhere else.
const FIRST_INSTALLATION: i64 = 9_000_000;
const INSTALLATIONS: i64 = 40;
const REPOSITORIES: i64 = 25;

/// 2026-01-01, in seconds. Each delivery is of a second of its own, so that which is newer never hangs on when it was sent.
const EPOCH: i64 = 1_767_225_600;

/// One delivery.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) guid: String,
    pub(super) event: &'static str,
    pub(super) body: Vec<u8>,
    effect: Option<Effect>,
    /// It is sent twice.
    pub(super) double: bool,
    /// It is sent after all others.
    pub(super) late: bool,
}

#[derive(Debug, Clone)]
enum Effect {
    Named { repository: i64, full_name: String },
    Suspended { installation: i64, since: Option<i64> },
}

/// What must be known in the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct World {
    /// Full name of each repository.
    pub(super) names: BTreeMap<i64, String>,
    /// Of each installation since when it is suspended, in milliseconds since the epoch.
    pub(super) suspended: BTreeMap<i64, Option<i64>>,
}

impl Delivery {
    pub(super) fn of(seed: u64, number: u64) -> Self {
        let mut rng = Rng::of(&[seed, 0xde11, number]);
        let installation = FIRST_INSTALLATION + rng.below_i64(INSTALLATIONS);
        let at = EPOCH + i64::try_from(number).unwrap_or(0);
        let (kind, double, late) = (rng.below(1_000), rng.permille(100), rng.permille(20));
        let (event, body, effect) = match kind {
            0..700 => ("push", push(&mut rng, installation, number), None),
            700..850 => {
                let repository = installation * 100 + rng.below_i64(REPOSITORIES);
                let full_name = format!("org-{installation}/name-{number}");
                let body = renamed(installation, repository, &full_name, at);
                ("repository", body, Some(Effect::Named { repository, full_name }))
            }
            850..950 => {
                let since = rng.permille(500).then_some(at * 1_000);
                let body = suspension(installation, at, since.is_some());
                ("installation", body, Some(Effect::Suspended { installation, since }))
            }
            _ => ("star", json!({ "action": "created", "installation": { "id": installation } }), None),
        };
        let body = body.to_string().into_bytes();
        Self { guid: guid(seed, number), event, body, effect, double, late }
    }

    /// The number that a delivery id was made of, if it is one of these.
    pub(super) fn number(seed: u64, found: &str) -> Option<u64> {
        let (_, tail) = found.rsplit_once('-')?;
        let number = u64::from_str_radix(tail, 16).ok()?;
        (guid(seed, number) == found).then_some(number)
    }
}

impl World {
    /// After deliveries 0 to `count`.
    pub(super) fn after(seed: u64, count: u64) -> Self {
        let mut world = Self::default();
        for number in 0..count {
            match Delivery::of(seed, number).effect {
                Some(Effect::Named { repository, full_name }) => {
                    world.names.insert(repository, full_name);
                }
                Some(Effect::Suspended { installation, since }) => {
                    world.suspended.insert(installation, since);
                }
                None => {}
            }
        }
        world
    }

    /// How many entries differ from another's.
    pub(super) fn differences(&self, other: &Self) -> u64 {
        let names = differences(&self.names, &other.names);
        names + differences(&self.suspended, &other.suspended)
    }
}

fn differences<V: PartialEq>(left: &BTreeMap<i64, V>, right: &BTreeMap<i64, V>) -> u64 {
    let changed = left.iter().filter(|(id, value)| right.get(id) != Some(*value)).count();
    let more = right.keys().filter(|id| !left.contains_key(id)).count();
    (changed + more) as u64
}

fn rfc3339(at: i64) -> String {
    DateTime::from_timestamp(at, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn push(rng: &mut Rng, installation: i64, number: u64) -> Value {
    json!({
        "ref": "refs/heads/main",
        "after": format!("{:016x}{:016x}00000000", rng.next(), rng.next()),
        "number": number,
        "repository": { "id": installation * 100, "full_name": format!("org-{installation}/site") },
        "installation": { "id": installation },
        "commits": [{ "message": rng.alphanumeric(300), "modified": ["src/main.rs"] }],
    })
}

fn renamed(installation: i64, repository: i64, full_name: &str, at: i64) -> Value {
    json!({
        "action": "renamed",
        "changes": { "repository": { "name": { "from": "before" } } },
        "repository": {
            "id": repository,
            "full_name": full_name,
            "owner": { "id": installation + 1, "login": format!("org-{installation}"), "type": "Organization" },
            "private": true,
            "fork": false,
            "created_at": rfc3339(EPOCH - 1),
            "updated_at": rfc3339(at),
        },
        "installation": { "id": installation },
    })
}

fn suspension(installation: i64, at: i64, suspended: bool) -> Value {
    json!({
        "action": if suspended { "suspend" } else { "unsuspend" },
        "installation": {
            "id": installation,
            "account": { "id": installation + 1, "login": format!("org-{installation}"), "type": "Organization" },
            "repository_selection": "all",
            "permissions": { "contents": "read" },
            "suspended_at": suspended.then(|| rfc3339(at)),
            "updated_at": rfc3339(at),
        },
    })
}

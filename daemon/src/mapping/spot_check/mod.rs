//! Spot-check (B6): which mapped repositories are looked at, how two copies compare, and what the whole says.

use std::collections::BTreeMap;

use cutover_shared::ids::{LinkKey, TenantId};
use cutover_shared::mapping::{SpotCheckRow, SpotOutcome};

#[cfg(test)]
mod tests;

/// How many are sampled when nobody says otherwise.
pub const DEFAULT_SAMPLE: usize = 10;
/// The smallest sample, and the fewest comparisons that can pass.
pub const LEAST: usize = 5;
/// The largest sample.
pub const MOST: usize = 1_000;

/// A mapped repository of a project that may be sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub key: LinkKey,
    pub tenant: TenantId,
    /// In percent.
    pub confidence: u8,
}

/// What identifies the content of one side. Digests and shas are lower-case hex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    /// SHA-256 over the content's bytes.
    pub content_digest: Option<String>,
    pub tree_sha: Option<String>,
    pub commit_sha: Option<String>,
}

/// Chooses `size` of the population (between [`LEAST`] and [`MOST`]; all, when there are no more). Each confidence
/// gets its turn, the least certain first; within one, tenants that have fewest so far come first. The same seed
/// and population give the same sample, whatever order the population comes in.
pub fn sample(population: impl IntoIterator<Item = Candidate>, size: usize, seed: u64) -> Vec<Candidate> {
    let mut strata: BTreeMap<u8, BTreeMap<TenantId, Vec<(u64, Candidate)>>> = BTreeMap::new();
    for candidate in population {
        let rank = rank(seed, candidate.key.as_str());
        let tenants = strata.entry(candidate.confidence).or_default();
        tenants.entry(candidate.tenant.clone()).or_default().push((rank, candidate));
    }
    for candidates in strata.values_mut().flat_map(BTreeMap::values_mut) {
        // The next one to take is the last.
        candidates.sort_by(|(a, x), (b, y)| (b, &y.key).cmp(&(a, &x.key)));
    }
    let mut strata: Vec<_> = strata.into_values().collect();
    let mut taken: BTreeMap<TenantId, usize> = BTreeMap::new();
    let mut chosen = Vec::new();
    let size = size.clamp(LEAST, MOST);
    while chosen.len() < size && !strata.is_empty() {
        for stratum in &mut strata {
            if chosen.len() == size {
                break;
            }
            let next = stratum
                .keys()
                .min_by_key(|tenant| (taken.get(*tenant).copied().unwrap_or(0), rank(seed, tenant.as_str())))
                .cloned();
            let Some(tenant) = next else { continue };
            let Some(candidates) = stratum.get_mut(&tenant) else { continue };
            if let Some((_, candidate)) = candidates.pop() {
                chosen.push(candidate);
                *taken.entry(tenant.clone()).or_default() += 1;
            }
            if candidates.is_empty() {
                stratum.remove(&tenant);
            }
        }
        strata.retain(|stratum| !stratum.is_empty());
    }
    chosen
}

/// Compares what was imported with what the installation fetches: by content where both sides have it, else by tree,
/// else by commit. `fetched` is an error when GitHub could not be asked; its text goes into the report.
pub fn compare(imported: &Artifact, fetched: Result<&Artifact, &str>) -> (SpotOutcome, String) {
    let fetched = match fetched {
        Ok(fetched) => fetched,
        Err(why) => return (SpotOutcome::Unreachable, why.to_owned()),
    };
    let sides = [
        ("content", &imported.content_digest, &fetched.content_digest),
        ("tree", &imported.tree_sha, &fetched.tree_sha),
        ("commit", &imported.commit_sha, &fetched.commit_sha),
    ];
    for (what, before, now) in sides {
        let (Some(before), Some(now)) = (before, now) else { continue };
        // A SHA-1 name and a SHA-256 name of the same object always differ.
        if before.len() != now.len() || before.is_empty() {
            continue;
        }
        return if before.eq_ignore_ascii_case(now) {
            (SpotOutcome::Match, format!("{what} {}", short(now)))
        } else {
            let detail = format!("{what} was {} at import, is {} by installation", short(before), short(now));
            (SpotOutcome::Mismatch, detail)
        };
    }
    let nothing = [&imported.content_digest, &imported.tree_sha, &imported.commit_sha];
    let why = if nothing.iter().all(|side| side.is_none()) {
        "the catalog has neither content, tree nor commit of the import"
    } else {
        "GitHub gave nothing of what the catalog has of the import"
    };
    (SpotOutcome::NotComparable, why.to_owned())
}

/// Whether the sample passes, and why. One mismatch fails; so do fewer than [`LEAST`] comparisons.
pub fn verdict(rows: &[SpotCheckRow]) -> (bool, String) {
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
    let (matching, mismatching) = (count(SpotOutcome::Match), count(SpotOutcome::Mismatch));
    let (bare, unreachable) = (count(SpotOutcome::NotComparable), count(SpotOutcome::Unreachable));
    let mut left_out = Vec::new();
    if bare > 0 {
        left_out.push(format!("{bare} not comparable"));
    }
    if unreachable > 0 {
        left_out.push(format!("{unreachable} unreachable"));
    }
    let left_out =
        if left_out.is_empty() { String::new() } else { format!(" ({} left out)", left_out.join(", ")) };
    if mismatching > 0 {
        let of = rows.iter().filter(|row| row.outcome == SpotOutcome::Mismatch);
        let names: Vec<&str> = of.take(5).map(|row| row.key.as_str()).collect();
        let more = if mismatching > names.len() { ", ..." } else { "" };
        let compared = matching + mismatching;
        return (false, format!("{mismatching} of {compared} differ: {}{more}{left_out}", names.join(", ")));
    }
    if matching < LEAST {
        return (
            false,
            format!("only {matching} of {} could be compared, {LEAST} are needed{left_out}", rows.len()),
        );
    }
    (true, format!("{matching} of {matching} match{left_out}"))
}

fn short(hex: &str) -> &str {
    hex.get(..12).unwrap_or(hex)
}

/// A number for each text that depends on the seed: FNV-1a, then SplitMix64's mixer. It must stay as it is, because
/// a report names its seed so that its sample can be drawn again.
fn rank(seed: u64, text: &str) -> u64 {
    let mut hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    hash = hash.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

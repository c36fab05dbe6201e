//! Who may deliver webhooks, when only GitHub's published addresses may. Pure.

use ipnet::IpNet;

/// Networks that are taken from one answer at most; GitHub has a dozen.
pub const MOST_NETWORKS: usize = 10_000;

/// What becomes of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    NotAllowed,
    /// GitHub's list was never had, so nobody can tell.
    Unknown,
}

/// Whether the caller (a network of one address) may deliver. `github`: its list, none when it was never had. `extra`: allowed
/// in any case.
pub fn judge(caller: IpNet, github: Option<&[IpNet]>, extra: &[IpNet]) -> Verdict {
    let has = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&caller));
    match github {
        _ if has(extra) => Verdict::Allowed,
        None => Verdict::Unknown,
        Some(networks) if has(networks) => Verdict::Allowed,
        Some(_) => Verdict::NotAllowed,
    }
}

/// Networks out of GitHub's words, sorted, each once. None when there is not one, or one can't be read: an answer that is not
/// understood must neither lock GitHub out nor let others in.
pub fn networks(words: &[String]) -> Option<Vec<IpNet>> {
    if words.len() > MOST_NETWORKS {
        return None;
    }
    let mut networks = words
        .iter()
        .map(|word| word.trim().parse::<IpNet>().ok().map(|network| network.trunc()))
        .collect::<Option<Vec<_>>>()?;
    networks.sort_unstable();
    networks.dedup();
    // The whole internet is no list.
    let narrow = networks.iter().all(|network| network.prefix_len() > 0);
    (narrow && !networks.is_empty()).then_some(networks)
}

#[cfg(test)]
mod tests;

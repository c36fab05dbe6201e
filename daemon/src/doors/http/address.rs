//! Who calls, when proxies stand in front. Pure.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Entries that are looked at; a chain of proxies is short, a forged list need not be.
const MOST_ENTRIES: usize = 32;

/// The caller's address: the peer's, unless that is a trusted proxy. Then the right-most entry of `X-Forwarded-For` that is
/// no trusted proxy: whatever stands left of it could have been written by the caller. `forwarded`: the header's lines in
/// their order. Behind an entry that is no address, the proxy that wrote it stands for the caller.
pub fn client<'h>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'h str>,
    trusted: &[IpNet],
) -> IpAddr {
    let mut caller = peer.to_canonical();
    let mut entries = forwarded.rev().flat_map(|line| line.rsplit(',')).take(MOST_ENTRIES);
    while trusted.iter().any(|network| network.contains(&caller)) {
        let Some(next) = entries.next().and_then(entry) else { break };
        caller = next;
    }
    caller
}

/// What failures are counted by: one household has a whole /64 of IPv6.
pub fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(four) => four.into(),
        IpAddr::V6(six) => std::net::Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn entry(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests;

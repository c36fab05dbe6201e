use std::net::Ipv4Addr;

use super::*;

fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

#[test]
fn an_address_over_the_limit_stays_away_until_its_minute_is_over() {
    let clock = Clock::manual(0);
    let limit = FailedSignatures::new(clock.clone(), 3);
    for _ in 0..2 {
        limit.failed(address(1));
    }
    assert_eq!(limit.stay_away(address(1)), None);
    clock.advance(Duration::from_secs(20));
    limit.failed(address(1));
    assert_eq!(limit.stay_away(address(1)), Some(Duration::from_secs(40)));
    assert_eq!(limit.stay_away(address(2)), None);
    clock.advance(Duration::from_secs(40));
    assert_eq!(limit.stay_away(address(1)), None);
    limit.failed(address(1));
    assert_eq!(limit.stay_away(address(1)), None);
}

#[test]
fn a_proven_address_is_not_shut_out_by_strangers_behind_it() {
    let clock = Clock::manual(0);
    let limit = FailedSignatures::new(clock.clone(), 1);
    limit.verified(address(1));
    limit.failed(address(1));
    assert_eq!(limit.stay_away(address(1)), None);
    clock.advance(PROVEN_FOR);
    limit.failed(address(1));
    assert!(limit.stay_away(address(1)).is_some());
}

#[test]
fn memory_is_bounded_and_strangers_crowd_out_no_proven_address() {
    let limit = FailedSignatures::new(Clock::manual(0), 1);
    limit.verified(address(1));
    for n in 0..20_000_u32 {
        limit.failed(Ipv4Addr::from_bits(0x0a00_0000 + n).into());
    }
    limit.failed(address(1));
    assert_eq!(limit.stay_away(address(1)), None);
    let state = limit.state.lock().unwrap();
    assert_eq!((state.failed.len(), state.proven.len()), (ADDRESSES.get(), 1));
}

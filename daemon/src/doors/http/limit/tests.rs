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

#[test]
fn each_address_and_each_user_has_a_minutes_calls() {
    let clock = Clock::manual(0);
    let rates = Rates::new(clock.clone(), 3, 2);
    for _ in 0..3 {
        assert_eq!(rates.auth(address(1)), Ok(()));
    }
    let over = rates.auth(address(1)).unwrap_err();
    assert_eq!((over.status.as_u16(), over.code), (429, "rate_limited"));
    assert_eq!(over.retry_after, Some(Duration::from_secs(20)));
    assert_eq!(rates.auth(address(2)), Ok(()));
    for who in ["ana", "bob"] {
        assert_eq!((rates.api(who), rates.api(who)), (Ok(()), Ok(())));
        assert!(rates.api(who).is_err());
    }
    assert_eq!((rates.service(), rates.service()), (Ok(()), Ok(())));
    assert!(rates.service().is_err());
    // A third of a minute brings one of three back.
    clock.advance(Duration::from_secs(20));
    assert_eq!(rates.auth(address(1)), Ok(()));
    assert!(rates.auth(address(1)).is_err());
    assert!(rates.api("ana").is_err());
    clock.advance(Duration::from_secs(10));
    assert_eq!(rates.api("ana"), Ok(()));
}

#[test]
fn one_household_of_ipv6_is_one_caller_and_callers_are_bounded() {
    let rates = Rates::new(Clock::manual(0), 1, 1);
    assert_eq!(rates.auth("2001:db8::1".parse().unwrap()), Ok(()));
    assert!(rates.auth("2001:db8::ffff:2".parse().unwrap()).is_err());
    assert_eq!(rates.auth("2001:db8:0:1::1".parse().unwrap()), Ok(()));
    assert!(rates.auth("::ffff:192.0.2.1".parse().unwrap()).is_ok());
    assert!(rates.auth(address(1)).is_err());
    for n in 0..20_000_u32 {
        let _ = rates.api(&format!("u{n}"));
    }
    assert_eq!(rates.api.seen.lock().unwrap().len(), ADDRESSES.get());
}

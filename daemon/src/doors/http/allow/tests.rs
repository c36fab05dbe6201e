use proptest::prelude::*;

use super::*;

fn nets(words: &[&str]) -> Vec<IpNet> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

fn one(address: &str) -> IpNet {
    let address: std::net::IpAddr = address.parse().unwrap();
    address.into()
}

#[test]
fn only_listed_networks_may_and_no_list_is_no_answer() {
    let github = nets(&["192.30.252.0/22", "2a0a:a440::/29"]);
    let extra = nets(&["10.1.0.0/16"]);
    for (caller, expected) in [
        ("192.30.252.0", Verdict::Allowed),
        ("192.30.255.255", Verdict::Allowed),
        ("192.31.0.0", Verdict::NotAllowed),
        ("2a0a:a440::1", Verdict::Allowed),
        ("2a0b::1", Verdict::NotAllowed),
        ("10.1.2.3", Verdict::Allowed),
        ("10.2.2.3", Verdict::NotAllowed),
    ] {
        assert_eq!(judge(one(caller), Some(&github), &extra), expected, "{caller}");
    }
    assert_eq!(judge(one("192.30.252.1"), None, &extra), Verdict::Unknown);
    assert_eq!(judge(one("10.1.2.3"), None, &extra), Verdict::Allowed);
}

#[test]
fn an_answer_that_is_not_understood_is_no_list() {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(networks(&[]), None);
    assert_eq!(networks(&words(&["192.30.252.0/22", "everything"])), None);
    assert_eq!(networks(&words(&["0.0.0.0/0"])), None);
    assert_eq!(networks(&words(&["192.30.252.0/22", "::/0"])), None);
    assert_eq!(networks(&vec!["192.30.252.0/22".to_owned(); MOST_NETWORKS + 1]), None);
    let good = networks(&words(&["192.30.252.7/22", " 2606:50c0::/32", "192.30.252.0/22"]));
    assert_eq!(good, Some(nets(&["192.30.252.0/22", "2606:50c0::/32"])));
}

proptest! {
    #[test]
    fn whoever_is_in_no_network_is_never_allowed(
        caller: std::net::IpAddr,
        listed in prop::collection::vec((any::<std::net::IpAddr>(), 1..=32_u8), 0..8),
    ) {
        let listed: Vec<IpNet> =
            listed.into_iter().map(|(address, length)| IpNet::new(address, length).unwrap()).collect();
        let inside = listed.iter().any(|network| network.contains(&caller));
        let expected = if inside { Verdict::Allowed } else { Verdict::NotAllowed };
        prop_assert_eq!(judge(caller.into(), Some(&listed), &[]), expected);
        prop_assert_eq!(judge(caller.into(), Some(&[]), &listed), expected);
    }

    #[test]
    fn any_words_get_an_answer(words in prop::collection::vec(".{0,40}", 0..5)) {
        let _ = networks(&words);
    }
}

use proptest::prelude::*;

use super::*;

fn trusted() -> Vec<IpNet> {
    ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).to_vec()
}

fn seen(peer: &str, lines: &[&str]) -> String {
    client(peer.parse().unwrap(), lines.iter().copied(), &trusted()).to_string()
}

#[test]
fn only_a_trusted_peer_is_believed() {
    assert_eq!(seen("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
    assert_eq!(seen("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
    assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
    assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
}

#[test]
fn the_right_most_that_is_not_trusted_counts() {
    assert_eq!(seen("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2"]), "198.51.100.7");
    assert_eq!(seen("10.0.0.1", &["1.1.1.1", "198.51.100.7", "10.0.0.2"]), "198.51.100.7");
    assert_eq!(seen("10.0.0.1", &["10.0.0.3,10.0.0.2"]), "10.0.0.3");
    assert_eq!(seen("fd00::1", &["[2001:db8::1]:443"]), "2001:db8::1");
    assert_eq!(seen("10.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
    assert_eq!(seen("10.0.0.1", &["192.0.2.7:4711"]), "192.0.2.7");
    assert_eq!(seen("10.0.0.1", &["::ffff:192.0.2.7"]), "192.0.2.7");
}

#[test]
fn behind_nonsense_stands_the_proxy_that_wrote_it() {
    assert_eq!(seen("10.0.0.1", &["1.1.1.1, unknown, 10.0.0.2"]), "10.0.0.2");
    assert_eq!(seen("10.0.0.1", &["1.1.1.1,"]), "10.0.0.1");
    let long = "10.0.0.9,".repeat(10_000) + "10.0.0.2";
    assert_eq!(seen("10.0.0.1", &[&long]), "10.0.0.9");
}

#[test]
fn one_household_is_counted_as_one() {
    let counted = |text: &str| counted(text.parse().unwrap()).to_string();
    assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(counted("192.0.2.7"), "192.0.2.7");
    assert_eq!(counted("::ffff:192.0.2.7"), "192.0.2.7");
}

proptest! {
    /// Whatever a caller writes ahead, the proxy's own entry decides.
    #[test]
    fn a_caller_cant_choose_its_address(forged in "[0-9a-f:., ]{0,60}", own in any::<[u8; 4]>()) {
        let own = IpAddr::from(own);
        prop_assume!(!trusted().iter().any(|net| net.contains(&own)));
        let line = format!("{forged}, {own}");
        prop_assert_eq!(client("10.0.0.1".parse().unwrap(), std::iter::once(line.as_str()), &trusted()), own);
    }
}

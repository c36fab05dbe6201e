use proptest::prelude::*;

use super::*;

/// Values of the reference implementation.
#[test]
fn the_hash_is_the_published_one() {
    for (text, hash) in [
        ("", 0x0000_0000),
        ("a", 0x3c25_69b2),
        ("ab", 0x9bbf_d75f),
        ("abc", 0xb3dd_93fa),
        ("abcd", 0x43ed_676a),
        ("Hello, world!", 0xc036_3e43),
        ("The quick brown fox jumps over the lazy dog", 0x2e4f_f723),
    ] {
        assert_eq!(murmur3(text.as_bytes(), 0), hash, "{text}");
    }
}

/// Ten thousand keys and their buckets, written once. A change of them moves tenants: it needs a new version of the algorithm.
#[test]
fn ten_thousand_keys_fall_where_they_always_fell() {
    let golden = include_str!("../../../../tests/data/buckets-v1.csv");
    let bucketing = Bucketing::new(1, "golden").unwrap();
    let mut rows = 0;
    for line in golden.lines() {
        let (tenant, bucket) = line.split_once(',').unwrap();
        assert_eq!(bucketing.bucket(tenant).to_string(), bucket, "{tenant}");
        rows += 1;
    }
    assert_eq!(rows, 10_000);
}

#[test]
#[ignore = "writes the golden file; only for a new version of the algorithm"]
fn write_the_golden_file() {
    let bucketing = Bucketing::new(1, "golden").unwrap();
    let mut text = String::new();
    for n in 0..10_000 {
        // Names of several shapes and lengths, not only numbers that count up.
        let tenant = match n % 4 {
            0 => format!("tenant-{n}"),
            1 => format!("{:08x}-0000-4000-8000-{:012x}", n * 2_654_435_761_u64 % 4_294_967_296, n),
            2 => format!("org_{}", n * n),
            _ => format!("mieter-ü{n}"),
        };
        let bucket = bucketing.bucket(&tenant);
        text.push_str(&format!("{tenant},{bucket}\n"));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/buckets-v1.csv");
    std::fs::write(path, text).unwrap();
}

#[test]
fn buckets_are_filled_evenly() {
    let bucketing = Bucketing::new(ALGORITHM, "github-auth").unwrap();
    let mut tenths = [0_u32; 10];
    for n in 0..100_000 {
        tenths[usize::from(bucketing.bucket(&format!("tenant-{n}")) / 1_000)] += 1;
    }
    // Seven standard deviations of a fair split.
    assert!(tenths.iter().all(|tenth| (9_300..=10_700).contains(tenth)), "{tenths:?}");
}

#[test]
fn an_algorithm_that_is_not_known_is_said() {
    assert_eq!(Bucketing::new(2, "x"), Err(UnknownAlgorithm(2)));
}

proptest! {
    #[test]
    fn a_bucket_keeps_the_order_of_ranks(one: u32, other: u32) {
        prop_assert!(scaled(one) < BUCKETS);
        prop_assert!(one > other || scaled(one) <= scaled(other));
    }
}

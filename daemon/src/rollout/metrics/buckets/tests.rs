use proptest::prelude::*;

use super::*;

#[test]
fn buckets_follow_each_other_without_a_gap() {
    let mut next = 0;
    for at in 0..BUCKETS {
        let (first, last) = bounds(at);
        assert_eq!(first, next, "bucket {at}");
        assert_eq!((bucket(first), bucket(last)), (at, at));
        next = last + 1;
    }
    assert_eq!(next, LONGEST_US + 1);
    assert_eq!(bucket(u64::MAX), BUCKETS - 1);
}

#[test]
fn counts_above_leave_out_the_bucket_itself() {
    let mut histogram = Histogram::default();
    histogram.add(100, 5);
    histogram.add(1_000, 3);
    histogram.add(90_000, 2);
    assert_eq!((histogram.total(), histogram.count_above(100), histogram.count_above(99)), (10, 5, 10));
    assert_eq!((histogram.count_above(1_000), histogram.count_above(u64::MAX)), (2, 0));
    assert_eq!((histogram.quantile(500), histogram.quantile(0)), (Some(100), Some(100)));
    assert_eq!(Histogram::default().quantile(500), None);
}

#[test]
fn bytes_that_nobody_wrote_are_refused() {
    for bytes in
        [&[][..], &[2], &[1, 3], &[1, 3, 0], &[1, 0x80], &[1, 3, 1, 0, 1], &[1, 0xff, 0x7f, 1], &[0xff; 30]]
    {
        assert_eq!(Histogram::decode(bytes), Err(NoHistogram), "{bytes:?}");
    }
    assert_eq!(Histogram::decode(&[1]), Ok(Histogram::default()));
}

proptest! {
    #[test]
    fn a_quantile_is_within_a_hundredth(mut latencies in prop::collection::vec(0..LONGEST_US, 1..300), per_mille in 1_u64..=1_000) {
        let mut histogram = Histogram::default();
        for us in &latencies {
            histogram.add(*us, 1);
        }
        latencies.sort_unstable();
        let at = (latencies.len() * usize::try_from(per_mille).unwrap()).div_ceil(1_000).max(1) - 1;
        let (true_us, told) = (latencies[at], histogram.quantile(per_mille).unwrap());
        prop_assert!(told.abs_diff(true_us) * 100 <= true_us, "{told} for {true_us}");
    }

    #[test]
    fn what_is_written_is_read_and_merging_is_adding(parts in prop::collection::vec(prop::collection::vec((0..u64::MAX, 1_u64..1 << 40), 0..40), 1..5)) {
        let mut all = Histogram::default();
        let mut merged = Histogram::default();
        for part in &parts {
            let mut one = Histogram::default();
            for (us, calls) in part {
                one.add(*us, *calls);
                all.add(*us, *calls);
            }
            let read = Histogram::decode(&one.encode()).unwrap();
            prop_assert_eq!(&read, &one);
            merged.merge(&read);
        }
        prop_assert_eq!(merged, all);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Histogram::decode(&bytes);
        let mut ours = vec![FORMAT];
        ours.extend(bytes);
        let _ = Histogram::decode(&ours);
    }
}

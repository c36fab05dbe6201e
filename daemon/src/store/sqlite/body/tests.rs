use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn what_is_packed_comes_back(body in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'a')], 0..4_000)) {
        let body = Bytes::from(body);
        let packed = pack(&body);
        prop_assert!(packed.body.len() <= body.len());
        let bytes = i64::try_from(body.len()).unwrap();
        prop_assert_eq!(unpack(packed.packing, packed.body.to_vec(), bytes), Ok(body));
    }

    #[test]
    fn damage_is_an_error(packing in prop::sample::select(vec!["zstd", "plain", "gzip"]),
                          body in prop::collection::vec(any::<u8>(), 0..40), bytes in -1_i64..60) {
        let answer = unpack(packing, body.clone(), bytes);
        let is_plain = packing == "plain" && i64::try_from(body.len()) == Ok(bytes);
        prop_assert_eq!(answer.is_ok(), is_plain);
    }
}

#[test]
fn a_bomb_is_held_to_the_size_that_is_stored() {
    let packed = pack(&Bytes::from(vec![0_u8; 10_000_000]));
    assert_eq!(packed.packing, "zstd");
    assert!(packed.body.len() < 10_000);
    assert!(unpack("zstd", packed.body.to_vec(), 1_000).is_err());
    assert!(unpack("zstd", packed.body.to_vec(), 10_000_001).is_err());
}

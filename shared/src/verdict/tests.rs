use super::*;

fn claim(compared: u64, mismatches: u64, proven_ppm: u32) -> Claim {
    Claim { compared, mismatches, proven_ppm, wanted_ppm: 999_900, confidence_permille: 950, missing: 0 }
}

#[test]
fn a_claim_says_its_numbers() {
    assert_eq!(claim(2_995, 0, 999_000).to_string(), "0 mismatches in 2,995; proven >= 99.9 %");
    assert_eq!(claim(1_234_567, 1, 999_996).to_string(), "1 mismatch in 1,234,567; proven >= 99.9996 %");
    assert_eq!(claim(0, 0, 0).to_string(), "0 mismatches in 0; proven >= 0.0 %");
    assert_eq!(claim(10, 10, 50).to_string(), "10 mismatches in 10; proven >= 0.005 %");
}

#[test]
fn words_on_the_wire_are_the_words_people_see() {
    for trigger in Trigger::ALL {
        assert_eq!(serde_json::to_value(trigger).unwrap(), trigger.word());
        assert_eq!(Trigger::from_word(trigger.word()), Some(*trigger));
    }
    for verdict in Verdict::ALL {
        assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.word());
    }
    for state in ReadingState::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.word());
    }
    for measure in WorthMeasure::ALL {
        assert_eq!(serde_json::to_value(measure).unwrap(), measure.word());
    }
}

/// What a newer daemon adds, and what an older one leaves out, is no obstacle.
#[test]
fn readings_of_other_versions_are_read() {
    let older = r#"{"trigger":"error_rate","effect":"rollback","state":"clear","unit":"ppm","value":1,"threshold":2,
        "warning_at":1,"distance_permille":900,"sample":3,"floor":3,"missing":0,"later":true}"#;
    let reading: Reading = serde_json::from_str(older).unwrap();
    assert_eq!((reading.name, reading.evidence), (None, None));
}

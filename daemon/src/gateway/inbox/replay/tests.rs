use super::*;

fn row(state: DeliveryState, kept: bool) -> DeliveryRow {
    DeliveryRow {
        seq: 7,
        guid: "72d3162e".into(),
        event: "push".into(),
        action: None,
        installation: Some(1),
        repo_id: None,
        repository: None,
        received_at: 1,
        digest: String::new(),
        bytes: 2,
        state,
        attempts: 0,
        due_at: 0,
        ended_at: None,
        note: None,
        repeats: 0,
        kept,
    }
}

#[test]
fn what_waits_or_has_no_body_is_not_replayed() {
    for state in [DeliveryState::Handled, DeliveryState::Ignored, DeliveryState::Dead] {
        assert_eq!(allow(&row(state, true)), Ok(()), "{state}");
        assert_eq!(allow(&row(state, false)), Err(ReplayError::NotKept("72d3162e".into())), "{state}");
    }
    for kept in [true, false] {
        let refused = allow(&row(DeliveryState::Waiting, kept));
        assert_eq!(refused, Err(ReplayError::Waiting("72d3162e".into())));
    }
}

#[test]
fn another_number_than_agreed_is_refused_with_both() {
    assert_eq!(agree(0, 0), Ok(()));
    assert_eq!(agree(MOST, MOST), Ok(()));
    assert_eq!(agree(MOST + 1, MOST + 1), Err(ReplayError::TooMany(MOST + 1)));
    for (expected, found) in [(3, 4), (4, 3), (0, 1), (u64::MAX, 1)] {
        let text = agree(expected, found).unwrap_err().to_string();
        assert!(text.contains(&expected.to_string()) && text.contains(&found.to_string()), "{text}");
    }
}

#[test]
fn the_audit_names_a_filter_that_is_empty() {
    assert_eq!((subject(" "), subject(" state:dead")), ("all", "state:dead"));
}

use super::*;
use crate::store::{ReadError, WriteError};

fn row(state: DeliveryState, due_at: i64) -> DeliveryRow {
    DeliveryRow {
        seq: 7,
        guid: "72d3162e".into(),
        event: "installation".into(),
        action: Some("suspend".into()),
        installation: Some(41),
        repo_id: Some(9),
        repository: Some("acme/app".into()),
        received_at: 1000,
        digest: "ab".into(),
        bytes: 20,
        state,
        attempts: 2,
        due_at,
        ended_at: None,
        note: Some("tried".into()),
        repeats: 1,
        kept: true,
    }
}

#[test]
fn a_next_try_is_told_only_of_what_waits_for_one() {
    let due = |state, due_at| view(row(state, due_at)).due_at;
    assert_eq!(due(DeliveryState::Waiting, 5000), Some(5000));
    assert_eq!(due(DeliveryState::Waiting, 0), None, "at once");
    for state in [DeliveryState::Handled, DeliveryState::Ignored, DeliveryState::Dead] {
        assert_eq!(due(state, 5000), None, "{state}");
    }
    let view = view(row(DeliveryState::Dead, 0));
    assert_eq!((view.installation, view.repo_id), (Some(InstallationId(41)), Some(RepoId(9))));
    assert_eq!((view.attempts, view.repeats, view.kept), (2, 1, true));
}

#[test]
fn refusals_say_what_why_and_the_mend() {
    let failed = WriteError::Unavailable("disk full".into());
    let unread = ReadError::Unavailable { doing: "reading the inbox", cause: String::new() };
    for (error, code, exit, words) in [
        (ReplayError::Unknown("g".into()), ErrorCode::NotFound, 2, "webhook list"),
        (ReplayError::Waiting("g".into()), ErrorCode::WrongState, 3, "webhook show g"),
        (ReplayError::NotKept("g".into()), ErrorCode::WrongState, 3, "redelivery"),
        (ReplayError::Changed { expected: 12, found: 13 }, ErrorCode::StalePlan, 3, "--dry-run"),
        (ReplayError::TooMany(2_000_000), ErrorCode::Usage, 2, "narrow"),
        (ReplayError::Read(unread), ErrorCode::Store, 6, "log"),
        (ReplayError::Write { done: 256, total: 400, cause: failed }, ErrorCode::Store, 6, "--dry-run"),
    ] {
        let told = replay_error(error.clone());
        assert_eq!((told.code, told.code.exit()), (code, exit), "{error}");
        assert!(told.hint.contains(words), "{}", told.hint);
    }
    let told = replay_error(ReplayError::Changed { expected: 12, found: 13 });
    assert!(told.message.contains("12") && told.message.contains("13"), "{}", told.message);
}

//! The bench's kills and bad times in a small form: what they look at is of rules, not of speed.

use std::path::PathBuf;

use cutover_tests::load::fleet::ill::{IllLoad, ill};
use cutover_tests::load::fleet::kill::{KillLoad, killed};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_again_and_again_leaves_the_fleet_as_if_nobody_had() {
    let load = KillLoad {
        databases: 20,
        files: 80,
        kills: 6,
        seed: 1,
        folder: folder(),
        program: PathBuf::from(env!("CARGO_BIN_EXE_cutover-demo")),
    };
    let report = killed(&load).await.unwrap();
    assert_eq!(report.missed(), Vec::<&str>::new(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_down_fails_or_was_changed_by_hand_is_named_and_all_others_are_done() {
    let report = ill(&IllLoad { tenants: 200, folder: folder() }).await.unwrap();
    assert_eq!(report.missed(), Vec::<&str>::new(), "{report}");
}

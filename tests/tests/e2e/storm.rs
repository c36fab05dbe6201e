//! The storm in its small form; docs/performance.md has the full one.

use std::path::PathBuf;

use cutover_tests::load::gateway::Program;
use cutover_tests::load::storm::{Storm, run};

use super::stage::EXE;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_202_survives_kills_and_outages_and_is_handled_once() {
    let folder = tempfile::tempdir().unwrap();
    let storm = Storm {
        deliveries: 2_000,
        kills: 3,
        outages: 1,
        connections: 16,
        folder: folder.path().to_owned(),
        program: Program { roles: PathBuf::from(EXE), daemon: None },
        seed: 11,
    };
    let report = run(&storm).await.unwrap();
    assert_eq!(report.missed(), Vec::<&str>::new(), "{report}");
}

//! The kill switch: by the daemon, and without it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use std::os::unix::fs::PermissionsExt;

use cutover_shared::error::ErrorCode;
use cutover_shared::paths;
use cutover_shared::rpc::{Act, Receipt, ReplicaReceipt, ReplicaState};
use support::{Daemon, Reply, sample};

#[tokio::test]
async fn the_daemon_kills_and_says_what_it_did() {
    let daemon = Daemon::start().obeys(|_| Reply::Say(Receipt::Kill(sample::kill(""))));
    let ran = daemon.run(&["kill", "--reason", "tenants see errors"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(daemon.acts(), [Act::Kill { reason: "tenants see errors".into(), rollout: None }]);
    insta::assert_snapshot!("killed_by_the_daemon", ran.out);

    let mut replicas = sample::kill("");
    let [local] = replicas.replicas.as_slice() else { panic!("{replicas:?}") };
    let lost = ReplicaReceipt {
        name: "cutoverd-2".into(),
        state: ReplicaState::LegacyByLease,
        at: sample::NOW + 15_000,
        targets_after: None,
    };
    let late = ReplicaReceipt { name: "cutoverd-3".into(), targets_after: Some(2), ..local.clone() };
    replicas.replicas.push(lost);
    let quiet = replicas.clone();
    replicas.replicas.push(late);
    let daemon = Daemon::start().obeys(move |_| Reply::Say(Receipt::Kill(quiet.clone())));
    assert_eq!(daemon.run(&["kill"]).await.code, 0);
    let daemon = Daemon::start().obeys(move |_| Reply::Say(Receipt::Kill(replicas.clone())));
    let ran = daemon.run(&["kill"]).await;
    assert_eq!(ran.code, 1, "calls took the target afterwards");
    insta::assert_snapshot!("killed_on_replicas", ran.out);

    let daemon =
        Daemon::start().obeys(|_| Reply::Say(Receipt::Kill(sample::kill("the store does not answer"))));
    let ran = daemon.run(&["kill"]).await;
    assert_eq!(ran.code, 1, "something is still owed");
    assert!(ran.out.contains("NOT YET") && ran.out.contains("the store does not answer"), "{ran:?}");
}

#[tokio::test]
async fn whatever_is_in_the_way_the_local_kill_is_named() {
    let absent = Daemon::absent();
    let hanging_up = Daemon::start().obeys(|_| Reply::HangUp);
    let failing = Daemon::start().obeys(|_| Reply::code(ErrorCode::Store));
    let refusing = Daemon::start().greets(|_| Reply::HangUp);
    for (daemon, code) in [(absent, 4), (hanging_up, 4), (failing, 6), (refusing, 4)] {
        let ran = daemon.run(&["kill"]).await;
        assert_eq!(ran.code, code);
        assert!(
            ran.err.contains("`cutover kill --local`") && ran.err.contains("NOTHING WAS KILLED"),
            "{ran:?}"
        );
        assert!(!paths::kill_marker(daemon.folder.path()).exists());
    }
}

#[tokio::test]
async fn the_local_kill_writes_the_marker_without_a_daemon() {
    let daemon = Daemon::absent();
    let folder = daemon.folder.path();
    let ran = daemon.run(&["kill", "--local", "--reason", "socket \"dead\"\n"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    insta::assert_snapshot!("killed_locally", ran.out);

    let marker = paths::kill_marker(folder);
    let content: serde_json::Value = serde_json::from_slice(&std::fs::read(&marker).unwrap()).unwrap();
    let uid = nix::unistd::getuid();
    assert_eq!(content["at"], sample::NOW);
    assert_eq!(content["reason"], "socket \"dead\"\n");
    assert_eq!(content["origin"], "cli --local");
    assert!(content["by"].as_str().unwrap().ends_with(&format!("({uid})")), "{content}");
    assert_eq!(std::fs::metadata(&marker).unwrap().permissions().mode() & 0o777, 0o644);
    // Nothing is left beside it.
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);

    let again = daemon.run(&["kill", "--local", "--json", "--reason", "second"]).await;
    assert_eq!((again.code, &again.json()["already"]), (0, &true.into()));
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&marker).unwrap()).unwrap();
    assert_eq!(kept, content, "who killed first is not forgotten");
}

#[tokio::test]
async fn a_half_written_marker_of_a_crashed_call_is_no_obstacle() {
    let daemon = Daemon::absent();
    let folder = daemon.folder.path();
    let left = folder.join(format!(".kill.marker.{}.partial", std::process::id()));
    std::fs::write(&left, "{\"at\"").unwrap();
    assert_eq!(daemon.run(&["kill", "--local"]).await.code, 0);
    assert!(paths::kill_marker(folder).exists() && !left.exists());
}

#[tokio::test]
async fn a_kill_that_kills_nothing_says_so() {
    let daemon = Daemon::absent();
    let nowhere = daemon.folder.path().join("nowhere");
    let ran = daemon.run(&["kill", "--local", "--state-dir", nowhere.to_str().unwrap()]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("NOTHING WAS KILLED: there is no state folder"), "{ran:?}");
    assert!(!nowhere.exists(), "a made-up folder would be a false comfort");

    // The marker's place is taken by what can't be renamed over.
    let blocked = daemon.folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let ran = daemon.run(&["kill", "--local", "--json", "--state-dir", blocked.to_str().unwrap()]).await;
    assert_eq!((ran.code, ran.error()["code"].as_str()), (2, Some("not_found")));
}

#[tokio::test]
async fn a_viewer_kills_nothing_locally_either() {
    let daemon = Daemon::absent();
    for option in [&["--read-only"][..], &["--role", "viewer"]] {
        let ran = daemon.run(&[&["kill", "--local"], option].concat()).await;
        assert_eq!(ran.code, 3, "{ran:?}");
    }
    assert!(!paths::kill_marker(daemon.folder.path()).exists());
}

//! A full disk: nothing is lost, everybody is told, and it goes on by itself once there is room.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cutover_shared::error::ErrorCode;
use cutover_shared::ids::ActKey;
use cutover_shared::mapping::{MapAct, Mode};
use cutover_shared::rpc::{Act, Answer, Query};
use cutover_shared::run::{RunAct, RunState, RunView};
use cutover_shared::status::{Check, Health};
use cutover_tests::harness::Daemon;
use cutover_tui::conn::Conn;

use super::kill::pull;
use super::stage::{
    REPOS, Stage, audit, copy, mode, plan, set_going, until_audited, until_moving, until_state,
};

/// A small file system of its own under a state folder; it goes away with the value.
struct Disk {
    dir: PathBuf,
}

impl Disk {
    /// None where the system does not let this user mount one.
    fn mount(dir: &Path) -> Option<Self> {
        // The folder holds the key already: it is carried over.
        let kept = tempfile::TempDir::new().unwrap();
        copy(dir, kept.path());
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs"])
            .arg(dir)
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("left out: this user can't mount a small disk");
            return None;
        }
        copy(kept.path(), dir);
        Some(Self { dir: dir.to_owned() })
    }

    fn fill(&self) {
        let mut ballast = File::create(self.dir.join("ballast")).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
        while ballast.write_all(&[0]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.dir.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.dir).status();
    }
}

/// A run of so many items a second is moving when its disk gets full; None where no small disk can be mounted.
async fn moving_on_a_full_disk(rate: u32) -> Option<(Stage, Disk, Daemon, Conn, RunView)> {
    let stage = Stage::new().await;
    let disk = Disk::mount(&stage.home.state())?;
    let daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    set_going(&conn, &run, Some(rate)).await;
    until_moving(&conn, &run.id).await;
    disk.fill();
    Some((stage, disk, daemon, conn, run))
}

async fn store_check(conn: &Conn) -> Check {
    let Answer::Doctor(checks) = conn.query(Query::Doctor).await.unwrap() else { panic!("another answer") };
    checks.into_iter().find(|check| check.name == "store").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_outlives_a_full_disk_and_nothing_is_lost() {
    let Some((stage, disk, daemon, conn, run)) = moving_on_a_full_disk(40).await else { return };
    let check = store_check(&conn).await;
    assert_eq!(check.health, Health::Bad, "{check:?}");
    assert!(check.text.contains("full") && check.mend.contains("free space"), "{check:?}");
    stage.say(&[1], &["doctor"]).await;

    // Status says it too, out of memory, and goes on saying what there is.
    let status = stage.ask(&[0], &["status"]).await;
    let first = &status["attention"][0];
    assert_eq!(
        (&first["health"], &first["runbook"]),
        (&"bad".into(), &"store_disk_full.md".into()),
        "{status}"
    );
    assert!(first["text"].as_str().unwrap().contains("full"), "{first}");

    // It can be looked at, and an act says that it was not done.
    let held = super::stage::show(&conn, &run.id).await;
    assert_eq!(held.state, RunState::Applying, "{held:?}");
    let act = Act::Map(MapAct::SetMode { mode: Some(Mode::On), canary: None });
    let error = conn.act(ActKey::fresh(), act).await.unwrap_err();
    assert_eq!((error.code, error.code.exit()), (ErrorCode::Store, 6), "{error}");
    assert_eq!(mode(&conn).await.mode, Mode::Off);
    stage.say(&[0], &["status"]).await;

    disk.free();
    let done = until_state(&conn, &run.id, RunState::Done).await;
    assert_eq!(done.progress.counts.done + done.progress.counts.skipped, REPOS as u64);
    let chunks = audit(&conn).await.into_iter().filter(|record| record.act == "run.chunk");
    let items: u64 = chunks.map(|record| record.detail["items"].as_u64().unwrap()).sum();
    assert_eq!(items, REPOS as u64, "each item in one chunk");
    assert_eq!(store_check(&conn).await.health, Health::Ok);
    let status = stage.ask(&[0], &["status"]).await.to_string();
    assert!(!status.contains("can't be written"), "{status}");
    stage.say(&[0], &["audit", "verify"]).await;
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_on_a_full_disk_holds_in_memory_and_says_so() {
    let Some((stage, disk, daemon, conn, run)) = moving_on_a_full_disk(20).await else { return };
    let receipt = pull(&conn, "disk is full").await;
    assert!(!receipt.stored && !receipt.marker, "{receipt:?}");
    assert!(receipt.owed.contains("memory"), "{receipt:?}");
    assert!(mode(&conn).await.killed);
    let resume = Act::Run(RunAct::Resume { id: run.id.clone(), rate: None });
    let error = conn.act(ActKey::fresh(), resume).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Killed, "{error}");
    let held = super::stage::show(&conn, &run.id).await.progress.counts.pending;
    assert!(held > 0);

    disk.free();
    let records = until_audited(&conn, "kill").await;
    assert_eq!((records.len(), &records[0].detail["reason"]), (1, &"disk is full".into()));
    let paused = until_state(&conn, &run.id, RunState::Paused).await;
    assert_eq!(paused.progress.counts.pending, held, "the brake held");
    daemon.kill().await.unwrap();
    let daemon = stage.daemon().await;
    assert!(mode(&stage.connect().await).await.killed, "and now it outlives a crash");
    daemon.stop().await.unwrap();
}

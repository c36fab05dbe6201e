//! What one tenant, one crash or one clone can't do to the others.

use super::super::disk::Free;
use super::super::push::Sent;
use super::*;

/// Git's processes are in the daemon's cgroup: it has room for both, and one that is ended takes nobody along.
#[test]
fn the_unit_has_room_for_git_beside_the_daemon() {
    let unit = include_str!("../../../../docs/systemd/cutoverd.service");
    let value = |key: &str| {
        let values: Vec<&str> =
            unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect();
        let [value] = values[..] else { panic!("{key}: {values:?}") };
        value
    };
    assert_eq!(value("OOMPolicy"), "continue");
    let memory: u64 = value("MemoryMax").strip_suffix('G').unwrap().parse().unwrap();
    let tasks: usize = value("TasksMax").parse().unwrap();
    // As docs/sandboxes.md counts: the daemon, and for each operation one large process, and all that it may be.
    let operations = 2 * AT_ONCE;
    assert!(memory << 30 >= (1 << 30) + u64::try_from(operations).unwrap() * MEMORY, "{memory}");
    assert!(tasks >= 1_024 + operations * PROCESSES, "{tasks}");
}

#[test]
fn a_disk_without_files_left_begins_nothing_either() {
    let free = |bytes, files| Free { bytes, files }.check(LEAST_FREE).is_ok();
    assert!(free(LEAST_FREE, Some(LEAST_FREE / 16_384)));
    assert!(free(LEAST_FREE, None), "some file systems don't bound them");
    assert!(!free(LEAST_FREE - 1, None));
    assert!(!free(u64::MAX, Some(LEAST_FREE / 16_384 - 1)));
    let dir = tempfile::tempdir().unwrap();
    assert!(Free::below(dir.path()).unwrap().bytes > 0);
}

/// A start serves before all is removed that a crash has left.
#[test]
fn a_start_kills_at_once_and_removes_later() {
    let dir = tempfile::tempdir().unwrap();
    let left = dir.path().join("crashed");
    std::fs::create_dir_all(left.join("rooms/one/home")).unwrap();
    let mut orphan = std::process::Command::new("sleep")
        .arg("600")
        .env("HOME", left.canonicalize().unwrap().join("rooms/one/home"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    // A process that has just become another program has no environment for a moment.
    let environment = format!("/proc/{}/environ", orphan.id());
    while std::fs::read(&environment).is_ok_and(|bytes| bytes.is_empty()) {
        std::thread::yield_now();
    }
    let (house, gone) = House::open(dir.path()).unwrap();
    assert!(!orphan.wait().unwrap().success());
    assert!(left.exists() && house.folder().exists());
    assert_eq!((gone.rooms, gone.folders.len()), (1, 1));
    gone.clear();
    assert!(!left.exists() && house.folder().exists());
}

/// Git as it is, but that a fetch does this.
fn fetching(dir: &Path, instead: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let program = dir.join("git");
    let text = format!("#!/bin/sh\ncase \" $* \" in *\" fetch \"*) {instead};; esac\nexec git \"$@\"\n");
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    program
}

/// The kernel ends git before the daemon, and that is the tenant's quota and not git's fault.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_killed_for_want_of_memory_has_used_up_a_quota() {
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("told");
    let tell = format!("cat /proc/self/oom_score_adj > '{}'", told.display());
    for ends in ["kill -9 $$", "echo 'fatal: fetch-pack: invalid index-pack output' >&2; exit 128"] {
        let program = fetching(dir.path(), &format!("{tell}; {ends}"));
        let change = |settings: &mut SandboxSettings| settings.program = program;
        let service = service(&dir.path().join("sandboxes"), change, &Clock::system());
        let error = service.direct().clone_repository(&ask("a")).await.unwrap_err();
        assert_eq!(error, SandboxError::Quota(QuotaKind::Memory), "{ends}");
        let likely: i32 = std::fs::read_to_string(&told).unwrap().trim().parse().unwrap();
        assert!(likely >= 500, "{likely}");
        service.close().await;
    }
}

/// Its git is killed with the sandbox, and that says nothing of git or of the mirror.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_loses_its_sandbox_is_over_its_time() {
    for kind in [ArmKind::Direct, ArmKind::Pooled] {
        for operation in ["clone", "push"] {
            let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(0));
            let begun = dir.path().join("begun");
            let hang = format!(": > '{}'; exec sleep 600", begun.display());
            let program = fetching(dir.path(), &hang);
            let change = |settings: &mut SandboxSettings| {
                (settings.program, settings.lease) = (program, 10 * SECOND);
            };
            let service = service(&dir.path().join("sandboxes"), change, &clock);
            let arm = service.arm(kind);
            let working = tokio::spawn(async move {
                let ask = GitAsk { reference: Reference::parse("main").unwrap(), ..ask("a") };
                if operation == "clone" {
                    return arm.clone_repository(&ask).await.map(drop);
                }
                arm.push(&ask, &change_of()).await.map(drop)
            });
            until("git works", || begun.exists()).await;
            clock.advance(10 * SECOND);
            service.reap();
            assert_eq!(working.await.unwrap(), Err(SandboxError::Expired), "{kind:?} {operation}");
            service.close().await;
        }
    }
}

fn change_of() -> Change {
    Change {
        branch: Branch::parse("main").unwrap(),
        expected: SHA.to_owned(),
        files: vec![FileChange::write("a", b"x".to_vec(), false).unwrap()],
        message: "x".to_owned(),
        author: Author::new("A", "a@b").unwrap(),
        time: 1,
        force: false,
    }
}

#[tokio::test]
async fn a_push_is_unsure_from_its_begin_unless_the_remote_refuses_it() {
    let sent = Sent::default();
    assert_eq!(sent.told(SandboxError::Closed), SandboxError::Closed);
    for refused in [
        SandboxError::Rejected("x".into()),
        SandboxError::Auth("x"),
        SandboxError::NotFound("the repository"),
    ] {
        sent.during(async { Err(refused.clone()) }).await.unwrap_err();
        assert_eq!(sent.told(refused.clone()), refused);
    }
    // One that nobody waits for any more has begun.
    let begun = Sent::default();
    let waiting = Clock::system().timeout(Duration::ZERO, begun.during(std::future::pending())).await;
    assert!(waiting.is_err());
    let unsure = |error: SandboxError| SandboxError::Unsure(Box::new(error));
    assert_eq!(begun.told(SandboxError::Closed), unsure(SandboxError::Closed));
    sent.during(async { Ok(()) }).await.unwrap();
    assert_eq!(sent.told(SandboxError::Auth("x")), unsure(SandboxError::Auth("x")));
    // A later try that is refused says nothing of an earlier one.
    sent.during(async { Err(SandboxError::Auth("x")) }).await.unwrap_err();
    assert_eq!(sent.told(SandboxError::Auth("x")), unsure(SandboxError::Auth("x")));
}

/// Also fetches that bring nothing, or fail: each may leave a reference.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_made_anew_after_so_many_fetches() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(0));
    let settings = SandboxSettings { mirror_packs: 2, ..SandboxSettings::default() };
    let mirrors = Mirrors::new(dir.path().to_owned(), clock);
    let key = (TenantId::from("a"), "r".to_owned());
    let first = mirrors.of(&key).unwrap();
    let is_first = || Arc::ptr_eq(&mirrors.of(&key).unwrap(), &first);
    let mut turn = mirrors.turn(&key, &first).await;
    turn.fetches(&settings);
    turn.done(&settings);
    for _ in 0..5 {
        mirrors.turn(&key, &first).await.done(&settings);
    }
    assert!(is_first(), "whoever finds all there fetches nothing");
    let mut failed = mirrors.turn(&key, &first).await;
    failed.fetches(&settings);
    drop(failed);
    assert!(is_first());
    let mut last = mirrors.turn(&key, &first).await;
    last.fetches(&settings);
    drop(last);
    assert!(!is_first());
}

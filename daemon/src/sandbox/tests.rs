#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cutover_shared::ids::TenantId;
use proptest::prelude::*;
use secrecy::SecretString;

use super::house::{House, kill_in};
use super::lease::Lease;
use super::mirror::Mirrors;
use super::room::Room;
use super::*;

mod bounds;

const SHA: &str = "0123456789012345678901234567890123456789";
const SECOND: Duration = Duration::from_secs(1);

fn ask(tenant: &str) -> GitAsk {
    GitAsk {
        tenant: TenantId::from(tenant),
        repository: Repository::of("http://127.0.0.1:9", "o/r").unwrap(),
        credential: SecretString::from("ghs_never"),
        reference: Reference::Head,
        operation: OperationId::parse("op-1").unwrap(),
        quota: Quota { wall: Duration::from_secs(30), ..Quota::default() },
    }
}

fn service(folder: &Path, change: impl FnOnce(&mut SandboxSettings), clock: &Clock) -> Sandboxes {
    let mut settings = SandboxSettings::in_folder(folder.to_owned());
    change(&mut settings);
    Sandboxes::new(settings, clock.clone()).unwrap()
}

async fn take(service: &Sandboxes, kind: ArmKind, tenant: &str) -> Result<Lease, SandboxError> {
    let ask = ask(tenant);
    let deadline = service.0.clock.monotonic() + ask.quota.wall;
    service.0.take(kind, &ask, deadline).await
}

/// Waits for a condition; half a minute of real time without it is a failure.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    assert!(Clock::system().timeout(Duration::from_secs(30), waiting).await.is_ok(), "{what} did not come");
}

fn rooms(folder: &Path) -> Vec<PathBuf> {
    let list = |folder: PathBuf| -> Vec<PathBuf> {
        std::fs::read_dir(folder).map_or(Vec::new(), |all| all.map(|entry| entry.unwrap().path()).collect())
    };
    list(folder.to_owned()).into_iter().flat_map(|house| list(house.join("rooms"))).collect()
}

#[test]
fn references_are_what_git_takes() {
    assert_eq!(Reference::parse("HEAD"), Some(Reference::Head));
    assert_eq!(Reference::parse(&SHA.to_uppercase()), Some(Reference::Commit(SHA.to_owned())));
    for (text, full) in [("main", "refs/heads/main"), ("refs/heads/a/b-c", "refs/heads/a/b-c")] {
        let Some(Reference::Branch(branch)) = Reference::parse(text) else { panic!("{text}") };
        assert_eq!(branch.full(), full);
    }
    for bad in [
        "", "-x", "a b", "a..b", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.LOCK/b", "a.", "a~", "a^",
        "a:b", "a?", "a*", "a[", "a\\", "a@{1}", "@", "a\nb", "a\u{7f}", "+a:b",
    ] {
        // A plus is nothing to git in a name, but a colon is.
        assert_eq!(Reference::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn repositories_paths_and_authors_can_t_say_more_than_they_are() {
    assert_eq!(Repository::of("https://h/", "O/r.x").unwrap().url(), "https://h/O/r.x.git");
    for bad in ["", "o", "o/", "/r", "o/r/x", "o/..", "../r", "o/r?x", "o/r x", "o/r\n", "o@h/r", "ö/r"] {
        assert_eq!(Repository::of("https://h", bad), None, "{bad:?}");
    }
    for good in ["a", "a/b c", "ä\n\"/x", ".github/x", ".gitmodules", "a.git"] {
        assert!(FileChange::remove(good).is_some(), "{good:?}");
    }
    for bad in [
        "",
        "/a",
        "a/",
        "a//b",
        "..",
        "a/../b",
        ".",
        ".git/config",
        "a/.GIT/x",
        ".git\u{200c}/x",
        ".git./x",
        "git~1/x",
        "a\\b",
        "a\0",
        ".git::$INDEX_ALLOCATION/x",
    ] {
        assert!(FileChange::write(bad, Vec::new(), false).is_none(), "{bad:?}");
    }
    assert!(Author::new("A B", "a@b").is_some());
    for (name, email) in [("a\nb", "x"), ("a", "x>"), ("<", "x"), ("", "x"), ("a", " ")] {
        assert_eq!(Author::new(name, email), None);
    }
    assert!(OperationId::parse("a:b-1.x_").is_some());
    assert!(OperationId::parse("a\nb").is_none() && OperationId::parse("").is_none());
}

#[test]
fn no_debug_text_holds_the_credential() {
    assert!(!format!("{:?}", ask("t")).contains("ghs_never"));
}

proptest! {
    #[test]
    fn whatever_stands_in_a_change_stays_in_its_place(
        path in "[^\0\\\\/]{1,12}", body in prop::collection::vec(any::<u8>(), 0..40), message in "[^\0]{0,40}"
    ) {
        let Some(file) = FileChange::write(&path, body.clone(), false) else { return Ok(()) };
        let change = Change {
            branch: Branch::parse("main").unwrap(),
            expected: SHA.to_owned(),
            files: vec![file],
            message,
            author: Author::new("A", "a@b").unwrap(),
            time: 1,
            force: false,
        };
        let stream = change.stream(&OperationId::parse("op").unwrap(), "refs/x");
        // A reader that trusts lengths and quotes alone comes to the end of it.
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let at = stream.windows(6).position(|six| six == b"\ndata ").unwrap() + 6;
        let end = at + stream[at..].iter().position(|b| *b == b'\n').unwrap();
        let length: usize = text(&stream[at..end]).parse().unwrap();
        let rest = &stream[end + 1 + length..];
        let head = format!("\nfrom {SHA}\nM 100644 inline \"");
        prop_assert!(rest.starts_with(head.as_bytes()), "{}", text(rest));
        let line = rest[head.len()..].iter().position(|b| *b == b'\n').unwrap() + head.len();
        prop_assert_eq!(rest[line - 1], b'"');
        let mut tail = format!("\ndata {}\n", body.len()).into_bytes();
        tail.extend_from_slice(&body);
        tail.extend_from_slice(b"\n\ndone\n");
        prop_assert_eq!(&rest[line..], &tail[..]);
    }

    #[test]
    fn no_name_makes_it_panic(text in ".{0,60}") {
        let _ = (Reference::parse(&text), Repository::of("https://h", &text), FileChange::remove(&text));
    }
}

#[test]
fn errors_have_one_word_each() {
    use crate::git::{GitError, Resource};
    for (error, class) in [
        (GitError::Denied, "auth"),
        (GitError::NotFound, "not_found"),
        (GitError::Rejected(String::new()), "remote_rejected"),
        (GitError::TimedOut(SECOND), "timed_out"),
        (GitError::Missing(String::new()), "unhealthy"),
        (GitError::Disk(String::new()), "io"),
    ] {
        assert_eq!(SandboxError::from(error).class(), class);
    }
    let hit = |resource| SandboxError::from(GitError::Exhausted(resource));
    assert_eq!(hit(Resource::Cpu), SandboxError::Quota(QuotaKind::Cpu));
    assert_eq!(hit(Resource::Disk), SandboxError::Quota(QuotaKind::Disk));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_keeps_three_ready_and_replaces_what_is_used_or_touched() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(0);
    let service = service(dir.path(), |settings| settings.warm = 0, &clock);
    let working = tokio::spawn({
        let service = service.clone();
        async move { service.work().await }
    });
    until("three", || service.figures().warm == 3).await;
    assert_eq!(service.figures().wanted, LEAST_WARM);
    let first = take(&service, ArmKind::Pooled, "a").await.unwrap();
    until("a fourth", || service.figures().warm == 3).await;
    let figures = service.figures();
    assert_eq!((figures.leased, figures.served_warm, figures.served_cold), (1, 1, 0));
    assert_eq!((figures.pool_wait.count, figures.pool_wait.buckets[0]), (1, 1));

    // Somebody has got at one that waits: it serves nobody.
    let warm: Vec<PathBuf> = rooms(dir.path()).into_iter().filter(|room| room != first.folder()).collect();
    std::fs::write(warm[0].join("repository.git/objects/info/alternates"), "/elsewhere\n").unwrap();
    std::fs::write(warm[1].join("repository.git/config"), "[core]\n\tsshCommand = id\n").unwrap();
    std::fs::write(warm[2].join("work/left"), "x").unwrap();
    clock.advance(ROUND);
    until("all three replaced", || service.figures().unhealthy == 3 && service.figures().warm == 3).await;
    until("they are gone", || warm.iter().all(|room| !room.exists())).await;

    let folder = first.folder().to_owned();
    drop(first);
    until("what was used is removed", || !folder.exists() && service.figures().leased == 0).await;
    service.close().await;
    working.await.unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    assert_eq!(take(&service, ArmKind::Direct, "a").await.unwrap_err().class(), "io");
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_bounded_for_a_tenant_and_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(0);
    let small = |settings: &mut SandboxSettings| {
        (settings.at_once, settings.per_tenant, settings.waiting) = (3, 2, 1);
    };
    let service = service(dir.path(), small, &clock);
    let one = take(&service, ArmKind::Pooled, "a").await.unwrap();
    let _two = take(&service, ArmKind::Pooled, "a").await.unwrap();
    let third = take(&service, ArmKind::Pooled, "a").await.unwrap_err();
    assert_eq!(third, SandboxError::Quota(QuotaKind::Sandboxes));
    // The other arm has its own places: a storm of one does not starve the other.
    let direct = take(&service, ArmKind::Direct, "a").await.unwrap();
    let _other = take(&service, ArmKind::Pooled, "b").await.unwrap();
    let (waiter, patient) = (service.clone(), service.clone());
    let waiting = tokio::spawn(async move { take(&waiter, ArmKind::Pooled, "c").await });
    until("one waits", || service.figures().waiting == 1).await;
    assert_eq!(take(&patient, ArmKind::Pooled, "d").await.unwrap_err(), SandboxError::Busy);
    // So is who waits for it.
    let _full = [
        take(&service, ArmKind::Direct, "a").await.unwrap(),
        take(&service, ArmKind::Direct, "b").await.unwrap(),
    ];
    let waiter = service.clone();
    let beside = tokio::spawn(async move { take(&waiter, ArmKind::Direct, "c").await });
    until("one waits for each", || service.figures().waiting == 2).await;
    drop(direct);
    assert!(beside.await.unwrap().is_ok());
    drop(one);
    let got = waiting.await.unwrap().unwrap();
    assert_eq!((service.figures().waiting, service.figures().leased), (0, 3));
    // Nobody waits longer than his own time.
    let waiting = tokio::spawn(async move { take(&patient, ArmKind::Pooled, "d").await });
    until("one waits", || service.figures().waiting == 1).await;
    clock.advance(Duration::from_secs(31));
    assert_eq!(waiting.await.unwrap().unwrap_err(), SandboxError::Busy);
    assert_eq!(service.figures().waiting, 0);
    drop(got);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_kept_too_long_and_a_folder_of_nobody_are_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(0);
    let service = service(dir.path(), |settings| settings.at_once = 1, &clock);
    let lease = take(&service, ArmKind::Pooled, "a").await.unwrap();
    let lost = lease.folder().with_file_name("lost");
    std::fs::create_dir_all(lost.join("work")).unwrap();
    service.reap();
    assert!(!lost.exists() && lease.path().exists() && !lease.is_over());
    assert_eq!(service.figures().reaped, 1);
    let late = std::process::Command::new("sleep")
        .arg("600")
        .env("HOME", lease.folder().join("home"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    clock.advance(LEASE);
    service.reap();
    assert!(lease.is_over());
    let late = std::cell::RefCell::new(late);
    until("what runs in it ends with it", || late.borrow_mut().try_wait().unwrap().is_some()).await;
    until("it is gone, and its place free", || !lease.path().exists() && service.figures().leased == 0).await;
    assert_eq!(service.figures().reaped, 2);
    let mut late = lease;
    let error = service.pooled().pull(&ask("a"), &mut late).await.unwrap_err();
    assert_eq!(error, SandboxError::Expired);
    let error = service.pooled().pull(&ask("b"), &mut late).await.unwrap_err();
    assert_eq!(error, SandboxError::NotYours);
}

/// A process that was killed has left its folder, its mirrors and a process of git's.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_has_left_goes_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let live = service(dir.path(), |_| {}, &clock);
    let kept = take(&live, ArmKind::Direct, "a").await.unwrap();
    let root = dir.path().canonicalize().unwrap();
    let house = root.join("crashed");
    std::fs::create_dir_all(house.join("rooms/one/home")).unwrap();
    std::fs::create_dir_all(house.join("mirrors/m/repository.git")).unwrap();
    std::fs::create_dir_all(root.join(".new-half")).unwrap();
    // This process's number, but not its start: somebody else had it before.
    std::fs::write(house.join("owner"), format!("{} 1 nothing\n", std::process::id())).unwrap();
    let mut orphan = std::process::Command::new("sleep")
        .arg("600")
        .env("HOME", house.join("rooms/one/home"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let next = service(dir.path(), |_| {}, &clock);
    assert_eq!(next.figures().reaped, 1);
    until("it is gone", || !house.exists() && !root.join(".new-half").exists()).await;
    let ended = orphan.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(9));
    assert!(kept.path().exists(), "who lives keeps what he has");
}

#[test]
fn only_processes_of_the_folder_are_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut beside = std::process::Command::new("sleep")
        .arg("600")
        .env("HOME", format!("{}-other/home", dir.path().display()))
        .spawn()
        .unwrap();
    kill_in(dir.path());
    assert!(beside.try_wait().unwrap().is_none());
    beside.kill().unwrap();
    beside.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn mirrors_are_a_tenant_s_own_and_the_least_used_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(0);
    let settings = SandboxSettings { mirrors: 2, ..SandboxSettings::default() };
    let mirrors = Mirrors::new(dir.path().to_owned(), clock.clone());
    let key = |tenant: &str, name: &str| (TenantId::from(tenant), name.to_owned());
    let (a, b) = (mirrors.of(&key("a", "r")).unwrap(), mirrors.of(&key("b", "r")).unwrap());
    assert_ne!(a.repository(), b.repository());
    assert_eq!(mirrors.of(&key("a", "r")).unwrap().repository(), a.repository());
    let fetched = async |key: &mirror::Key, mirror: &Arc<mirror::Mirror>| {
        clock.advance(SECOND);
        mirrors.of(key).unwrap();
        mirrors.turn(key, mirror).await.done(&settings);
    };
    fetched(&key("a", "r"), &a).await;
    fetched(&key("b", "r"), &b).await;
    let c = mirrors.of(&key("c", "r")).unwrap();
    fetched(&key("c", "r"), &c).await;
    assert_eq!(mirrors.figures().0, 2, "the first has gone");
    assert_ne!(mirrors.of(&key("a", "r")).unwrap().repository(), a.repository());
    // Whoever reads it keeps it.
    let folder = a.repository().parent().unwrap().to_owned();
    assert!(folder.exists());
    drop(a);
    until("the last reader has gone", || !folder.exists()).await;

    // A fetch that fails leaves what was there, and nothing of itself.
    std::fs::create_dir_all(b.repository().join("objects/pack")).unwrap();
    let left = b.repository().join("objects/pack/tmp_pack_x");
    std::fs::write(&left, "x").unwrap();
    drop(mirrors.turn(&key("b", "r"), &b).await);
    assert!(!left.exists());
    let d = mirrors.of(&key("d", "r")).unwrap();
    drop(mirrors.turn(&key("d", "r"), &d).await);
    assert_ne!(mirrors.of(&key("d", "r")).unwrap().repository(), d.repository(), "a first fetch that failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_too_many_bytes_of_mirrors_loses_his_own_and_nobody_else_does() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(0));
    let settings = SandboxSettings { tenant_mirror_bytes: 100, ..SandboxSettings::default() };
    let mirrors = Mirrors::new(dir.path().to_owned(), clock.clone());
    let key = |tenant: &str, name: &str| (TenantId::from(tenant), name.to_owned());
    let mut held = Vec::new();
    for key in [key("b", "r"), key("a", "r"), key("a", "s")] {
        clock.advance(SECOND);
        let mirror = mirrors.of(&key).unwrap();
        std::fs::create_dir_all(mirror.repository().join("objects/pack")).unwrap();
        std::fs::write(mirror.repository().join("objects/pack/p.pack"), [0; 60]).unwrap();
        mirrors.turn(&key, &mirror).await.done(&settings);
        held.push((key, mirror));
    }
    assert_eq!(mirrors.figures(), (2, 120), "the other tenant's is the oldest, and stays");
    let stayed = held.iter().map(|(key, mirror)| Arc::ptr_eq(&mirrors.of(key).unwrap(), mirror));
    assert_eq!(stayed.collect::<Vec<_>>(), [true, false, true]);
}

/// Git as it is, but that it tells its bounds first, and that a fetch starts three programs more.
fn telling(dir: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let (program, told) = (dir.join("git"), dir.join("told"));
    let text = format!(
        "#!/bin/sh
echo \"$(ulimit -t) $(ulimit -v) $(ulimit -f)\" >> '{}'
case \" $* \" in *\" fetch \"*) sleep 99 & sleep 99 & sleep 99 & wait;; esac
exec git \"$@\"
",
        told.display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_an_operation_is_held_to_its_quota() {
    for kind in [ArmKind::Direct, ArmKind::Pooled] {
        let dir = tempfile::tempdir().unwrap();
        let program = telling(dir.path());
        let change = |settings: &mut SandboxSettings| settings.program = program;
        let service = service(&dir.path().join("sandboxes"), change, &Clock::system());
        let bounds =
            Quota { cpu: 7 * SECOND, memory: 512 << 20, disk: 3 << 20, processes: 3, ..Quota::default() };
        let ask = GitAsk { quota: Quota { wall: Duration::from_secs(30), ..bounds }, ..ask("a") };
        let error = service.arm(kind).clone_repository(&ask).await.unwrap_err();
        assert_eq!(error, SandboxError::Quota(QuotaKind::Processes));
        let told = std::fs::read_to_string(dir.path().join("told")).unwrap();
        assert!(told.lines().count() >= 2, "{told}");
        assert!(told.lines().all(|line| line == "7 524288 6144"), "{told}");
        service.close().await;
    }
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_begins_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let service = service(dir.path(), |settings| settings.least_free = u64::MAX, &Clock::system());
    let error = take(&service, ArmKind::Direct, "a").await.unwrap_err();
    assert_eq!(error.class(), "unhealthy");
    assert!(rooms(dir.path()).is_empty());
}

#[tokio::test]
async fn a_git_that_is_not_there_is_unhealthy_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let service = service(dir.path(), |settings| settings.program = "no-such-git".into(), &Clock::system());
    let error = take(&service, ArmKind::Direct, "a").await.unwrap_err();
    assert_eq!(error.class(), "unhealthy", "{error}");
    until("nothing is left", || rooms(dir.path()).is_empty()).await;
    assert_eq!(service.figures().leased_direct, 0);
}

#[test]
fn a_room_is_gone_with_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    let house = Arc::new(House::open(dir.path()).unwrap().0);
    let room = Room::begin(&house).unwrap();
    let path = room.path().to_owned();
    assert!(path.exists() && !room.is_fresh(), "it has no repository yet");
    drop(room);
    assert!(!path.exists());
    assert_eq!(house.reap(), 0);
}

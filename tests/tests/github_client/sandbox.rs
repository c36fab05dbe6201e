//! Both arms of the sandbox service on real git over HTTP: the same results, each tenant by itself, nothing left or shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::sandbox::{
    ArmKind, Author, Branch, Change, FileChange, GitAsk, OperationId, Quota, QuotaKind, Reference,
    Repository, SandboxError, SandboxSettings, Sandboxes,
};
use cutover_shared::ids::TenantId;
use cutover_tests::github_sim::{Effect, Fault, RouteKind};
use cutover_tests::world::Level;
use cutover_tests::world::objects::Object;
use secrecy::{ExposeSecret, SecretString};

use super::stage::{Stage, until};

const HOUR: Duration = Duration::from_secs(3_600);
const ARMS: [ArmKind; 2] = [ArmKind::Direct, ArmKind::Pooled];

pub(crate) struct Bench {
    pub(crate) stage: Stage,
    pub(crate) service: Sandboxes,
    pub(crate) dir: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut SandboxSettings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = SandboxSettings::in_folder(dir.path().join("sandboxes"));
        change(&mut settings);
        let service = Sandboxes::new(settings, Clock::system()).unwrap();
        let stage = Stage::new().await;
        stage.sim.world().permit(stage.on_acme, "contents", Level::Write).unwrap();
        Self { stage, service, dir }
    }

    /// Of a member of Acme's, for the first repository.
    pub(crate) fn ask(&self, tenant: &str) -> GitAsk {
        GitAsk {
            tenant: TenantId::from(tenant),
            repository: self.repository("Acme/repo-0"),
            credential: self.stage.user_token.clone(),
            reference: Reference::parse("main").unwrap(),
            operation: OperationId::parse("op-1").unwrap(),
            quota: Quota { wall: Duration::from_secs(60), ..Quota::default() },
        }
    }

    fn repository(&self, full_name: &str) -> Repository {
        Repository::of(self.stage.sim.host(), full_name).unwrap()
    }

    /// The newest commit of the first repository with its tree and files, as the API has them.
    fn newest(&self) -> (String, String, BTreeMap<String, Vec<u8>>) {
        let snapshot = self.stage.sim.world().read(|world| {
            let repo = world.repo(self.stage.repos[0]).unwrap();
            world.snapshot(repo, u32::try_from(world.commits(repo).len()).unwrap() - 1).unwrap()
        });
        let files = snapshot.entries.into_iter().filter_map(|entry| match entry.object {
            Object::Blob(bytes) => Some((entry.path, bytes)),
            Object::Tree => None,
        });
        (snapshot.commit.sha.to_string(), snapshot.commit.tree.to_string(), files.collect())
    }

    /// Folders of sandboxes and mirrors.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let list = |folder: PathBuf| -> Vec<PathBuf> {
            std::fs::read_dir(folder)
                .map_or(Vec::new(), |all| all.filter_map(|e| Some(e.ok()?.path())).collect())
        };
        let houses = list(self.dir.path().join("sandboxes"));
        houses
            .into_iter()
            .flat_map(|house| [list(house.join("rooms")), list(house.join("mirrors"))].concat())
            .collect()
    }

    /// Programs that were started in a sandbox, by folder in `/proc` and command.
    fn processes(&self) -> Vec<(PathBuf, String)> {
        let home = format!("HOME={}/", self.dir.path().join("sandboxes").canonicalize().unwrap().display());
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let path = entry.path();
            let read =
                |name: &str| std::fs::read(path.join(name)).map(|b| String::from_utf8_lossy(&b).into_owned());
            if let (Ok(environment), Ok(command)) = (read("environ"), read("cmdline"))
                && environment.contains(&home)
            {
                found.push((path, command));
            }
        }
        found
    }

    fn hang(&self, kind: RouteKind) {
        // The stand-in's clock stands still, so that its answer never comes.
        self.stage.sim.faults().add(Fault::on(kind, Effect::Latency(HOUR)).always());
    }

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        until(what, || condition(self)).await;
    }

    pub(crate) async fn nothing_is_left(&self) {
        self.until("no process", |bench| bench.processes().is_empty()).await;
        self.until("no folder", |bench| bench.left().is_empty()).await;
        let at_rest = |bench: &Self| {
            let figures = bench.service.figures();
            (figures.leased, figures.leased_direct, figures.waiting) == (0, 0, 0)
        };
        self.until("every place is free", at_rest).await;
    }
}

pub(crate) fn change(expected: &str, text: &str) -> Change {
    Change {
        branch: Branch::parse("main").unwrap(),
        expected: expected.to_owned(),
        files: vec![
            FileChange::write("docs/a \"b\"\n.md", text.into(), false).unwrap(),
            FileChange::write("run.sh", b"#!/bin/sh\n".to_vec(), true).unwrap(),
            FileChange::remove("README.md").unwrap(),
        ],
        message: "A change\n\nM 100644 inline x\ndata 3".to_owned(),
        author: Author::new("Robin Doe", "robin@example.com").unwrap(),
        time: 1_750_000_000,
        force: false,
    }
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.symlink_metadata().unwrap().is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn both_arms_bring_what_the_api_shows() {
    let bench = Bench::new().await;
    let (commit, tree, content) = bench.newest();
    let ask = bench.ask("t1");
    let mut leases = Vec::new();
    for (kind, reference) in [
        (ArmKind::Direct, "main"),
        (ArmKind::Pooled, "HEAD"),
        (ArmKind::Pooled, "main"),
        (ArmKind::Pooled, commit.as_str()),
    ] {
        let ask = GitAsk { reference: Reference::parse(reference).unwrap(), ..ask.clone() };
        let cloned = bench.service.arm(kind).clone_repository(&ask).await.unwrap();
        assert_eq!((&cloned.commit_sha, &cloned.tree_sha), (&commit, &tree));
        assert_eq!(cloned.files, content.len() as u64);
        assert_eq!(cloned.bytes, content.values().map(|bytes| bytes.len() as u64).sum::<u64>());
        assert_eq!(files(&cloned.sandbox.path()), content);
        leases.push(cloned.sandbox);
    }
    let figures = bench.service.figures();
    assert_eq!((figures.mirror_misses, figures.mirror_hits, figures.mirrors), (1, 2, 1));
    assert_eq!((figures.leased, figures.leased_direct), (3, 1));

    // The next commit, in the sandboxes that are there; what was done to one is undone.
    let world = bench.stage.sim.world();
    world.push(bench.stage.repos[0]).unwrap();
    let (commit, tree, content) = bench.newest();
    for lease in &mut leases[..2] {
        std::fs::write(lease.path().join("added"), "x").unwrap();
        std::fs::remove_file(lease.path().join("run.sh")).unwrap();
        let pulled = bench.service.arm(lease.arm()).pull(&ask, lease).await.unwrap();
        assert_eq!((&pulled.commit_sha, &pulled.tree_sha), (&commit, &tree));
        assert!(pulled.fast_forward);
        assert_eq!(files(&lease.path()), content);
        // Again, with nothing new.
        assert_eq!(bench.service.arm(lease.arm()).pull(&ask, lease).await.unwrap(), pulled);
    }
    // Another commit of the history is no step forward.
    let before = leases[2].commit().to_owned();
    let back = GitAsk { reference: Reference::parse(&before).unwrap(), ..ask.clone() };
    for lease in &mut leases[..2] {
        let pulled = bench.service.arm(lease.arm()).pull(&back, lease).await.unwrap();
        assert_eq!((pulled.commit_sha, pulled.fast_forward), (before.clone(), false));
    }
    drop(leases);
    for kind in ARMS {
        for (reference, repository) in
            [("none", "Acme/repo-0"), ("main", "Acme/none"), (&"12".repeat(20), "Acme/repo-0")]
        {
            let ask = GitAsk {
                reference: Reference::parse(reference).unwrap(),
                repository: bench.repository(repository),
                ..ask.clone()
            };
            let error = bench.service.arm(kind).clone_repository(&ask).await.unwrap_err();
            assert_eq!(error.class(), "not_found", "{error}");
        }
    }
    bench.until("sandboxes go with their leases", |bench| bench.left().len() == 1).await;
    bench.service.close().await;
    assert_eq!(std::fs::read_dir(bench.dir.path().join("sandboxes")).unwrap().count(), 0);
    assert_eq!(bench.service.pooled().clone_repository(&ask).await.unwrap_err(), SandboxError::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_done_once_whichever_arm_repeats_it() {
    let bench = Bench::new().await;
    let (head, ..) = bench.newest();
    let (direct, pooled) = (bench.service.direct(), bench.service.pooled());
    let token = bench.stage.client().tokens().get(bench.stage.on_acme).await.unwrap().token;
    let ask = GitAsk { credential: token, ..bench.ask("t1") };
    let main = Branch::parse("main").unwrap();
    let first = change(&head, "one");
    let done = direct.push(&ask, &first).await.unwrap();
    assert!(done.pushed && done.remote_sha == done.commit_sha);
    for arm in [&pooled, &direct] {
        let again = arm.push(&ask, &first).await.unwrap();
        assert_eq!((again.commit_sha.as_str(), again.pushed), (done.commit_sha.as_str(), false));
        assert_eq!(arm.verify_remote(&ask, &main).await.unwrap(), Some(done.commit_sha.clone()));
    }
    assert_eq!(pushes(&bench), 1);
    let cloned = pooled.clone_repository(&ask).await.unwrap();
    assert_eq!((&cloned.commit_sha, &cloned.tree_sha), (&done.commit_sha, &done.tree_sha));
    let content = files(&cloned.sandbox.path());
    assert_eq!(content["docs/a \"b\"\n.md"], b"one");
    assert!(!content.contains_key("README.md"));

    // Another operation with the old expectation is refused; one on top of the first goes, and the first is still found.
    let other = GitAsk { operation: OperationId::parse("op-2").unwrap(), ..ask.clone() };
    for arm in [&pooled, &direct] {
        let error = arm.push(&other, &first).await.unwrap_err();
        assert!(matches!(&error, SandboxError::Rejected(said) if said.contains(&done.commit_sha)), "{error}");
    }
    let second = pooled.push(&other, &change(&done.commit_sha, "two")).await.unwrap();
    assert!(second.pushed);
    let again = direct.push(&ask, &first).await.unwrap();
    assert_eq!(
        (again.commit_sha, again.remote_sha, again.pushed),
        (done.commit_sha.clone(), second.commit_sha.clone(), false)
    );
    // Overwritten only when asked.
    let third = GitAsk { operation: OperationId::parse("op-3").unwrap(), ..ask.clone() };
    let forced = Change { force: true, ..change(&head, "three") };
    let over = pooled.push(&third, &forced).await.unwrap();
    assert_eq!(direct.verify_remote(&ask, &main).await.unwrap(), Some(over.commit_sha));
    assert_eq!(direct.verify_remote(&ask, &Branch::parse("mai").unwrap()).await.unwrap(), None);
    let wrong = Change { expected: "main".to_owned(), ..first };
    assert_eq!(direct.push(&ask, &wrong).await.unwrap_err().class(), "bad_input");
}

fn pushes(bench: &Bench) -> usize {
    bench.stage.sim.calls().log().iter().filter(|call| call.kind == RouteKind::GitPush).count()
}

/// The remote has taken the push, and its answer was lost.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_asked_for() {
    for kind in ARMS {
        let bench = Bench::new().await;
        let (head, ..) = bench.newest();
        bench.stage.sim.faults().add(Fault::on(RouteKind::GitPush, Effect::Cut { after: 0 }));
        let done = bench.service.arm(kind).push(&bench.ask("t1"), &change(&head, "one")).await.unwrap();
        assert!(done.pushed && done.remote_sha == done.commit_sha);
        // One that did not arrive is an error, and a repeat does it.
        bench.stage.sim.faults().add(Fault::status(RouteKind::GitPush, 503));
        let ask = GitAsk { operation: OperationId::parse("op-2").unwrap(), ..bench.ask("t1") };
        let next = change(&done.commit_sha, "two");
        let error = bench.service.arm(kind).push(&ask, &next).await.unwrap_err();
        assert_eq!(error.class(), "unavailable", "{error}");
        assert!(bench.service.arm(kind).push(&ask, &next).await.unwrap().pushed);
    }
}

/// The remote has taken the push, and is not asked any more what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_nobody_can_ask_about_is_unsure() {
    for kind in ARMS {
        let bench = Bench::new().await;
        let (head, ..) = bench.newest();
        let (arm, ask) = (bench.service.arm(kind), bench.ask("t1"));
        // For the fetch, for the push, and then no more.
        bench.stage.sim.faults().add(Fault::status(RouteKind::GitRefs, 403).after(2).always());
        let error = arm.push(&ask, &change(&head, "one")).await.unwrap_err();
        let SandboxError::Unsure(inner) = &error else { panic!("{error:?}") };
        assert_eq!((inner.class(), pushes(&bench)), ("auth", 1));
        bench.stage.sim.faults().clear();
        let again = arm.push(&ask, &change(&head, "one")).await.unwrap();
        assert_eq!((again.pushed, pushes(&bench)), (false, 1));

        bench.hang(RouteKind::GitPush);
        let next = GitAsk { operation: OperationId::parse("op-2").unwrap(), ..bench.ask("t1") };
        let pushing = tokio::spawn(async move { arm.push(&next, &change(&again.commit_sha, "two")).await });
        bench.until("git pushes", |bench| pushes(bench) == 2).await;
        bench.service.close().await;
        let error = pushing.await.unwrap().unwrap_err();
        assert_eq!(error, SandboxError::Unsure(Box::new(SandboxError::Closed)));
    }
}

/// Whatever is asked for, a mirror does not gather packs and references without end.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_made_anew_after_so_many_fetches() {
    let bench = Bench::with(|settings| settings.mirror_packs = 2).await;
    let pooled = bench.service.pooled();
    let mut made = Vec::new();
    for _ in 0..4 {
        pooled.clone_repository(&bench.ask("t1")).await.unwrap();
        pooled.clone_repository(&bench.ask("t1")).await.unwrap();
        made.push(bench.service.figures().mirror_misses);
        bench.stage.sim.world().push(bench.stage.repos[0]).unwrap();
    }
    // The third fetch is the last into the first mirror; the clone after it begins another.
    assert_eq!(made, [1, 1, 2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_counts_each_time_whatever_is_here_already() {
    let bench = Bench::new().await;
    let (head, ..) = bench.newest();
    let (ask, pooled) = (bench.ask("t1"), bench.service.pooled());
    let mut cloned = pooled.clone_repository(&ask).await.unwrap();
    // It may read, and not write.
    let world = bench.stage.sim.world();
    world.permit(bench.stage.on_acme, "contents", Level::Read).unwrap();
    let reader = bench.stage.client().tokens().get(bench.stage.on_acme).await.unwrap().token;
    let ask_to_read = GitAsk { credential: reader, ..ask.clone() };
    assert!(pooled.clone_repository(&ask_to_read).await.is_ok());
    let error = pooled.push(&ask_to_read, &change(&head, "x")).await.unwrap_err();
    assert!(matches!(error, SandboxError::Auth(_)), "the remote has refused it: {error:?}");

    world.revoke_user_token(bench.stage.user_token.expose_secret()).unwrap();
    for reference in ["main", "HEAD", head.as_str()] {
        let ask = GitAsk { reference: Reference::parse(reference).unwrap(), ..ask.clone() };
        for kind in ARMS {
            let error = bench.service.arm(kind).clone_repository(&ask).await.unwrap_err();
            assert_eq!(error.class(), "auth", "{reference}: {error}");
        }
        assert_eq!(pooled.pull(&ask, &mut cloned.sandbox).await.unwrap_err().class(), "auth");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_comes_to_what_another_has() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new().await;
    let pooled = bench.service.pooled();
    let mut first = pooled.clone_repository(&bench.ask("t1")).await.unwrap();
    let second = pooled.clone_repository(&bench.ask("t2")).await.unwrap();
    let third = pooled.clone_repository(&bench.ask("t1")).await.unwrap();
    let borrowed = |folder: &Path| {
        let text = std::fs::read_to_string(folder.join("repository.git/objects/info/alternates")).unwrap();
        assert_eq!(text.lines().count(), 1);
        text
    };
    let of = [&first, &second, &third].map(|cloned| borrowed(cloned.sandbox.folder()));
    assert_ne!(of[0], of[1], "two tenants, the same repository: two mirrors");
    assert_eq!(of[0], of[2], "one tenant: one mirror");
    assert_eq!(pooled.pull(&bench.ask("t2"), &mut first.sandbox).await.unwrap_err(), SandboxError::NotYours);
    let elsewhere = GitAsk { repository: bench.repository("Acme/repo-1"), ..bench.ask("t1") };
    assert_eq!(pooled.pull(&elsewhere, &mut first.sandbox).await.unwrap_err(), SandboxError::NotYours);
    // No path of the work tree leads out, and nobody else on the machine may look in.
    let mode = first.sandbox.folder().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    let used = first.sandbox.folder().to_owned();
    drop(first);
    until("it is gone", || !used.exists()).await;
    let next = pooled.clone_repository(&bench.ask("t2")).await.unwrap();
    assert_ne!(next.sandbox.folder(), used, "no sandbox serves twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_ends_in_his_time_and_who_gives_up_leaves_nothing() {
    for kind in ARMS {
        let bench = Bench::new().await;
        for route in [RouteKind::GitRefs, RouteKind::GitPack] {
            bench.hang(route);
            let wall = Duration::from_millis(900);
            let ask = GitAsk { quota: Quota { wall, ..Quota::default() }, ..bench.ask("t1") };
            let error = bench.service.arm(kind).clone_repository(&ask).await.unwrap_err();
            assert_eq!(error, SandboxError::TimedOut(wall));
            bench.nothing_is_left().await;

            let (arm, ask) = (bench.service.arm(kind), bench.ask("t1"));
            let cloning = tokio::spawn(async move { arm.clone_repository(&ask).await.map(drop) });
            bench.until("git speaks", |bench| bench.processes().len() > 1).await;
            cloning.abort();
            bench.nothing_is_left().await;
            bench.stage.sim.faults().clear();
        }
        assert_eq!(bench.service.figures().timed_out, 2);

        bench.hang(RouteKind::GitPack);
        let (arm, ask) = (bench.service.arm(kind), bench.ask("t1"));
        let cloning = tokio::spawn(async move { arm.clone_repository(&ask).await.map(drop) });
        bench.until("git speaks", |bench| bench.processes().len() > 1).await;
        bench.service.close().await;
        assert_eq!(cloning.await.unwrap(), Err(SandboxError::Closed));
        bench.nothing_is_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_so_many_work_at_once() {
    let bench = Bench::with(|settings| settings.at_once = 2).await;
    bench.hang(RouteKind::GitRefs);
    let cloning: Vec<_> = (0..5)
        .map(|n| {
            let (arm, ask) = (bench.service.pooled(), bench.ask(&format!("t{n}")));
            tokio::spawn(async move { arm.clone_repository(&ask).await.map(|cloned| cloned.commit_sha) })
        })
        .collect();
    bench.until("two work", |bench| bench.stage.sim.calls().in_flight() == 2).await;
    until("three wait", || bench.service.figures().waiting == 3).await;
    assert_eq!(bench.service.figures().leased, 2);
    bench.stage.sim.faults().clear();
    bench.stage.clock.advance(Duration::from_secs(3_500));
    bench.stage.clock.advance(Duration::from_secs(100));
    for one in cloning {
        assert_eq!(one.await.unwrap().unwrap(), bench.newest().0);
    }
}

/// Keeps what is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::field::Visit for Log {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0.lock().unwrap(), "{field}={value:?} ");
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("cutover")
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut self.clone());
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut self.clone());
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// While git runs its credential is in its environment, and nowhere else that can be looked at.
#[tokio::test]
async fn a_credential_is_in_no_argument_on_no_disk_and_in_no_log() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    for kind in ARMS {
        let bench = Bench::new().await;
        let ask = bench.ask("t1");
        let secrets = secrets(&ask.credential);
        let held = bench.service.arm(kind).clone_repository(&ask).await.unwrap();
        let (head, ..) = bench.newest();
        bench.service.arm(kind).push(&ask, &change(&head, "x")).await.unwrap();
        for route in [RouteKind::GitRefs, RouteKind::GitPack, RouteKind::GitPush] {
            bench.hang(route);
            let (arm, asked, next) = (bench.service.arm(kind), bench.ask("t2"), change(&head, "y"));
            let working = tokio::spawn(async move {
                let forced = Change { force: true, ..next };
                arm.push(&asked, &forced).await.map(drop)
            });
            let word = if route == RouteKind::GitPush { "push" } else { "fetch" };
            let speaks = |bench: &Bench| {
                let commands = bench.processes();
                bench.stage.sim.calls().in_flight() == 1
                    && [word, "remote-http"]
                        .iter()
                        .all(|word| commands.iter().any(|(_, said)| said.contains(word)))
            };
            bench.until("git speaks", speaks).await;
            let mut holders = 0;
            for (process, command) in bench.processes() {
                assert!(secrets.iter().all(|secret| !command.contains(secret)), "{command}");
                let environment = std::fs::read(process.join("environ")).unwrap_or_default();
                let environment = String::from_utf8_lossy(&environment).into_owned();
                holders += usize::from(secrets.iter().any(|secret| environment.contains(secret)));
            }
            assert!(holders > 0, "the test looks at the wrong processes");
            let seen = files(bench.dir.path());
            assert!(seen.len() > 10, "the test looks at the wrong folder");
            for (name, content) in seen {
                let text = String::from_utf8_lossy(&content);
                assert!(secrets.iter().all(|secret| !text.contains(secret)), "{name}");
            }
            working.abort();
            until("it has ended", || working.is_finished()).await;
            bench.stage.sim.faults().clear();
        }
        bench.stage.sim.faults().add(Fault::status(RouteKind::GitRefs, 401));
        let error = bench.service.arm(kind).clone_repository(&ask).await.unwrap_err();
        assert!(secrets.iter().all(|secret| !format!("{error} {error:?} {ask:?} {held:?}").contains(secret)));
    }
    let text = log.0.lock().unwrap().clone();
    assert!(text.contains("auth"), "nothing was logged: {text}");
    let secrets = secrets(&Bench::new().await.stage.user_token);
    assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
}

/// The ways in which a credential may be written.
fn secrets(credential: &SecretString) -> [String; 2] {
    use base64::Engine as _;
    let text = format!("x-access-token:{}", credential.expose_secret());
    [credential.expose_secret().to_owned(), base64::engine::general_purpose::STANDARD.encode(text)]
}

/// A mirror whose objects are lost is made anew, and the caller does not notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_mirror_is_made_anew() {
    let bench = Bench::new().await;
    let (ask, pooled) = (bench.ask("t1"), bench.service.pooled());
    let first = pooled.clone_repository(&ask).await.unwrap();
    let mirrors = first.sandbox.folder().parent().unwrap().with_file_name("mirrors");
    for damage in ["", "PACK"] {
        for (name, _) in
            files(&mirrors).iter().filter(|(name, _)| name.ends_with(".pack") || name.ends_with(".idx"))
        {
            let path = mirrors.join(name);
            if damage.is_empty() {
                std::fs::remove_file(&path).unwrap();
            } else {
                let mut mode = path.metadata().unwrap().permissions();
                std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
                std::fs::set_permissions(&path, mode).unwrap();
                std::fs::write(&path, damage).unwrap();
            }
        }
        let again = pooled.clone_repository(&ask).await.unwrap();
        assert_eq!(files(&again.sandbox.path()), bench.newest().2);
    }
    drop(first);
    let hits = bench.service.figures().quota_hits;
    assert!(hits.contains(&(QuotaKind::Disk, 0)));
}

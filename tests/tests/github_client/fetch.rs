//! Real git over HTTP: what is fetched, what is refused, and that nothing is left or shown of it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::git::{Artifacts, Git, GitError, GitSettings, Limits};
use cutover_tests::github_sim::{Effect, Fault, RouteKind};
use cutover_tests::world::objects::Object;
use secrecy::{ExposeSecret, SecretString};

use super::stage::{Stage, until};

const HOUR: Duration = Duration::from_secs(3_600);

/// Enough for everything here; time is real, because git's is.
pub(crate) const LIMITS: Limits = Limits { time: Duration::from_secs(60), bytes: 1 << 20, files: 1_000 };

pub(crate) struct Bench {
    pub(crate) stage: Stage,
    pub(crate) git: Git,
    pub(crate) dir: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let git = git_in(&dir.path().join("git"));
        Self { stage: Stage::new().await, git, dir }
    }

    fn url(&self, full_name: &str) -> String {
        format!("{}/{full_name}.git", self.stage.sim.host())
    }

    async fn token(&self) -> SecretString {
        self.stage.client().tokens().get(self.stage.on_acme).await.unwrap().token
    }

    /// The newest commit of a repository, and the one before.
    fn commits(&self, repo: i64) -> (String, String) {
        self.stage.sim.world().read(|world| {
            let commits = world.commits(world.repo(repo).unwrap());
            let [.., before, last] = commits.as_slice() else { panic!("two commits") };
            (last.sha.to_string(), before.sha.to_string())
        })
    }

    async fn fetch(&self, token: &SecretString, commit: &str, limits: Limits) -> Result<String, GitError> {
        let fetched = self.git.fetch(&self.url("Acme/repo-0"), token, commit, limits).await?;
        Ok(format!("{} {} {} {}", fetched.digest, fetched.tree_sha, fetched.bytes, fetched.files))
    }

    /// What is under way, which is nothing once nobody fetches.
    fn left(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.dir.path().join("git")).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }

    /// Programs that were started in the folder, by number and command.
    fn processes(&self) -> Vec<(PathBuf, String)> {
        let home = format!("HOME={}", self.dir.path().join("git").display());
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

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        until(what, || condition(self)).await;
    }
}

pub(crate) fn git_in(folder: &Path) -> Git {
    let settings = GitSettings { program: "git".into(), folder: folder.to_owned(), parallel: 4 };
    Git::new(settings, Clock::system()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fetched_is_what_the_api_shows() {
    let bench = Bench::new().await;
    let repo = bench.stage.repos[0];
    let (last, before) = bench.commits(repo);
    let token = bench.token().await;
    for (index, commit) in [(1, &last), (0, &before)] {
        let fetched = bench.git.fetch(&bench.url("Acme/repo-0"), &token, commit, LIMITS).await.unwrap();
        let snapshot =
            bench.stage.sim.world().read(|world| world.snapshot(world.repo(repo).unwrap(), index).unwrap());
        assert_eq!(fetched.commit_sha, snapshot.commit.sha.to_string());
        assert_eq!(fetched.tree_sha, snapshot.commit.tree.to_string());
        let files: BTreeMap<String, Vec<u8>> = snapshot
            .entries
            .into_iter()
            .filter_map(|entry| match entry.object {
                Object::Blob(bytes) => Some((entry.path, bytes)),
                Object::Tree => None,
            })
            .collect();
        assert_eq!(fetched.files, files.len() as u64);
        assert_eq!(fetched.bytes, files.values().map(|bytes| bytes.len() as u64).sum::<u64>());
        let folder = bench.dir.path().join("artifacts");
        let artifacts = Artifacts::new(folder, HOUR, u64::MAX, bench.stage.clock.clone()).unwrap();
        let kept = artifacts.keep(&fetched).unwrap();
        let file = std::fs::File::open(artifacts.find(&kept.id).unwrap()).unwrap();
        assert_eq!(unpacked(file), files);
        drop(fetched);
    }
    assert_eq!(bench.left(), Vec::<PathBuf>::new());
}

pub(crate) fn unpacked(archive: impl std::io::Read) -> BTreeMap<String, Vec<u8>> {
    let mut tar = tar::Archive::new(zstd::stream::read::Decoder::new(archive).unwrap());
    tar.entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().to_str().unwrap().to_owned(), bytes)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_credentials_bring_the_same() {
    let bench = Bench::new().await;
    let (last, before) = bench.commits(bench.stage.repos[0]);
    let by_installation = bench.fetch(&bench.token().await, &last, LIMITS).await.unwrap();
    let by_user = bench.fetch(&bench.stage.user_token, &last, LIMITS).await.unwrap();
    assert_eq!(by_installation, by_user);
    assert_ne!(bench.fetch(&bench.stage.user_token, &before, LIMITS).await.unwrap(), by_user);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_told_apart() {
    let bench = Bench::new().await;
    let (last, _) = bench.commits(bench.stage.repos[0]);
    let world = bench.stage.sim.world();
    let token = bench.token().await;
    let nowhere = "1234567890123456789012345678901234567890";
    assert_eq!(bench.fetch(&token, nowhere, LIMITS).await.unwrap_err(), GitError::NoSuchCommit);
    assert_eq!(
        bench.fetch(&"ghs_never".to_owned().into(), &last, LIMITS).await.unwrap_err(),
        GitError::Denied
    );
    // Another account's repository is not there for this token.
    let there = bench.git.fetch(&bench.url("solo/a"), &token, &last, LIMITS).await.unwrap_err();
    assert_eq!(there, GitError::NotFound);
    for (status, error) in [
        (403, GitError::Forbidden),
        (429, GitError::RateLimited),
        (503, GitError::Unavailable("status 503".into())),
    ] {
        bench.stage.sim.faults().add(Fault::status(RouteKind::GitRefs, status));
        assert_eq!(bench.fetch(&token, &last, LIMITS).await.unwrap_err(), error);
    }
    bench.stage.sim.faults().add(Fault::on(RouteKind::GitPack, Effect::Cut { after: 40 }).always());
    let cut = bench.fetch(&token, &last, LIMITS).await.unwrap_err();
    assert!(matches!(cut, GitError::Unavailable(_)), "{cut:?}");
    bench.stage.sim.faults().clear();
    // A credential goes to the address that it was meant for, and nowhere else.
    world.rename_repo(bench.stage.repos[0], "renamed").unwrap();
    assert_eq!(bench.fetch(&token, &last, LIMITS).await.unwrap_err(), GitError::Moved);
    assert!(bench.git.fetch(&bench.url("Acme/renamed"), &token, &last, LIMITS).await.is_ok());

    world.suspend(bench.stage.on_acme).unwrap();
    let url = bench.url("Acme/renamed");
    assert_eq!(bench.git.fetch(&url, &token, &last, LIMITS).await.unwrap_err(), GitError::Denied);
    world.unsuspend(bench.stage.on_acme).unwrap();
    let token = bench.token().await;
    assert!(bench.git.fetch(&url, &token, &last, LIMITS).await.is_ok());
    bench.stage.clock.advance(2 * HOUR);
    assert_eq!(bench.git.fetch(&url, &token, &last, LIMITS).await.unwrap_err(), GitError::Denied);
    let revoked = bench.stage.user_token.expose_secret().to_owned();
    world.revoke_user_token(&revoked).unwrap();
    assert_eq!(bench.git.fetch(&url, &revoked.into(), &last, LIMITS).await.unwrap_err(), GitError::Denied);
    assert_eq!(bench.left(), Vec::<PathBuf>::new());
    assert_eq!(bench.processes(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_and_leave_nothing() {
    let bench = Bench::new().await;
    let (last, _) = bench.commits(bench.stage.repos[0]);
    let token = bench.token().await;
    for limits in [Limits { bytes: 200, ..LIMITS }, Limits { files: 3, ..LIMITS }] {
        let error = bench.fetch(&token, &last, limits).await.unwrap_err();
        assert!(matches!(error, GitError::TooLarge { .. }), "{error:?}");
    }
    // The stand-in's clock stands still, so that its answer never comes.
    bench.stage.sim.faults().add(Fault::on(RouteKind::GitPack, Effect::Latency(HOUR)).always());
    let time = Duration::from_millis(700);
    let error = bench.fetch(&token, &last, Limits { time, ..LIMITS }).await.unwrap_err();
    assert_eq!(error, GitError::TimedOut(time));
    assert_eq!(bench.left(), Vec::<PathBuf>::new());
    bench.until("a process is left", |bench| bench.processes().is_empty()).await;
}

/// While git runs its credential is in its environment, and nowhere else that can be looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_in_no_argument_and_on_no_disk() {
    let bench = Bench::new().await;
    let (last, _) = bench.commits(bench.stage.repos[0]);
    let token = bench.token().await;
    let basic = {
        use base64::Engine as _;
        let text = format!("x-access-token:{}", token.expose_secret());
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    bench.stage.sim.faults().add(Fault::on(RouteKind::GitPack, Effect::Latency(HOUR)));
    let (git, url, shown) = (bench.git.clone(), bench.url("Acme/repo-0"), token.clone());
    let commit = last.clone();
    let fetching = tokio::spawn(async move { git.fetch(&url, &shown, &commit, LIMITS).await.map(|_| ()) });
    let remote = |bench: &Bench| bench.processes().iter().any(|(_, command)| command.contains("remote-http"));
    bench.until("git asks for the pack", remote).await;
    let mut holders = 0;
    for (process, command) in bench.processes() {
        assert!(!command.contains(token.expose_secret()) && !command.contains(&basic), "{command}");
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        holders += usize::from(String::from_utf8_lossy(&environment).contains(&basic));
    }
    assert!(holders > 0, "the test looks at the wrong processes");
    let mut folders = vec![bench.dir.path().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().filter_map(Result::ok) {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default()).into_owned();
            assert!(
                !text.contains(token.expose_secret()) && !text.contains(&basic),
                "{}",
                entry.path().display()
            );
            files += 1;
        }
    }
    assert!(files > 0, "the test looks at the wrong folder");
    // Whoever waits for it goes away: it ends with him.
    fetching.abort();
    bench.until("a process is left", |bench| bench.processes().is_empty()).await;
    bench.until("a folder is left", |bench| bench.left().is_empty()).await;
}

/// A daemon that was killed has left a folder; the next one removes it.
#[tokio::test(flavor = "multi_thread")]
async fn leftovers_go_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("git");
    std::fs::create_dir_all(folder.join("left/repository.git")).unwrap();
    std::fs::write(folder.join("left/repository.git/HEAD"), "x").unwrap();
    let git = git_in(&folder);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    assert!(git.version().await.unwrap().starts_with("git version "));
    let missing = GitSettings { program: "no-such-git".into(), folder, parallel: 1 };
    let git = Git::new(missing, Clock::system()).unwrap();
    assert!(matches!(git.version().await, Err(GitError::Missing(_))));
}

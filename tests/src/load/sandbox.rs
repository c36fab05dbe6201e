//! Both arms of git on a repository that has been there before: how long a clone takes, and whether a credential shows.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cutover_daemon::clock::Clock;
use cutover_daemon::sandbox::{
    ArmKind, GitAsk, OperationId, Quota, Reference, Repository, SandboxError, SandboxSettings, Sandboxes,
};
use cutover_shared::ids::TenantId;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::meter::Times;
use super::{Bar, Report};
use crate::github_sim::{Sim, SimError, SimSettings};
use crate::world::{AccountKind, NewRepo, World, WorldError};

/// How big the repository is, and how often it is cloned.
#[derive(Debug, Clone)]
pub struct SandboxLoad {
    /// Files of the work tree, 4 KiB each.
    pub files: usize,
    /// Commits, each of which writes ten files anew.
    pub commits: usize,
    /// Clones of each arm.
    pub rounds: usize,
    /// A bar that only a gross failure misses.
    pub small: bool,
    /// A folder on the disk to be measured; everything is written to a folder in it that is removed afterwards.
    pub folder: PathBuf,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum SandboxLoadError {
    /// A file or process.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The stand-in.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// Its world.
    #[error(transparent)]
    World(#[from] WorldError),
    /// An arm.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Something is not as it must be for the figures to mean anything.
    #[error("{0}")]
    Wrong(String),
}

/// Lines of 64 letters in a file.
const LINES: usize = 63;

/// How many times faster a warm clone has to be at the median.
const FASTER: f64 = 5.0;

/// The same in the small form: little history is little to be saved, and the work tree costs both arms the same.
const FASTER_SMALL: f64 = 1.5;

/// Takes all figures.
///
/// # Errors
/// [`SandboxLoadError`] when something fails; a figure that misses its bar is no error.
pub async fn run(load: &SandboxLoad) -> Result<Report, SandboxLoadError> {
    let clock = Clock::system();
    let folder = tempfile::tempdir_in(&load.folder)?;
    let bare = folder.path().join("repository.git");
    make(&bare, load).await?;
    let mut world = World::empty(7);
    let owner = world.add_account("acme", AccountKind::User)?;
    let new = NewRepo { owner, name: "large".to_owned(), private: true, created_at: 0, commits: 1 };
    let repo = world.add_repo(new)?;
    let token = SecretString::from(world.add_user_token(owner, 0)?);
    let sim = Sim::start(world, clock.clone(), SimSettings::default()).await?;
    sim.world().serve_git(repo, bare.clone()).await?;

    let settings = SandboxSettings::in_folder(folder.path().join("sandboxes"));
    let service = Sandboxes::new(settings, clock.clone())?;
    let working = tokio::spawn({
        let service = service.clone();
        async move { service.work().await }
    });
    let wrong = |what: &str| SandboxLoadError::Wrong(what.to_owned());
    let ask = GitAsk {
        tenant: TenantId::from("tenant"),
        repository: Repository::of(sim.host(), "acme/large").ok_or_else(|| wrong("the repository's name"))?,
        credential: token,
        reference: Reference::parse("main").ok_or_else(|| wrong("the branch's name"))?,
        operation: OperationId::parse("bench").ok_or_else(|| wrong("the operation's name"))?,
        quota: Quota::default(),
    };
    let mut report = Report::default();
    report.add("stored at the remote", mib(size(&bare)?), "MiB", Bar::None);
    let cold = clone(&service, ArmKind::Pooled, &ask, &clock).await?;
    report.add("pooled clone, first", ms(cold), "ms", Bar::None);
    // One arm after the other: what a direct clone leaves to the disk to write would fall on a pooled one behind it.
    let (mut direct, mut pooled) = (Times::default(), Times::default());
    for (kind, times) in [(ArmKind::Direct, &mut direct), (ArmKind::Pooled, &mut pooled)] {
        for _ in 0..load.rounds {
            times.add(clone(&service, kind, &ask, &clock).await?);
        }
    }
    for (name, times) in [("direct clone", &direct), ("pooled clone, warm", &pooled)] {
        report.add(format!("{name}, P50"), times.median(), "ms", Bar::None);
        report.add(format!("{name}, P95"), times.permille(950), "ms", Bar::None);
    }
    report.add(
        "direct / pooled at P50",
        direct.median() / pooled.median(),
        "times",
        Bar::AtLeast(if load.small { FASTER_SMALL } else { FASTER }),
    );
    let figures = service.figures();
    report.add("served by a warm sandbox", count(figures.served_warm), "clones", Bar::None);
    report.add("waited for one, all together", count(figures.pool_wait.sum_ms), "ms", Bar::None);
    let (looks, shown) = shown(&service, &ask, folder.path()).await?;
    report.add("looks at processes and files", count(looks), "", Bar::AtLeast(1.0));
    report.add("that show the credential", count(shown), "", Bar::Is(0.0));
    service.close().await;
    let _ = working.await;
    sim.stop().await;
    Ok(report)
}

async fn clone(
    service: &Sandboxes,
    kind: ArmKind,
    ask: &GitAsk,
    clock: &Clock,
) -> Result<Duration, SandboxLoadError> {
    let began = clock.monotonic();
    let cloned = service.arm(kind).clone_repository(ask).await?;
    let took = clock.monotonic() - began;
    let folder = cloned.sandbox.folder().to_owned();
    drop(cloned);
    // What is cleared away belongs to this clone, not to the next.
    while folder.exists() {
        tokio::task::yield_now().await;
    }
    Ok(took)
}

/// Looks at every command line while both arms clone, and at every file afterwards: how many, and how many show the credential.
async fn shown(service: &Sandboxes, ask: &GitAsk, folder: &Path) -> Result<(u64, u64), SandboxLoadError> {
    let plain = ask.credential.expose_secret().to_owned();
    let secrets = [STANDARD.encode(format!("x-access-token:{plain}")).into_bytes(), plain.into_bytes()];
    let shows = |bytes: &[u8]| {
        secrets.iter().any(|secret| bytes.windows(secret.len()).any(|part| part == secret.as_slice()))
    };
    let (mut looks, mut found) = (0, 0);
    for kind in [ArmKind::Direct, ArmKind::Pooled] {
        let arm = service.arm(kind);
        let cloning = arm.clone_repository(ask);
        tokio::pin!(cloning);
        let cloned = loop {
            tokio::select! {
                biased;
                cloned = &mut cloning => break cloned?,
                () = tokio::task::yield_now() => {}
            }
            for entry in std::fs::read_dir("/proc")?.filter_map(Result::ok) {
                if let Ok(command) = std::fs::read(entry.path().join("cmdline")) {
                    looks += 1;
                    found += u64::from(shows(&command));
                }
            }
        };
        let mut folders = VecDeque::from([folder.to_owned()]);
        while let Some(next) = folders.pop_front() {
            for entry in std::fs::read_dir(next)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push_back(path);
                } else if let Ok(bytes) = std::fs::read(&path) {
                    looks += 1;
                    found += u64::from(shows(&bytes));
                }
            }
        }
        drop(cloned);
    }
    Ok((looks, found))
}

/// A repository whose content can't be made much smaller.
async fn make(bare: &Path, load: &SandboxLoad) -> Result<(), SandboxLoadError> {
    let mut stream = Vec::new();
    let mut state = 1_u64;
    for commit in 1..=load.commits.max(1) {
        let who = format!("a <a@example.com> {} +0000", 1_700_000_000 + commit);
        stream.extend_from_slice(
            format!("commit refs/heads/main\nmark :{commit}\nauthor {who}\ncommitter {who}\ndata 1\nx\n")
                .as_bytes(),
        );
        let written = if commit == 1 { 0..load.files } else { commit * 10..commit * 10 + 10 };
        if commit > 1 {
            stream.extend_from_slice(format!("from :{}\n", commit - 1).as_bytes());
        }
        for file in written {
            let file = file % load.files.max(1);
            let mut text = Vec::with_capacity(LINES * 65);
            for _ in 0..LINES {
                let line: Vec<u8> = std::iter::repeat_with(|| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    state.to_be_bytes()[0]
                })
                .take(48)
                .collect();
                text.extend_from_slice(STANDARD.encode(line).as_bytes());
                text.push(b'\n');
            }
            stream.extend_from_slice(
                format!("M 100644 inline src/{}/{file}.rs\ndata {}\n", file % 40, text.len()).as_bytes(),
            );
            stream.extend_from_slice(&text);
            stream.push(b'\n');
        }
    }
    stream.extend_from_slice(b"done\n");
    std::fs::create_dir(bare)?;
    git(bare, &["init", "--quiet", "--bare", "--template=", "--initial-branch=main", "."], b"").await?;
    git(bare, &["fast-import", "--quiet", "--done"], &stream).await?;
    // As a host keeps it.
    git(bare, &["repack", "-adq"], b"").await
}

async fn git(folder: &Path, args: &[&str], input: &[u8]) -> Result<(), SandboxLoadError> {
    let mut git = Command::new("git")
        .args(args)
        .current_dir(folder)
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = git.stdin.take() {
        stdin.write_all(input).await?;
    }
    let status = git.wait().await?;
    if status.success() {
        return Ok(());
    }
    Err(SandboxLoadError::Wrong(format!("git {} failed", args.first().copied().unwrap_or_default())))
}

fn size(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        sum += if about.is_dir() { size(&entry.path())? } else { about.len() };
    }
    Ok(sum)
}

fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn mib(bytes: u64) -> f64 {
    count(bytes >> 10) / 1_024.0
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

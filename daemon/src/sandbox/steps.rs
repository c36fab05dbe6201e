//! Single steps of git, each bounded by what the operation may use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::ask::{Branch, GitAsk, OPERATION, OperationId, Reference};
use super::error::SandboxError;
use super::lease::Lease;
use super::pool::Pool;
use super::quota::{BLOCK, MOST_LEVELS, Quota, QuotaKind};
use super::settings::SandboxSettings;
use crate::clock::Clock;
use crate::git::{
    Bounds, Ceilings, GitError, Hardened, LONGEST_LISTING, Measured, SHORT, measure, protocol, run, run_fed,
};
use crate::hex::hex;

/// Besides what git is always told here.
const SETTINGS: &[(&str, &str)] = &[
    // A link is written as a file that holds its target, so that no path of a work tree leads out of it.
    ("core.symlinks", "false"),
    ("core.protectNTFS", "true"),
    ("core.protectHFS", "true"),
    ("core.autocrlf", "false"),
    ("core.sparseCheckout", "false"),
    // What is mapped at once has to fit into the bound on memory.
    ("core.packedGitWindowSize", "32m"),
    ("core.packedGitLimit", "256m"),
    // Neither a sandbox nor a mirror outlives its process: nothing of them has to survive a power cut.
    ("core.fsync", "none"),
    ("push.recurseSubmodules", "no"),
    ("push.gpgSign", "false"),
    ("push.followTags", "false"),
    // Old mistakes that are in many histories and do no harm.
    ("fetch.fsck.zeroPaddedFilemode", "ignore"),
    ("fetch.fsck.missingSpaceBeforeDate", "ignore"),
    ("fetch.fsck.badTimezone", "ignore"),
];

/// The tree without files, which git knows without having it: no attribute of a repository is read, so that a work tree has
/// the bytes of the commit.
const NO_ATTRIBUTES: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// What git says of a reader of packs that was killed.
const READER_GONE: &str = "invalid index-pack output";

/// Where a new commit is put before it is pushed.
pub(super) const MADE: &str = "refs/cutover/made";

/// A commit and its tree, full shas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) commit: String,
    pub(super) tree: String,
}

fn local(settings: &SandboxSettings, quota: Quota, home: &Path, repository: PathBuf) -> Hardened {
    let ceilings = Ceilings { cpu: quota.cpu, memory: quota.memory, file: quota.disk };
    let git = Hardened::new(&settings.program, home).repository(repository).bounded(ceilings);
    SETTINGS.iter().fold(git, |git, (key, value)| git.setting(key, value))
}

/// Makes an empty bare repository.
pub(super) async fn init(
    pool: &Pool,
    quota: Quota,
    home: &Path,
    repository: &Path,
    deadline: Duration,
) -> Result<(), SandboxError> {
    let mut init = local(&pool.settings, quota, home, repository.to_owned()).command();
    init.args(["init", "--quiet", "--bare", "--template=", "--initial-branch=main"]).arg(repository);
    let bounds = Bounds { deadline, time: quota.wall, grown: None, processes: Some(quota.processes) };
    run(init, &pool.clock, bounds, SHORT).await?;
    // A template would have made it.
    Ok(std::fs::create_dir_all(repository.join("objects/info"))?)
}

/// Git for one operation, from one home.
pub(super) struct Steps<'a> {
    pub(super) settings: &'a SandboxSettings,
    pub(super) clock: &'a Clock,
    pub(super) ask: &'a GitAsk,
    pub(super) deadline: Duration,
    pub(super) home: PathBuf,
}

impl Steps<'_> {
    fn local(&self, repository: &Path) -> Hardened {
        local(self.settings, self.ask.quota, &self.home, repository.to_owned())
    }

    /// May speak to the repository's address; the credential is in its environment.
    fn remote(&self, repository: &Path) -> Result<Hardened, SandboxError> {
        let url = self.ask.repository.url();
        let protocol = protocol(&url)?;
        Ok(self.local(repository).with_credential(&url, &self.ask.credential, protocol))
    }

    fn bounds(&self, packs: Option<PathBuf>) -> Bounds {
        let quota = self.ask.quota;
        Bounds {
            deadline: self.deadline,
            time: quota.wall,
            grown: packs.map(|packs| (packs, quota.disk)),
            processes: Some(quota.processes),
        }
    }

    async fn short(&self, git: Hardened, args: &[&str]) -> Result<String, SandboxError> {
        let mut command = git.command();
        command.args(args);
        let said = run(command, self.clock, self.bounds(None), SHORT).await?;
        Ok(String::from_utf8_lossy(&said).trim().to_owned())
    }

    /// Asks the remote, with the credential, where a reference is. A full sha is where it is, but the remote is asked all the
    /// same: whether the credential is good is for it to say, whatever is here already.
    pub(super) async fn ask_for(
        &self,
        repository: &Path,
        reference: &Reference,
    ) -> Result<Option<String>, SandboxError> {
        let name = match reference {
            Reference::Head | Reference::Commit(_) => "HEAD".to_owned(),
            Reference::Branch(branch) => branch.full(),
        };
        let args = ["ls-remote", "--quiet", &self.ask.repository.url(), &name];
        let said = self.short(self.remote(repository)?, &args).await?;
        let at = said.lines().find_map(|line| line.split_once('\t').filter(|(_, found)| *found == name));
        Ok(match reference {
            Reference::Commit(sha) => Some(sha.clone()),
            _ => at.map(|(sha, _)| sha.to_owned()),
        })
    }

    /// Fetches a commit with its whole history into `repository`, and answers which it is. Git does not speak to the remote
    /// about a commit that it has: for one of these the remote has to be asked before.
    pub(super) async fn fetch(&self, repository: &Path, reference: &Reference) -> Result<Tip, SandboxError> {
        let landing = landing(reference);
        let source = match reference {
            Reference::Head => "HEAD".to_owned(),
            Reference::Branch(branch) => branch.full(),
            Reference::Commit(sha) => sha.clone(),
        };
        let mut fetch = self.remote(repository)?.command();
        fetch
            .args(["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"])
            .args(["--no-auto-maintenance", "--no-show-forced-updates", "--end-of-options"])
            .arg(self.ask.repository.url())
            .arg(format!("+{source}:{landing}"));
        let began = self.clock.monotonic();
        let fetched = run(fetch, self.clock, self.bounds(Some(repository.join("objects/pack"))), SHORT).await;
        match fetched {
            // The reader of packs was ended by the kernel; git above it only sees that it is gone.
            Err(GitError::Failed(said))
                if said.contains(READER_GONE)
                    && self.clock.monotonic().saturating_sub(began) >= self.ask.quota.cpu =>
            {
                return Err(SandboxError::Quota(QuotaKind::Cpu));
            }
            // Without a word of its own and with time left it was ended for want of memory.
            Err(GitError::Failed(said)) if said == format!("fatal: fetch-pack: {READER_GONE}") => {
                return Err(SandboxError::Quota(QuotaKind::Memory));
            }
            fetched => fetched?,
        };
        let tip = self.tip(repository, &landing).await?;
        match reference {
            Reference::Commit(sha) if *sha != tip.commit => {
                Err(SandboxError::NotFound("the branch or commit"))
            }
            _ => Ok(tip),
        }
    }

    pub(super) async fn tip(&self, repository: &Path, revision: &str) -> Result<Tip, SandboxError> {
        let format = "--format=%H %T";
        let args =
            ["log", "-1", "--no-decorate", "--no-show-signature", format, "--end-of-options", revision];
        let said = self.short(self.local(repository), &args).await?;
        let (commit, tree) = said
            .split_once(' ')
            .ok_or_else(|| GitError::Failed("git describes a commit in an unknown way".into()))?;
        Ok(Tip { commit: commit.to_owned(), tree: tree.to_owned() })
    }

    /// What the files of a commit take.
    pub(super) async fn measure(&self, repository: &Path, commit: &str) -> Result<Measured, SandboxError> {
        let mut list = self.local(repository).command();
        list.args(["ls-tree", "-r", "-z", "-l", "--full-tree", commit]);
        let listing = run(list, self.clock, self.bounds(None), LONGEST_LISTING).await?;
        Ok(measure(&listing)?)
    }

    /// A work tree has to find room on the disk before any of it is written. What git stores is bounded by itself, so that the
    /// arms agree whatever else is in a mirror.
    pub(super) fn check_room(&self, measured: Measured) -> Result<(), SandboxError> {
        let Measured { files, bytes, folders, levels } = measured;
        let blocks = files.saturating_add(folders).saturating_mul(BLOCK);
        if bytes.saturating_add(blocks) > self.ask.quota.disk || levels > MOST_LEVELS {
            return Err(SandboxError::Quota(QuotaKind::Disk));
        }
        Ok(())
    }

    /// Makes the work tree be the commit.
    pub(super) async fn check_out(
        &self,
        lease: &Lease,
        commit: &str,
        used_before: bool,
    ) -> Result<(), SandboxError> {
        let git = self
            .local(&lease.repository())
            .variable("GIT_WORK_TREE", lease.work())
            .variable("GIT_ATTR_SOURCE", NO_ATTRIBUTES);
        self.short(git.clone(), &["read-tree", "-u", "--reset", commit]).await?;
        if used_before {
            let mut clean = git.command();
            clean.args(["clean", "-ffdxq"]).current_dir(lease.work());
            run(clean, self.clock, self.bounds(None), SHORT).await?;
        }
        Ok(())
    }

    /// Whether the second commit has the first in its history.
    pub(super) async fn is_ancestor(
        &self,
        repository: &Path,
        old: &str,
        new: &str,
    ) -> Result<bool, SandboxError> {
        let excluded = format!("^{new}");
        let args = ["rev-list", "--count", "--max-count=1", "--end-of-options", old, &excluded];
        Ok(self.short(self.local(repository), &args).await? == "0")
    }

    pub(super) async fn has(&self, repository: &Path, commit: &str) -> Result<bool, SandboxError> {
        let args = ["rev-list", "--no-walk", "--ignore-missing", "--end-of-options", commit];
        Ok(self.short(self.local(repository), &args).await? == commit)
    }

    /// The newest commit in the history of another that ends as the commits of this operation do.
    pub(super) async fn made_by(
        &self,
        repository: &Path,
        from: &str,
        operation: &OperationId,
    ) -> Result<Option<Tip>, SandboxError> {
        // Of all that a name may hold, only a dot is more than itself in a pattern.
        let line = format!("--grep=^{OPERATION}: {}$", operation.as_str().replace('.', "[.]"));
        let mut find = self.local(repository).command();
        find.args(["log", "--max-count=1", "--no-decorate", "--no-show-signature", "--extended-regexp"])
            .args(["--format=%H %T", &line, "--end-of-options", from]);
        let said = run(find, self.clock, self.bounds(None), SHORT).await?;
        let said = String::from_utf8_lossy(&said);
        let found = said.trim().split_once(' ');
        Ok(found.map(|(commit, tree)| Tip { commit: commit.to_owned(), tree: tree.to_owned() }))
    }

    /// Makes a commit out of a stream.
    pub(super) async fn import(&self, repository: &Path, stream: Vec<u8>) -> Result<Tip, SandboxError> {
        let mut import = self.local(repository).command();
        import.args(["fast-import", "--quiet", "--done", "--force"]);
        run_fed(import, stream, self.clock, self.bounds(Some(repository.join("objects/pack"))), SHORT)
            .await?;
        self.tip(repository, MADE).await
    }

    /// Sets the branch, if it is where it is expected to be. The remote compares and sets in one step.
    pub(super) async fn push(
        &self,
        repository: &Path,
        branch: &Branch,
        commit: &str,
        expected: &str,
    ) -> Result<(), SandboxError> {
        let lease = format!("--force-with-lease={}:{expected}", branch.full());
        let refspec = format!("{commit}:{}", branch.full());
        let args =
            ["push", "--quiet", "--no-verify", "--no-signed", "--no-follow-tags", "--no-recurse-submodules"];
        let mut push = self.remote(repository)?.command();
        push.args(args).arg(lease).arg("--end-of-options").arg(self.ask.repository.url()).arg(refspec);
        run(push, self.clock, self.bounds(None), SHORT).await?;
        Ok(())
    }
}

/// Where a reference comes to stand here: flat, so that no name is a folder of another.
fn landing(reference: &Reference) -> String {
    let text = match reference {
        Reference::Head => "HEAD".to_owned(),
        Reference::Branch(branch) => branch.full(),
        Reference::Commit(sha) => sha.clone(),
    };
    let digest = hex(&Sha256::digest(text.as_bytes()));
    format!("refs/cutover/fetched/{}", &digest[..40])
}

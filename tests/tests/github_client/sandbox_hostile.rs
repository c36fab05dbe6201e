//! Repositories that want more than to be read: too large, too deep, or with something that runs or leads out.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cutover_daemon::sandbox::{ArmKind, GitAsk, MOST_LEVELS, Quota, QuotaKind, SandboxError};

use super::sandbox::{Bench, files};

const ARMS: [ArmKind; 2] = [ArmKind::Direct, ArmKind::Pooled];
const FILE: &str = "100644 blob";

/// A bare repository whose objects are written without asking whether they make sense.
struct Made(PathBuf);

impl Made {
    fn new(folder: &Path) -> Self {
        let made = Self(folder.join("hostile.git"));
        made.git(&["init", "--quiet", "--bare", "--template=", "--initial-branch=main", "."], b"");
        made
    }

    fn git(&self, args: &[&str], input: &[u8]) -> String {
        std::fs::create_dir_all(&self.0).unwrap();
        let mut git = Command::new("git")
            .args(args)
            .current_dir(&self.0)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.0)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@b"), ("GIT_COMMITTER_NAME", "a")])
            .env("GIT_COMMITTER_EMAIL", "a@b")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        git.stdin.take().unwrap().write_all(input).unwrap();
        let out = git.wait_with_output().unwrap();
        assert!(out.status.success(), "{args:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    fn blob(&self, bytes: &[u8]) -> String {
        self.git(&["hash-object", "-w", "--stdin"], bytes)
    }

    /// From mode and kind, id, name.
    fn tree(&self, entries: &[(&str, &str, &str)]) -> String {
        let lines: String =
            entries.iter().map(|(mode, sha, name)| format!("{mode} {sha}\t{name}\n")).collect();
        self.git(&["mktree", "--missing"], lines.as_bytes())
    }

    fn commit(&self, tree: &str) -> String {
        let commit = self.git(&["commit-tree", tree, "-m", "x"], b"");
        self.git(&["update-ref", "refs/heads/main", &commit], b"");
        commit
    }
}

async fn served(bench: &Bench, made: &Made) {
    bench.stage.sim.world().serve_git(bench.stage.repos[0], made.0.clone()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_fills_the_disk() {
    for kind in ARMS {
        let bench = Bench::new().await;
        let made = Made::new(bench.dir.path());
        // Bytes that can't be made smaller, so that they are many on the wire, too.
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        })
        .take(6 << 20)
        .collect();
        let large = made.blob(&noise);
        made.commit(&made.tree(&[(FILE, &large, "large")]));
        served(&bench, &made).await;
        let quota = Quota { disk: 2 << 20, ..bench.ask("t").quota };
        let ask = GitAsk { quota, ..bench.ask("t") };
        let error = bench.service.arm(kind).clone_repository(&ask).await.unwrap_err();
        assert_eq!(error, SandboxError::Quota(QuotaKind::Disk));
        bench.nothing_is_left().await;
        // Small on the wire, and large once it is laid out: zeros, and one tree that holds another many times over.
        let zeros = made.blob(&vec![0; 6 << 20]);
        made.commit(&made.tree(&[(FILE, &zeros, "zeros")]));
        let error = bench.service.arm(kind).clone_repository(&ask).await.unwrap_err();
        assert_eq!(error, SandboxError::Quota(QuotaKind::Disk));
        let mut tree = made.tree(&[(FILE, &made.blob(b"x"), "x")]);
        for _ in 0..10 {
            let entries: Vec<_> = "abcdefghij".split("").filter(|name| !name.is_empty()).collect();
            let entries: Vec<_> =
                entries.into_iter().map(|name| ("040000 tree", tree.as_str(), name)).collect();
            tree = made.tree(&entries);
        }
        made.commit(&tree);
        let error = bench.service.arm(kind).clone_repository(&ask).await.unwrap_err();
        assert!(matches!(error, SandboxError::Quota(_)), "{error}");
        // Few files and bytes in many folders, then one in so many that removing them would be hard.
        let level = |tree: &str| made.tree(&[("040000 tree", tree, "d")]);
        let mut deep = made.tree(&[(FILE, &made.blob(b"x"), "x")]);
        for _ in 0..60 {
            deep = level(&deep);
        }
        let names: Vec<String> = (0..20).map(|n| format!("n{n:02}")).collect();
        let many: Vec<_> = names.iter().map(|name| ("040000 tree", deep.as_str(), name.as_str())).collect();
        made.commit(&made.tree(&many));
        let error = bench.service.arm(kind).clone_repository(&ask).await.unwrap_err();
        assert_eq!(error, SandboxError::Quota(QuotaKind::Disk), "1,220 folders of 4 KiB");
        for _ in 60..MOST_LEVELS {
            deep = level(&deep);
        }
        made.commit(&deep);
        let cloned = bench.service.arm(kind).clone_repository(&ask).await.unwrap();
        assert_eq!(cloned.files, 1);
        drop(cloned);
        made.commit(&level(&deep));
        let error = bench.service.arm(kind).clone_repository(&ask).await.unwrap_err();
        assert_eq!(error, SandboxError::Quota(QuotaKind::Disk), "one level too many");
        // What fits is served afterwards.
        made.commit(&made.tree(&[(FILE, &made.blob(b"x"), "x")]));
        assert_eq!(bench.service.arm(kind).clone_repository(&ask).await.unwrap().files, 1);
        let hits = bench.service.figures().quota_hits;
        assert!(hits.iter().any(|(kind, count)| *kind == QuotaKind::Disk && *count >= 2), "{hits:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_repository_runs_or_leads_out() {
    let bench = Bench::new().await;
    let made = Made::new(bench.dir.path());
    let marker = bench.dir.path().join("ran");
    let run = format!("#!/bin/sh\ntouch {}\n", marker.display());
    let blob = |text: &str| made.blob(text.as_bytes());
    let script = blob(&run);
    let hooks = made.tree(&[("100755 blob", &script, "post-checkout"), ("100755 blob", &script, "pre-push")]);
    let attributes = "* filter=evil diff=evil merge=evil ident text eol=crlf working-tree-encoding=UTF-16\n";
    let config = format!(
        "[filter \"evil\"]\n\tsmudge = touch {0}\n[core]\n\tfsmonitor = touch {0}\n",
        marker.display()
    );
    let modules = "[submodule \"s\"]\n\tpath = s\n\turl = https://example.com/x.git\n\tupdate = none\n";
    let outside = bench.dir.path().join("sandboxes").display().to_string();
    let commit = made.commit(&made.tree(&[
        (FILE, &blob(attributes), ".gitattributes"),
        (FILE, &blob(&config), ".gitconfig"),
        (FILE, &blob(modules), ".gitmodules"),
        ("120000 blob", &blob("/etc/passwd"), "absolute"),
        ("040000 tree", &hooks, "hooks"),
        ("120000 blob", &blob(&outside), "others"),
        ("160000 commit", "1234567890123456789012345678901234567890", "s"),
        (FILE, &blob("$Id$\nline\n"), "text"),
        ("120000 blob", &blob("../../.."), "up"),
    ]));
    // What the repository of the remote is told to do concerns it alone.
    std::fs::create_dir_all(made.0.join("hooks")).unwrap();
    std::fs::write(made.0.join("hooks/post-checkout"), &run).unwrap();
    served(&bench, &made).await;
    for kind in ARMS {
        let cloned = bench.service.arm(kind).clone_repository(&bench.ask("t")).await.unwrap();
        assert_eq!(cloned.commit_sha, commit);
        let root = cloned.sandbox.path().canonicalize().unwrap();
        let content = files(&root);
        for name in content.keys() {
            let path = root.join(name);
            assert!(path.symlink_metadata().unwrap().is_file(), "{name}");
            assert!(path.canonicalize().unwrap().starts_with(&root), "{name}");
        }
        assert_eq!(content["absolute"], b"/etc/passwd");
        assert_eq!(content["text"], b"$Id$\nline\n", "the bytes of the commit");
        assert_eq!(std::fs::read_dir(root.join("s")).unwrap().count(), 0, "a submodule is not fetched");
        assert_eq!(cloned.bytes, content.values().map(|bytes| bytes.len() as u64).sum::<u64>());
        let mut sandbox = cloned.sandbox;
        bench.service.arm(kind).pull(&bench.ask("t"), &mut sandbox).await.unwrap();
        let next = super::sandbox::change(&commit, kind.word());
        let ask = GitAsk {
            operation: cutover_daemon::sandbox::OperationId::parse(kind.word()).unwrap(),
            ..bench.ask("t")
        };
        let pushed = bench.service.arm(kind).push(&ask, &next).await.unwrap();
        made.git(&["update-ref", "refs/heads/main", &commit, &pushed.commit_sha], b"");
        assert!(!marker.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_git_itself_forbids_is_damaged() {
    for kind in ARMS {
        let bench = Bench::new().await;
        let made = Made::new(bench.dir.path());
        let script = made.blob(b"#!/bin/sh\n");
        let hook = made.tree(&[("100755 blob", &script, "post-checkout")]);
        let hooks = made.tree(&[("040000 tree", &hook, "hooks")]);
        let runs = made.blob(b"[submodule \"s\"]\n\tpath = s\n\turl = -u./payload\n");
        let link = made.blob(b"/etc/passwd");
        served(&bench, &made).await;
        for entry in [
            ("040000 tree", hooks.as_str(), ".git"),
            ("040000 tree", hooks.as_str(), ".GIT"),
            ("040000 tree", hooks.as_str(), "git~1"),
            (FILE, runs.as_str(), ".gitmodules"),
            ("120000 blob", link.as_str(), ".gitmodules"),
        ] {
            made.commit(&made.tree(&[entry]));
            let error = bench.service.arm(kind).clone_repository(&bench.ask("t")).await.unwrap_err();
            assert_eq!(error.class(), "damaged", "{entry:?}: {error}");
            bench.nothing_is_left().await;
        }
    }
}

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::io::Read as _;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::content::{Mode, pack, parse};
use super::*;
use crate::hex::hex;

const SHA: &str = "0123456789012345678901234567890123456789";

#[test]
fn every_folder_is_counted_once() {
    for (paths, folders, levels) in [
        (&[][..], 0, 0),
        (&["a", "b"], 0, 0),
        // The second stands between the first and the third in a listing, and not by bytes.
        (&["a/x", "a-b/x", "a/y"], 2, 1),
        (&["a/b/c/x", "a/b/d/x", "a/bb/x", "ab/x"], 6, 3),
    ] {
        let listing: String = paths.iter().map(|path| format!("100644 blob {SHA} 5\t{path}\0")).collect();
        let files = u64::try_from(paths.len()).unwrap();
        let wanted = Measured { files, bytes: 5 * files, folders, levels };
        assert_eq!(measure(listing.as_bytes()).unwrap(), wanted, "{paths:?}");
    }
}

#[test]
fn a_listing_is_read_and_sorted_by_bytes() {
    let text = format!(
        "100644 blob {SHA}       3\ta.b\0120000 blob {SHA}  1\ta/l\0160000 commit {SHA}       -\tsub\0100755 blob {SHA} 9\ta\tb\n\0"
    );
    let entries = parse(text.as_bytes()).unwrap();
    let seen: Vec<_> = entries.iter().map(|e| (e.path.as_slice(), e.mode, e.size)).collect();
    assert_eq!(
        seen,
        [
            (&b"a\tb\n"[..], Mode::Executable, 9),
            (b"a.b", Mode::File, 3),
            (b"a/l", Mode::Link, 1),
            (b"sub", Mode::Submodule, 0)
        ]
    );
}

#[test]
fn paths_that_lead_out_are_refused() {
    for path in ["../x", "a/../b", "/etc/passwd", "a//b", ".", "a/."] {
        let text = format!("100644 blob {SHA} 3\t{path}\0");
        assert!(matches!(parse(text.as_bytes()), Err(GitError::Damaged(_))), "{path}");
    }
    assert!(parse(format!("040000 tree {SHA} -\ta\0").as_bytes()).is_err());
    assert!(parse(format!("100644 blob {SHA} 3\ta\0100644 blob {SHA} 3\ta\0").as_bytes()).is_err());
}

proptest! {
    #[test]
    fn no_listing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_words_make_it_panic_or_too_long(words in ".{0,600}") {
        if let GitError::Failed(said) = GitError::of_words(&words) {
            prop_assert!(said.chars().count() <= 300);
        }
    }
}

#[test]
fn the_digest_is_what_the_document_says() {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("a.tar.zst");
    let text = format!("100644 blob {SHA} 3\tb\0120000 blob {SHA} 1\ta\0160000 commit {SHA} -\tc\0");
    let entries = parse(text.as_bytes()).unwrap();
    let answers = format!("{SHA} blob 1\nb\n{SHA} blob 3\nxyz\n");
    let mut asked = Vec::new();
    let digest = pack(&mut asked, answers.as_bytes(), &entries, 7, &archive).unwrap();
    let written = format!("cutover-content-1\0a\0120000 {SHA} 1\0bb\0100644 {SHA} 3\0xyzc\0160000 {SHA} 0\0");
    assert_eq!(digest, hex(&Sha256::digest(written.as_bytes())));
    assert_eq!(asked, format!("{SHA}\n{SHA}\n").as_bytes());
    let mut tar =
        tar::Archive::new(zstd::stream::read::Decoder::new(std::fs::File::open(&archive).unwrap()).unwrap());
    let seen: Vec<_> = tar
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut body = String::new();
            entry.read_to_string(&mut body).unwrap();
            (entry.path().unwrap().display().to_string(), entry.header().mtime().unwrap(), body)
        })
        .collect();
    assert_eq!(
        seen,
        [("a".into(), 7, String::new()), ("b".into(), 7, "xyz".into()), ("c".into(), 7, String::new())]
    );
}

#[test]
fn an_answer_that_breaks_off_or_names_another_object_is_no_artifact() {
    let dir = tempfile::tempdir().unwrap();
    let entries = parse(format!("100644 blob {SHA} 3\tb\0").as_bytes()).unwrap();
    for (n, answers) in [
        format!("{SHA} blob 3\nxy"),
        format!("{SHA} missing\n"),
        format!("{SHA} blob 4\nxyzw\n"),
        String::new(),
    ]
    .into_iter()
    .enumerate()
    {
        let archive = dir.path().join(n.to_string());
        assert!(pack(Vec::new(), answers.as_bytes(), &entries, 0, &archive).is_err(), "{answers:?}");
    }
}

#[test]
fn words_of_git_are_told_apart() {
    let url = "fatal: unable to access 'http://h/o/r.git/': The requested URL returned error: ";
    for (words, error) in [
        (format!("{url}401"), GitError::Denied),
        (format!("{url}403"), GitError::Forbidden),
        (format!("{url}429"), GitError::RateLimited),
        (format!("{url}301"), GitError::Moved),
        (format!("{url}503"), GitError::Unavailable("status 503".into())),
        ("fatal: repository 'http://h/o/r.git/' not found".into(), GitError::NotFound),
        ("fatal: could not read Username for 'http://h': terminal prompts disabled".into(), GitError::Denied),
        ("fatal: remote error: upload-pack: not our ref 00".into(), GitError::NoSuchCommit),
    ] {
        assert_eq!(GitError::of_words(&words), error, "{words}");
    }
    // The other side must not choose the error.
    let said = GitError::of_words("remote: The requested URL returned error: 404\nfatal: odd");
    assert_eq!(said, GitError::Failed("fatal: odd".into()));
    let said = GitError::of_words("fatal: odd ghs_0123456789abcdefghijABCDEFGHIJ0123456789\n\x1b[31mred");
    assert!(!said.to_string().contains("ghs_0123") && !said.to_string().contains('\x1b'), "{said}");
}

#[test]
fn addresses_are_https_or_this_machine() {
    for good in [
        "https://github.com/o/r.git",
        "http://127.0.0.1:9/o/r.git",
        "http://[::1]/o/r.git",
        "http://localhost/o",
    ] {
        assert!(command::protocol(good).is_ok(), "{good}");
    }
    for bad in [
        "http://github.com/o/r.git",
        "ssh://git@github.com/o/r",
        "git@github.com:o/r",
        "file:///etc",
        "ext::sh -c id",
        "--upload-pack=id",
        "https://user:pw@github.com/o/r",
        "https://github.com/o/r?x",
        "",
    ] {
        assert!(command::protocol(bad).is_err(), "{bad}");
    }
}

#[test]
fn artifacts_go_when_their_time_is_over_or_their_room() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(1_000);
    let keep = Duration::from_secs(60);
    let artifacts = Artifacts::new(dir.path().join("artifacts"), keep, 10, clock.clone()).unwrap();
    let fetched = |body: &str| {
        let scratch = Scratch::new(dir.path()).unwrap();
        std::fs::write(scratch.archive(), body).unwrap();
        let text = String::new;
        Fetched { commit_sha: text(), tree_sha: text(), bytes: 0, files: 0, digest: text(), scratch }
    };
    let first = artifacts.keep(&fetched("1234567")).unwrap();
    assert_eq!(first.expires_at, 61_000);
    assert_eq!(std::fs::read(artifacts.find(&first.id).unwrap()).unwrap(), b"1234567");
    clock.advance(Duration::from_secs(1));
    let second = artifacts.keep(&fetched("1234567")).unwrap();
    assert_eq!(artifacts.find(&first.id), None, "there is room for one of them");
    assert!(artifacts.find(&second.id).is_some());
    clock.advance(keep);
    assert_eq!(artifacts.find(&second.id), None);
    let third = artifacts.keep(&fetched("x")).unwrap();
    let names: Vec<_> =
        std::fs::read_dir(dir.path().join("artifacts")).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(names, [std::ffi::OsString::from(format!("{}.tar.zst", third.id.as_str()))]);
    assert_eq!(ArtifactId::parse(third.id.as_str()), Some(third.id));
    for bad in ["", "-", "../../x", "1-2", "zz-00000000000000000000000000000000"] {
        assert_eq!(ArtifactId::parse(bad), None, "{bad}");
    }
}

/// Runs a line of the shell's in place of git.
async fn bounded(line: &str, ceilings: Ceilings, processes: Option<usize>) -> Result<Vec<u8>, GitError> {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let mut shell = Hardened::new(std::path::Path::new("/bin/sh"), dir.path()).bounded(ceilings).command();
    shell.args(["-c", line]);
    let time = Duration::from_secs(30);
    let bounds = Bounds { deadline: clock.monotonic() + time, time, grown: None, processes };
    run(shell, &clock, bounds, SHORT).await
}

#[tokio::test]
async fn the_kernel_holds_what_a_process_may_use() {
    let ample = Ceilings { cpu: Duration::from_secs(20), memory: 1 << 30, file: 1 << 20 };
    let said = bounded("ulimit -c; ulimit -t; ulimit -f; ulimit -v", ample, Some(4)).await.unwrap();
    assert_eq!(String::from_utf8(said).unwrap(), "0\n20\n2048\n1048576\n");
    let spins = Ceilings { cpu: Duration::from_secs(1), ..ample };
    let error = bounded("while :; do :; done", spins, None).await.unwrap_err();
    assert_eq!(error, GitError::Exhausted(Resource::Cpu));
    let error = bounded("exec head -c 3000000 /dev/zero > file", ample, None).await.unwrap_err();
    assert_eq!(error, GitError::Exhausted(Resource::Disk));
    let narrow = Ceilings { memory: 64 << 20, ..ample };
    // It keeps all that it reads.
    let error =
        bounded("head -c 100000000 /dev/zero | git hash-object --stdin", narrow, None).await.unwrap_err();
    assert_eq!(error, GitError::Exhausted(Resource::Memory));
    let error = bounded("sleep 99 & sleep 99 & sleep 99 & wait", ample, Some(3)).await.unwrap_err();
    assert_eq!(error, GitError::Exhausted(Resource::Processes));
}

#[test]
fn a_remote_can_not_choose_a_quota() {
    let said = GitError::of_words("fatal: remote error: Out of memory");
    assert!(matches!(said, GitError::Failed(_)), "{said:?}");
    let said = GitError::of_words(" ! [remote rejected] main -> main (returned error: 404)");
    assert!(matches!(said, GitError::Rejected(_)), "{said:?}");
    for (signal, resource) in [(25, Resource::Disk), (24, Resource::Cpu), (9, Resource::Memory)] {
        let said = GitError::of_words(&format!("error: index-pack died of signal {signal}"));
        assert_eq!(said, GitError::Exhausted(resource));
    }
}

//! `catalog import`: what arrives is what was in the file, whole.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use cutover_shared::catalog::{BadRow, CatalogAct, CatalogFormat, CatalogReceipt, Contents, ImportReceipt};
use cutover_shared::rpc::{Act, Receipt};
use cutover_shared::sandbox_record::RecordsReceipt;
use support::{Daemon, Reply};

const MIB: usize = 1024 * 1024;

fn imported() -> ImportReceipt {
    ImportReceipt {
        added: 1200,
        changed: 30,
        unchanged: 4,
        skipped: Vec::new(),
        skipped_count: 0,
        tenants: 50,
        projects: 1234,
        repositories: 1300,
        revision: 8,
    }
}

/// A daemon that takes parts and answers `end` to the commit.
fn taking(end: CatalogReceipt) -> Daemon {
    Daemon::start().obeys(move |act| {
        let Act::Catalog(act) = act else { panic!("{act:?}") };
        Reply::Say(Receipt::Catalog(match act {
            CatalogAct::Begin { .. } => CatalogReceipt::Opened { upload: "up-1".into() },
            CatalogAct::Chunk { part, .. } => CatalogReceipt::Taken { parts: part + 1 },
            CatalogAct::Commit { .. } => end.clone(),
        }))
    })
}

/// The format, the parts put together and `skip_bad`, as the daemon got them.
fn got(daemon: &Daemon) -> (CatalogFormat, String, bool) {
    let acts = daemon.acts();
    let [
        Act::Catalog(CatalogAct::Begin { format, .. }),
        parts @ ..,
        Act::Catalog(CatalogAct::Commit { upload, skip_bad }),
    ] = acts.as_slice()
    else {
        panic!("{acts:?}")
    };
    assert_eq!(upload, "up-1");
    let mut whole = String::new();
    for (i, act) in parts.iter().enumerate() {
        let Act::Catalog(CatalogAct::Chunk { upload, part, text }) = act else { panic!("{act:?}") };
        assert_eq!((upload.as_str(), *part), ("up-1", u64::try_from(i).unwrap()));
        assert!(!text.is_empty() && text.len() <= MIB, "{} bytes", text.len());
        whole += text;
    }
    (*format, whole, *skip_bad)
}

#[tokio::test]
async fn a_large_file_arrives_whole_and_cut_between_letters() {
    // 3 bytes a letter: the limit of a part falls inside one.
    let text = format!("projectId,tenantId,repoFullName\n{}\n", "p,t,所有者/名前\n".repeat(200_000));
    let daemon = taking(CatalogReceipt::Imported(Box::new(imported())));
    let file = daemon.folder.path().join("Catalog.CSV");
    std::fs::write(&file, &text).unwrap();
    let ran = daemon.run(&["catalog", "import", file.to_str().unwrap(), "--key", "k"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(got(&daemon) == (CatalogFormat::Csv, text, false));
    let keys: Vec<String> = daemon.state.lock().unwrap().acts.iter().map(|(key, _)| key.0.clone()).collect();
    assert_eq!(keys[..3], ["k/begin", "k/part-0", "k/part-1"]);
    assert_eq!(keys.last().unwrap(), "k/commit");
    insta::assert_snapshot!("imported", ran.out);
}

#[tokio::test]
async fn stdin_and_an_empty_file_are_files_too() {
    let daemon = taking(CatalogReceipt::Imported(Box::new(imported())));
    let args = ["catalog", "import", "-", "--format", "jsonl", "--skip-bad"];
    let ran = daemon.run_in(&daemon.env(), &args, "{\"projectId\":\"é\"}\n".as_bytes()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(got(&daemon), (CatalogFormat::JsonLines, "{\"projectId\":\"é\"}\n".into(), true));

    let daemon = taking(CatalogReceipt::Imported(Box::new(imported())));
    let ran = daemon.run(&["catalog", "import", "-", "--format", "csv"]).await;
    assert_eq!(ran.code, 0);
    assert_eq!(got(&daemon), (CatalogFormat::Csv, String::new(), false));
}

fn bad() -> Vec<BadRow> {
    vec![
        BadRow {
            line: 3,
            column: "repoFullName".into(),
            problem: "`acme` has no `/`: write owner/name".into(),
        },
        BadRow { line: 9, column: String::new(), problem: "5 fields where the header has 6".into() },
    ]
}

#[tokio::test]
async fn a_refused_upload_names_every_bad_row() {
    let daemon = taking(CatalogReceipt::Refused { bad: bad(), bad_count: 1402 });
    let file = daemon.folder.path().join("c.csv");
    std::fs::write(&file, "x\n").unwrap();
    let ran = daemon.run(&["catalog", "import", file.to_str().unwrap()]).await;
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    insta::assert_snapshot!("refused", ran.err);

    let ran = daemon.run(&["catalog", "import", file.to_str().unwrap(), "--json"]).await;
    assert_eq!(ran.code, 3);
    let error = ran.error();
    assert_eq!(error["code"], "bad_upload");
    assert_eq!((&error["bad"][0]["line"], &error["bad_count"]), (&3.into(), &1402.into()));
}

#[tokio::test]
async fn rows_that_were_left_out_are_a_finding() {
    let receipt = ImportReceipt { skipped: bad(), skipped_count: 2, ..imported() };
    let daemon = taking(CatalogReceipt::Imported(Box::new(receipt)));
    let args = ["catalog", "import", "-", "--format", "csv", "--skip-bad"];
    let ran = daemon.run(&args).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("stdin:3: repoFullName: ") && ran.out.contains("2 left out"), "{ran:?}");
    let ran = daemon.run(&[&args[..], &["--json"]].concat()).await;
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert_eq!(ran.json()["skipped"][1]["line"], 9);
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused_with_their_line() {
    let daemon = taking(CatalogReceipt::Imported(Box::new(imported())));
    let args = ["catalog", "import", "-", "--format", "csv"];
    let ran = daemon.run_in(&daemon.env(), &args, b"one\ntwo\nth\xffree\n").await;
    assert_eq!(ran.code, 3);
    assert!(ran.err.starts_with("stdin:3: byte 10 is not UTF-8\n"), "{ran:?}");
    assert!(!daemon.acts().iter().any(|act| matches!(act, Act::Catalog(CatalogAct::Commit { .. }))));
}

#[tokio::test]
async fn records_of_sandboxes_go_through_the_same_door() {
    let receipt = RecordsReceipt {
        added: 1_200,
        changed: 3,
        unchanged: 40,
        skipped: bad(),
        skipped_count: 2,
        tenants: 17,
        records: 1_243,
    };
    let daemon = taking(CatalogReceipt::Recorded(Box::new(receipt)));
    let file = daemon.folder.path().join("git_sandboxes.ndjson");
    std::fs::write(&file, "{\"sandboxId\":1}\n").unwrap();
    let args = ["rollout", "records", "import", file.to_str().unwrap(), "--skip-bad"];
    let ran = daemon.run(&args).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(got(&daemon), (CatalogFormat::JsonLines, "{\"sandboxId\":1}\n".into(), true));
    let begun = daemon.acts().into_iter().next();
    assert!(
        matches!(begun, Some(Act::Catalog(CatalogAct::Begin { of: Contents::SandboxRecords, .. }))),
        "{begun:?}"
    );
    insta::assert_snapshot!("records_imported", ran.out);
    let ran = daemon.run(&[&args[..], &["--json"]].concat()).await;
    assert_eq!((ran.code, ran.json()["skipped"][1]["line"].as_u64()), (1, Some(9)));
}

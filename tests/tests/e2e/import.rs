//! `catalog import`: whole or not at all, every bad row by line and column, and nothing new when nothing changed.

use cutover_shared::mapping::MapScope;
use cutover_shared::rpc::{Answer, Query};

use super::stage::{Stage, plan_of};

const GOOD: &str = "projectId,tenantId,repoFullName,repoId\np1,t1,acme/web,\np2,t1,acme/api,77\n";

/// Mistakes on lines 3, 4, 5 and 7; lines 2 and 6 are good.
const BAD: &str = "projectId,tenantId,repoFullName,repoId\n\
    p1,t1,acme/web,\n\
    p2,t1,https://github.com/acme/api,\n\
    ,t1,acme/docs,abc\n\
    p1,t2,acme/web,\n\
    p6,t1,acme/six,6\n\
    p7,t1\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_mistakes_is_refused_whole_with_each_of_them() {
    let stage = Stage::of(20, None, "").await;
    let _daemon = stage.daemon().await;
    let file = stage.home.write("bad.csv", BAD.as_bytes()).unwrap().display().to_string();
    let empty = stage.world().await;
    let said = stage.say(&[3], &["catalog", "import", &file]).await;
    for place in [
        ":3: repoFullName: ",
        ":4: projectId: ",
        ":4: repoId: ",
        ":5: tenantId: ",
        ":5: repoFullName: ",
        ":7: ",
    ] {
        assert!(said.stderr.contains(&format!("{file}{place}")), "{place}: {}", said.stderr);
    }
    assert!(said.stderr.contains("6 bad rows; nothing was") && said.stdout.is_empty(), "{}", said.stderr);
    let said = stage.say(&[3], &["catalog", "import", &file, "--json"]).await;
    let error: serde_json::Value = serde_json::from_str(&said.stderr).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["bad_count"]), (&"bad_upload".into(), &6.into()));
    assert_eq!(stage.world().await, empty);

    let taken = stage.ask(&[1], &["catalog", "import", &file, "--skip-bad"]).await;
    assert_eq!(
        (&taken["added"], &taken["skipped_count"], &taken["revision"]),
        (&2.into(), &6.into(), &1.into())
    );
    assert_eq!(taken["skipped"].as_array().unwrap().len(), 6);
    // A mistake that leaves no row to stand on can't be skipped.
    let file = stage.home.write("none.csv", b"a,b\n1,2\n").unwrap().display().to_string();
    stage.say(&[3], &["catalog", "import", &file, "--skip-bad"]).await;
    let file = stage.home.dir().join("absent.csv").display().to_string();
    stage.say(&[2], &["catalog", "import", &file]).await;
    let status = stage.ask(&[0], &["status"]).await;
    assert_eq!(status["repositories"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_again_changes_nothing_in_any_format() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    let first = stage.import().await;
    let conn = stage.connect().await;
    let planned = plan_of(&conn, MapScope::All, false).await;
    let world = stage.world().await;
    let lines = stage.home.write("catalog.jsonl", stage.catalog.jsonl().unwrap().as_bytes()).unwrap();
    let lines = lines.display().to_string();
    let csv = stage.catalog.csv().unwrap();
    let file = stage.file.display().to_string();
    let stdin = stage
        .cli
        .fed(&["catalog", "import", "-", "--format", "csv", "--json"], csv.as_bytes())
        .await
        .unwrap();
    assert_eq!(stdin.code, 0, "{}", stdin.stderr);
    let again = [
        stage.ask(&[0], &["catalog", "import", &file]).await,
        stage.ask(&[0], &["catalog", "import", &lines]).await,
        serde_json::from_str(&stdin.stdout).unwrap(),
    ];
    for receipt in again {
        assert_eq!(receipt["revision"], first["revision"]);
        assert_eq!((&receipt["unchanged"], &receipt["added"]), (&first["added"], &0.into()));
        assert_eq!(receipt["changed"], 0);
    }
    assert_eq!(stage.world().await, world);
    assert_eq!(
        plan_of(&conn, MapScope::All, false).await.digest,
        planned.digest,
        "the same world, the same plan"
    );

    let said = stage.cli.fed(&["catalog", "import", "-", "--json"], csv.as_bytes()).await.unwrap();
    assert_eq!(said.code, 2, "standard input has no name that says its format: {}", said.stderr);
    let Answer::Status(status) = conn.query(Query::Status).await.unwrap() else { panic!("another answer") };
    assert_eq!(status.repositories, stage.catalog.rows.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_raises_the_revision_and_rows_left_out_stay() {
    let stage = Stage::of(20, None, "").await;
    let _daemon = stage.daemon().await;
    let import = async |text: &str| {
        let said = stage
            .cli
            .fed(&["catalog", "import", "-", "--format", "csv", "--json"], text.as_bytes())
            .await
            .unwrap();
        assert_eq!(said.code, 0, "{}", said.stderr);
        serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()
    };
    assert_eq!(import(GOOD).await["revision"], 1);
    let changed = import(&GOOD.replace("77", "78")).await;
    assert_eq!(
        (&changed["changed"], &changed["unchanged"], &changed["revision"]),
        (&1.into(), &1.into(), &2.into())
    );
    let fewer = import("projectId,tenantId,repoFullName,repoId\np2,t1,acme/api,78\n").await;
    assert_eq!((&fewer["repositories"], &fewer["revision"]), (&2.into(), &2.into()));
    assert_eq!(import("projectId,tenantId,repoFullName\n").await["repositories"], 2);
}

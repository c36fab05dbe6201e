//! Pages: whatever is in the rows, an answer fits into a frame; whatever the cursor says, there is an answer.

use std::collections::BTreeSet;

use cutover_shared::audit::{AuditAnswer, AuditQuery};
use cutover_shared::catalog::{CatalogAnswer, CatalogQuery};
use cutover_shared::ids::{ActKey, TenantId};
use cutover_shared::mapping::{MapAct, MapAnswer, MapQuery};
use cutover_shared::page::PageAsk;
use cutover_shared::rpc::{Act, Answer, Query};
use cutover_shared::run::{RunAnswer, RunQuery};
use cutover_shared::token::TokenQuery;

use super::stage::{Stage, plan};

/// Rows of the catalog.
const ROWS: usize = 1_200;

/// As long as an application's ids may be, of letters that JSON and CSV make longer.
fn long(i: usize) -> String {
    let number = format!("{i:04}");
    let rest: String =
        ["\"", "\\", "\u{1f4a5}", ","].concat().chars().cycle().take(200 - number.len()).collect();
    number + &rest
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_longest_names_fit_into_pages_and_none_is_lost() {
    let stage = Stage::of(20, None, "").await;
    let _daemon = stage.daemon().await;
    let rows: String = (0..ROWS)
        .map(|i| {
            let repo = format!("{}/{}{i:04}", "o".repeat(39), "r".repeat(96));
            let row = serde_json::json!({ "projectId": long(i), "tenantId": long(i), "repoFullName": repo });
            format!("{row}\n")
        })
        .collect();
    let file = stage.home.write("long.jsonl", rows.as_bytes()).unwrap().display().to_string();
    assert_eq!(stage.ask(&[0], &["catalog", "import", &file]).await["added"], ROWS);
    let conn = stage.connect().await;
    let run = plan(&conn).await;

    let tenants: Vec<TenantId> = (0..ROWS).map(|i| TenantId(long(i))).collect();
    for list in [tenants.clone(), Vec::new(), tenants] {
        let act = Act::Map(MapAct::SetMode { mode: None, canary: Some(list) });
        conn.act(ActKey::fresh(), act).await.unwrap();
    }
    assert_eq!(super::stage::mode(&conn).await.canary.len(), ROWS);

    let (mut keys, mut text) = (BTreeSet::new(), String::new());
    let (mut items, mut csv) = (PageAsk::first(500), PageAsk::first(500));
    loop {
        let ask = RunQuery::Items { id: run.id.clone(), state: None, page: items.clone() };
        let Answer::Run(RunAnswer::Items(page)) = conn.query(Query::Run(ask)).await.unwrap() else {
            panic!()
        };
        keys.extend(page.rows.into_iter().map(|item| item.key));
        items.after = page.next;
        if items.after.is_none() {
            break;
        }
    }
    assert_eq!(keys.len(), ROWS);
    loop {
        let ask = MapQuery::Csv { id: run.id.clone(), page: csv.clone() };
        let Answer::Map(MapAnswer::Csv { text: part, next }) = conn.query(Query::Map(ask)).await.unwrap()
        else {
            panic!()
        };
        text += &part;
        csv.after = next;
        if csv.after.is_none() {
            break;
        }
    }
    assert_eq!(csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).count(), ROWS);
    let world: serde_json::Value = serde_json::from_str(&stage.world().await).unwrap();
    assert_eq!(world["rows"].as_array().unwrap().len(), ROWS);
    for list in [&["tenant", "list"][..], &["project", "list"], &["audit", "list"], &["run", "list"]] {
        let args: Vec<&str> = list.iter().copied().chain(["--all-rows"]).collect();
        let answer = stage.ask(&[0], &args).await;
        let expected = match list[0] {
            "tenant" | "project" => ROWS,
            _ => answer["rows"].as_array().unwrap().len().max(1),
        };
        assert_eq!(answer["rows"].as_array().unwrap().len(), expected, "{list:?}");
    }
    stage.say(&[0], &["status"]).await;
    stage.say(&[0], &["audit", "export", "-"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_nonsense_gets_an_answer() {
    let stage = Stage::of(20, None, "").await;
    let daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    let long = "9".repeat(100_000);
    let cursors = [
        "",
        "zzz",
        "-1",
        "\n",
        "\n\n",
        "a\n",
        "\0",
        "9223372036854775807",
        "-9223372036854775808",
        "1e9",
        "' OR 1=1 --",
        &long,
    ];
    for cursor in cursors {
        for limit in [0, 1, u32::MAX] {
            let page = || PageAsk { after: Some(cursor.to_owned()), limit };
            let queries = [
                Query::Run(RunQuery::List { state: None, kind: None, page: page() }),
                Query::Run(RunQuery::Items { id: run.id.clone(), state: None, page: page() }),
                Query::Map(MapQuery::Csv { id: run.id.clone(), page: page() }),
                Query::Catalog(CatalogQuery::Links { tenant: None, page: page() }),
                Query::Catalog(CatalogQuery::Tenants { page: page() }),
                Query::Catalog(CatalogQuery::Projects { tenant: None, page: page() }),
                Query::Token(TokenQuery::List { page: page() }),
                Query::Audit(AuditQuery::List { page: page() }),
                Query::Audit(AuditQuery::Export { page: page() }),
            ];
            for query in queries {
                let told = format!("{query:.200?}");
                match conn.query(query).await {
                    Ok(Answer::Catalog(CatalogAnswer::Links(page))) => assert!(page.rows.len() <= 500),
                    Ok(Answer::Audit(AuditAnswer::List(page))) => assert!(page.rows.len() <= 500),
                    Ok(_) => {}
                    Err(error) => assert_eq!(error.code.exit(), 2, "{told}: {error}"),
                }
            }
        }
    }
    daemon.stop().await.unwrap();
    assert!(!stage.log().contains("panic"));
}

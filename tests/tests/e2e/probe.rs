//! `cutover import --probe`: what stands downstream is recorded before the move and compared after an import; a difference, a
//! broken stream and silence are exit 1 with the reason.

use std::sync::{Arc, Mutex};

use cutover_shared::audit::AuditView;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::fetch::project;
use super::stage::{REPOS, Stage, audit};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Well,
    /// Another event, and no text.
    Failing,
    /// Ends the connection before the last event.
    Cut,
    /// Begins, and says nothing more.
    Silent,
}

/// A service that writes documents as a stream of events, and has a page.
async fn downstream() -> (String, watch::Sender<Mood>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (mood, heard) = watch::channel(Mood::Well);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mood = *heard.borrow();
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let n = stream.read(&mut head).await.unwrap_or(0);
                if head[..n].starts_with(b"GET /page") {
                    let _ = stream
                        .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\npage")
                        .await;
                    return;
                }
                let text = match mood {
                    Mood::Well => {
                        "event: chunk\ndata: # Over\n\nevent: chunk\ndata: view\n\nevent: done\ndata: {\"n\": 2}\n\n"
                    }
                    Mood::Failing => {
                        "event: error\ndata: cannot read the repository\n\nevent: done\ndata: {\"n\": 0}\n\n"
                    }
                    Mood::Cut | Mood::Silent => "event: chunk\ndata: # Over\n\n",
                };
                let missing = if matches!(mood, Mood::Cut | Mood::Silent) { 50 } else { 0 };
                let head = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n",
                    text.len() + missing
                );
                let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
                if mood == Mood::Silent {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    (base, mood)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_downstream_is_recorded_before_and_proven_after() {
    let (base, mood) = downstream().await;
    let probes = format!(
        "\n[[probes]]\nname = \"docs\"\nkind = \"sse\"\nurl = \"{base}/generate-docs-stream?project={{project}}\"\n\
         token = \"downstream-token\"\ncontains = \"Overview\"\ntimeout = \"3s\"\n\
         \n[[probes]]\nname = \"page\"\nkind = \"http\"\nurl = \"{base}/page/{{repository}}\"\ndigest = true\n"
    );
    let stage = Stage::of(REPOS, None, &probes).await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    let row = project(&stage);
    let project = row.project_id.as_str();

    let unknown = stage.ask(&[1], &["import", project, "--probe", "compare"]).await;
    assert!(unknown["digest"].is_string() && unknown["probes"][0]["passed"].is_null(), "{unknown}");

    let recorded = stage.ask(&[0], &["import", project, "--probe", "record"]).await;
    assert_eq!(recorded["repository"], row.repo_full_name, "{recorded}");
    assert_eq!(recorded["probes"].as_array().unwrap().len(), 2, "{recorded}");
    stage.say(&[2], &["import", project, "--probe", "record", "--ref", "main"]).await;
    stage.say(&[3], &["--role", "viewer", "import", project, "--probe", "record"]).await;

    let same = stage.ask(&[0], &["import", project, "--probe", "compare"]).await;
    assert!(same["commit_sha"].is_string(), "{same}");
    for probe in same["probes"].as_array().unwrap() {
        assert_eq!(probe["passed"], true, "{same}");
    }

    mood.send_replace(Mood::Failing);
    let failing = stage.say(&[1], &["import", project, "--probe", "compare"]).await;
    for part in ["FAILED", "contains: wanted Overview", "found done, error", "passed in"] {
        assert!(failing.stdout.contains(part), "{part}: {}", failing.stdout);
    }
    for (bad, why) in [(Mood::Cut, "before `done`"), (Mood::Silent, "no answer within 3 s")] {
        mood.send_replace(bad);
        let view = stage.ask(&[1], &["import", project, "--probe", "compare"]).await;
        assert_eq!(view["probes"][0]["passed"], false, "{view}");
        assert!(view["probes"][0]["error"].as_str().unwrap().contains(why), "{why}: {view}");
        assert_eq!(view["probes"][1]["passed"], true, "{view}");
    }
    // Nothing of a bad answer takes the place of the good one.
    let again = stage.ask(&[1], &["import", project, "--probe", "record"]).await;
    assert_eq!(again["probes"][0]["passed"], false, "{again}");
    mood.send_replace(Mood::Well);
    stage.ask(&[0], &["import", project, "--probe", "compare"]).await;

    let conn = stage.connect().await;
    let records: Vec<AuditView> = audit(&conn).await;
    let done: Vec<_> = records.iter().filter(|record| record.act == "import.record").collect();
    assert_eq!(done.len(), 2);
    assert!(done.iter().any(|record| record.detail["recorded"] == serde_json::json!(["docs", "page"])));
    assert!(records.iter().any(|record| record.act == "import" && record.detail["probes"]["of"] == 2));
    assert!(!format!("{records:?}{}", stage.log()).contains("downstream-token"));
}

/// A service that answers a POST with what it was sent, and remembers that.
async fn echo() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
    let told = heard.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            // Headers and body may come apart.
            let body = loop {
                let mut part = [0; 4096];
                let n = stream.read(&mut part).await.unwrap();
                asked.extend_from_slice(&part[..n]);
                let text = String::from_utf8_lossy(&asked).into_owned();
                match text.split_once("\r\n\r\n") {
                    Some((head, body)) if head.starts_with("POST /generate ") && body.ends_with('}') => {
                        break body.to_owned();
                    }
                    _ => assert!(n > 0, "{text}"),
                }
            };
            told.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (base, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_sent_once_by_each_step_and_by_no_import_without_one() {
    let (base, heard) = echo().await;
    let probes = format!(
        "\n[[probes]]\nname = \"docs\"\nkind = \"http\"\nurl = \"{base}/generate\"\nmethod = \"POST\"\n\
         body = '{{\"project_id\": \"{{project}}\", \"of\": [\"{{repository}}\"]}}'\ndigest = true\n"
    );
    let stage = Stage::of(REPOS, None, &probes).await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    let row = project(&stage);
    let project = row.project_id.as_str();
    stage.ask(&[0], &["import", project]).await;
    assert_eq!(*heard.lock().unwrap(), [] as [Value; 0]);

    stage.ask(&[1], &["import", project, "--probe", "compare"]).await;
    assert_eq!(*heard.lock().unwrap(), [] as [Value; 0], "nothing was recorded to compare with");
    stage.ask(&[0], &["import", project, "--probe", "record"]).await;
    let same = stage.ask(&[0], &["import", project, "--probe", "compare"]).await;
    assert_eq!(same["probes"][0]["passed"], true, "{same}");
    let body = json!({ "project_id": project, "of": [row.repo_full_name] });
    assert_eq!(*heard.lock().unwrap(), [body.clone(), body]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_probes_both_steps_say_what_to_write() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    let row = project(&stage);
    for step in ["record", "compare"] {
        let said = stage.say(&[3], &["import", &row.project_id, "--probe", step]).await;
        assert!(said.stderr.contains("[[probes]]"), "{}", said.stderr);
    }
}

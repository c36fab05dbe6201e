use std::sync::Arc;

use cutover_shared::context::MAX_PART;

use super::*;
use crate::faults::Faults;
use crate::github::scripted::{Scripted, Seen, answer, github, message, token};
use crate::store::{IndexOp, InstallationRow, Learned, RepositoryRow, Version, open};

const TEXT: &str = "planted words of a comment";

struct Bench {
    operators: OperatorContext,
    db: Db,
    script: Arc<Scripted>,
    _dir: tempfile::TempDir,
}

fn of(repository: &str) -> Place {
    Place { repository: repository.to_owned(), installation: None }
}

fn ana() -> Who {
    Who { operator: "ana".into(), origin: "test".to_owned() }
}

impl Bench {
    /// Installations 7 and 9 see `Acme/Web`, 8 sees `zoe/app`; those of `suspended` are.
    async fn new(
        suspended: &[i64],
        github_says: impl Fn(&Seen) -> Option<crate::github::scripted::Reply> + Send + Sync + 'static,
    ) -> Self {
        let clock = Clock::system();
        let now = clock.now();
        let script = Scripted::new(move |seen| match github_says(seen) {
            _ if seen.is_mint() => Ok(token("ghs_x", now)),
            Some(reply) => reply,
            None => Ok(message(404, "Not Found")),
        });
        let github = github(&clock, &script);
        let dir = tempfile::tempdir().unwrap();
        let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
        let host = github.host_id().to_owned();
        let version = Version { at: 10, received: 10 };
        for (id, account, full_name) in [(7, 70, "Acme/Web"), (9, 70, "Acme/Web"), (8, 80, "zoe/app")] {
            let login = full_name.split('/').next().unwrap().to_owned();
            let row = InstallationRow {
                id,
                account_id: account,
                account_login: login.clone(),
                account_type: "Organization".to_owned(),
                selection: "all".to_owned(),
                suspended_at: suspended.contains(&id).then_some(5),
                permissions: "{}".to_owned(),
            };
            let repository = RepositoryRow {
                installation: id,
                id: account + 1,
                full_name: full_name.to_owned(),
                owner_id: account,
                owner_login: login,
                created_at: None,
                private: true,
                fork: false,
            };
            for fact in [
                Learned::Seen { row, suspension: true, version },
                Learned::Granted { installation: id, rows: vec![repository], version },
            ] {
                let op = IndexOp::Learned { host: host.clone(), fact: Box::new(fact), at: 1 };
                db.write(Lane::Handler, Unit::new().with(op)).await.unwrap();
            }
        }
        let context = RepositoryContext::new(github);
        Self { operators: OperatorContext::new(db.clone(), clock, host, context), db, script, _dir: dir }
    }

    async fn who(&self, repository: &str) -> Result<i64, OperatorError> {
        self.operators.installation(&of(repository)).await.map(|id| id.0)
    }

    async fn comment(&self, number: i64, text: &str) -> Result<(InstallationId, Value), OperatorError> {
        self.operators.comment(&of("zoe/app"), number, text, &ana()).await
    }

    /// Details of all that was recorded, the oldest first; none holds what was written.
    async fn recorded(&self) -> Vec<Value> {
        let rows = self.db.audit_oldest(None, 100).await.unwrap();
        assert!(rows.iter().all(|row| !row.bytes.contains(TEXT)));
        rows.iter()
            .map(crate::audit::view)
            .filter(|record| record.act == "context.comment")
            .map(|record| {
                assert_eq!((record.actor.as_str(), record.subject.as_str()), ("ana", "zoe/app#3"));
                record.detail
            })
            .collect()
    }
}

#[tokio::test]
async fn whoever_sees_the_repository_and_can_be_used_asks() {
    let bench = Bench::new(&[], |_| None).await;
    assert_eq!(bench.who("acme/WEB").await.unwrap(), 9, "the newer one");
    assert_eq!(bench.who("zoe/app").await.unwrap(), 8);
    let error = bench.who("zoe/ap").await.unwrap_err();
    assert!(matches!(&error, OperatorError::Unseen { repository } if repository == "zoe/ap"), "{error}");
    for name in ["", "zoe", "zoe/", "/app", "zoe/app/x"] {
        assert!(matches!(bench.who(name).await, Err(OperatorError::BadInput(_))), "{name}");
    }
    let named = Place { installation: Some(InstallationId(5)), ..of("no/where") };
    assert_eq!(bench.operators.installation(&named).await.unwrap().0, 5);

    let bench = Bench::new(&[8, 9], |_| None).await;
    assert_eq!(bench.who("Acme/Web").await.unwrap(), 7, "the other one is suspended");
    let error = bench.who("zoe/app").await.unwrap_err();
    assert!(error.to_string().contains("installation 8, which sees zoe/app, is suspended"), "{error}");
}

#[tokio::test]
async fn a_file_of_many_parts_comes_whole() {
    let content = "é\"\\\n".repeat(MAX_PART / 4);
    let body = content.clone();
    let bench = Bench::new(&[], move |seen| {
        let raw = |mut reply: crate::github::scripted::WireAnswer| {
            reply.headers.remove("content-type");
            reply
        };
        seen.uri
            .ends_with("/repos/zoe/app/contents/a/b.txt?ref=main")
            .then(|| Ok(raw(answer(200, body.clone()))))
    })
    .await;
    let ask = ContextAsk::File { path: "a/b.txt".to_owned(), reference: Some("main".to_owned()) };
    let mut part = bench.operators.ask(&of("zoe/app"), &ask).await.unwrap();
    let (mut text, mut parts) = (part.text, 1);
    while let Some(id) = part.more {
        part = bench.operators.part(&id, text.len() as u64).unwrap();
        assert_eq!(part.installation, InstallationId(8));
        text += &part.text;
        parts += 1;
    }
    assert!(parts > 1 && part.size == text.len() as u64);
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&file["size"], &file["encoding"]), (&json!(content.len()), &json!("base64")));
    assert!(matches!(bench.operators.part("x", 0), Err(OperatorError::Forgotten)));
    let gone = bench.operators.ask(&of("zoe/app"), &ContextAsk::Commit { sha: "abc".to_owned() }).await;
    assert!(matches!(gone, Err(OperatorError::Context(ContextError::NotFound { .. }))));
}

#[tokio::test]
async fn a_comment_is_posted_once_and_recorded_without_its_words() {
    let bench = Bench::new(&[], |seen| {
        let posts = seen.method == "POST" && seen.uri.ends_with("/repos/zoe/app/issues/3/comments");
        posts.then(|| Ok(answer(201, json!({ "id": 44, "body": TEXT }).to_string())))
    })
    .await;
    let (installation, comment) = bench.comment(3, TEXT).await.unwrap();
    assert_eq!((installation.0, &comment["id"]), (8, &json!(44)));
    let detail = json!({ "outcome": "posted", "comment": 44, "installation": 8, "characters": TEXT.len() });
    assert_eq!(bench.recorded().await, [detail]);
    let posted =
        |bench: &Bench| bench.script.seen().iter().filter(|seen| seen.uri.ends_with("/comments")).count();
    assert_eq!(posted(&bench), 1);

    for (number, text) in [(3, " \n"), (3, &*"x".repeat(LONGEST_COMMENT + 1)), (0, TEXT), (-1, TEXT)] {
        assert!(matches!(bench.comment(number, text).await, Err(OperatorError::BadInput(_))));
    }
    assert_eq!((posted(&bench), bench.recorded().await.len()), (1, 1), "nonsense reaches nobody");
    assert!(bench.comment(3, &"é".repeat(LONGEST_COMMENT)).await.is_ok());
}

#[tokio::test]
async fn what_is_not_known_to_have_failed_may_have_happened() {
    use crate::github::scripted::WireFailure;
    for (reply, class, may) in [
        (Ok(message(404, "Not Found")), "not_found", false),
        (Ok(message(422, TEXT)), "refused", false),
        (Ok(answer(201, "<html>")), "bad_answer", true),
        (Err(WireFailure::Broken("reset".to_owned())), "unavailable", true),
    ] {
        let bench = Bench::new(&[], move |_| Some(reply.clone())).await;
        let error = bench.comment(3, TEXT).await.unwrap_err();
        assert_eq!(error.may_have_happened(), may, "{error}");
        let outcome = if may { "unknown" } else { "failed" };
        let recorded = bench.recorded().await;
        assert_eq!(recorded.len(), 1);
        assert_eq!((&recorded[0]["outcome"], &recorded[0]["error"]), (&json!(outcome), &json!(class)));
        let posts = bench.script.seen().iter().filter(|seen| seen.uri.ends_with("/comments")).count();
        assert_eq!(posts, 1, "a change is not tried again by itself");
    }
}

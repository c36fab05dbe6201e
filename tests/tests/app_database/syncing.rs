use std::sync::Arc;

use cutover_daemon::audit::Who;
use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::mapping::catalog::app_database::AppDatabase;
use cutover_daemon::mapping::catalog::sync::{Synced, sync};
use cutover_daemon::seal::Seal;
use cutover_daemon::store::{Db, LinkFilter, LinkRow, open};

use super::world::{App, prisma, with_repo_table};

struct Ours {
    dir: tempfile::TempDir,
    db: Db,
    seal: Arc<Seal>,
    clock: Clock,
}

impl Ours {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
        let seal =
            Arc::new(Seal::new(vec![("k1".to_owned(), secrecy::SecretBox::new(Box::new([7; 32])))]).unwrap());
        Self { dir, db, seal, clock: Clock::manual(1_700_000_000_000) }
    }

    async fn sync(&self, database: &AppDatabase) -> Synced {
        let who = Who { operator: "ana".into(), origin: "test".to_owned() };
        sync(&self.db, database, &self.seal, &self.clock, &who).await.unwrap()
    }

    async fn links(&self) -> Vec<LinkRow> {
        self.db.links(&LinkFilter::All, None, 10_000).await.unwrap()
    }

    /// Revision of the catalog, and the number of audit records.
    async fn marks(&self) -> (i64, usize) {
        (self.db.catalog_revision().await.unwrap(), self.db.audit_newest(None, 1_000).await.unwrap().len())
    }
}

#[tokio::test]
async fn the_first_reading_takes_all_and_a_later_one_only_what_changed() {
    let mut app = App::new(with_repo_table(), "BIGINT").await;
    app.add("1", Some("acme"), &["acme/site", "Acme/Api"]).await;
    app.add("2", Some("beta"), &["beta/x"]).await;
    app.add("3", Some("beta"), &[]).await;
    app.set("2", "44", "'pending'").await;
    let (ours, database) = (Ours::new().await, app.open());
    let first = ours.sync(&database).await;
    assert_eq!((first.added, first.changed, first.dropped, first.bad), (3, 0, 0, 0));
    let links = ours.links().await;
    assert_eq!(links[0].key.as_str(), "1:acme/api");
    assert_eq!(links[0].repo_full_name, "Acme/Api");
    assert_eq!((links[2].app_installation, links[2].app_status.as_deref()), (Some(44), Some("pending")));
    let (revision, records) = ours.marks().await;
    assert_eq!((revision, records), (1, 1));

    let again = ours.sync(&database).await;
    assert_eq!((again.added, again.changed, again.dropped, again.unchanged), (0, 0, 0, 3));
    assert_eq!(ours.marks().await, (revision, records));

    app.sql("UPDATE \"Repo\" SET commit = repeat('a', 40) WHERE \"fullName\" = 'beta/x'").await;
    app.set("1", "NULL", "'mapped'").await;
    app.sql("DELETE FROM \"Repo\" WHERE \"fullName\" = 'acme/site'").await;
    app.add("4", Some("acme"), &["acme/new"]).await;
    let third = ours.sync(&database).await;
    assert_eq!((third.added, third.changed, third.dropped, third.unchanged), (1, 2, 1, 0));
    let keys: Vec<_> = ours.links().await.into_iter().map(|link| link.key.0).collect();
    assert_eq!(keys, ["1:acme/api", "2:beta/x", "4:acme/new"]);
    let (later, records_later) = ours.marks().await;
    assert!(later > revision);
    assert_eq!(records_later, records + 1);
    let record = ours.db.audit_newest(None, 1).await.unwrap().remove(0);
    assert!(
        record.bytes.contains("catalog.sync") && record.bytes.contains("\"dropped\":1"),
        "{}",
        record.bytes
    );
}

#[tokio::test]
async fn rows_that_can_not_be_taken_are_left_out_and_named_and_stop_nothing() {
    let mut app = App::new(with_repo_table(), "TEXT").await;
    app.add("good", Some("t"), &["a/good"]).await;
    app.add("no tenant", None, &["a/b"]).await;
    app.add("empty", Some("t"), &[""]).await;
    app.add("url", Some("t"), &["https://github.com/a/hidden"]).await;
    app.add(" blank", Some("t"), &["a/b"]).await;
    app.add("twice", Some("t"), &["a/same", "A/Same"]).await;
    app.add("long", Some("t"), &["a/b"]).await;
    app.set("long", "NULL", "repeat('s', 1001)").await;
    app.add("sha", Some("t"), &["a/sha"]).await;
    app.sql("UPDATE \"Repo\" SET commit = 'gho_wrongcolumn' WHERE \"fullName\" = 'a/sha'").await;
    app.add("forever", Some("t"), &["a/forever"]).await;
    app.sql("UPDATE \"Repo\" SET \"importedAt\" = 'infinity' WHERE \"fullName\" = 'a/forever'").await;
    let (ours, database) = (Ours::new().await, app.open());
    let synced = ours.sync(&database).await;
    let mut reasons = synced.reasons.clone();
    reasons.sort();
    assert_eq!(synced.bad, 8, "{reasons:#?}");
    let keys: Vec<_> = ours.links().await.into_iter().map(|link| link.key.0).collect();
    assert_eq!(keys, ["good:a/good", "twice:a/same"]);
    for part in [
        "project no tenant: tenantId is needed",
        "project empty: repoFullName is needed",
        "project url: repoFullName is an address",
        "project  blank: projectId begins or ends with a blank",
        "project twice: repoFullName is there twice",
        "project long: the status column holds more than 1000 characters",
        "project sha: importedCommitSha must be",
        "project forever: importedAt is no time",
    ] {
        assert!(reasons.iter().any(|reason| reason.starts_with(part)), "{part}: {reasons:#?}");
    }
    assert!(!reasons.concat().contains("hidden") && !reasons.concat().contains("gho_wrongcolumn"));
    let record = ours.db.audit_newest(None, 1).await.unwrap().remove(0);
    assert!(record.bytes.contains("\"bad\":8") && record.bytes.contains("is an address"));

    for id in 0..40 {
        app.add(&format!("x{id}"), None, &["a/b"]).await;
    }
    app.add("one more", Some("t"), &["a/b"]).await;
    let synced = ours.sync(&database).await;
    assert_eq!((synced.bad, synced.reasons.len(), synced.added), (48, 20, 1));
}

#[tokio::test]
async fn tokens_are_sealed_and_in_no_byte_of_our_folder() {
    let mut app = App::new(prisma(), "TEXT").await;
    for (n, id) in ["p", "q", "r"].iter().enumerate() {
        app.add(id, Some("t"), &["a/b"]).await;
        app.sql(&format!("UPDATE \"Project\" SET \"userId\" = {} WHERE id = '{id}'", n / 2)).await;
    }
    app.sql("INSERT INTO \"User\" VALUES (0, 'gho_planted_0123456789'), (1, NULL)").await;
    let (ours, database) = (Ours::new().await, app.open());
    ours.sync(&database).await;
    let links = ours.links().await;
    assert_eq!(links[0].token, links[1].token);
    assert_eq!(links[2].token, None);
    let fingerprint = links[0].token.clone().unwrap();
    let sealed = ours.db.user_token(&fingerprint).await.unwrap().unwrap();
    assert!(sealed.starts_with("s1.k1."));
    app.sql("UPDATE \"User\" SET \"githubAccessToken\" = 'gho_planted_rotated' WHERE id = 0").await;
    let synced = ours.sync(&database).await;
    assert_eq!((synced.changed, synced.unchanged), (2, 1));
    ours.db.close().await;
    let mut searched = 0;
    for file in std::fs::read_dir(ours.dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        searched += bytes.len();
        for planted in [&b"gho_planted"[..], cutover_tests::services::PASSWORD.as_bytes()] {
            assert!(!bytes.windows(planted.len()).any(|window| window == planted));
        }
    }
    assert!(searched > 4096);
}

#[tokio::test]
async fn five_thousand_projects_are_read_in_pages() {
    let mut app = App::new(prisma(), "BIGINT").await;
    app.sql(
        "INSERT INTO \"Project\" (id, \"tenantId\", \"repoFullName\")
         SELECT n, 'tenant' || n % 50, CASE WHEN n % 10 = 0 THEN NULL ELSE 'org' || n % 7 || '/repo' || n END
           FROM generate_series(1, 5000) AS n",
    )
    .await;
    let (ours, database) = (Ours::new().await, app.open());
    let first = ours.sync(&database).await;
    assert_eq!((first.added, first.bad), (4_500, 0));
    assert_eq!(ours.db.catalog_counts().await.unwrap(), (45, 4_500, 4_500));
    let marks = ours.marks().await;
    assert_eq!(ours.sync(&database).await.unchanged, 4_500);
    assert_eq!(ours.marks().await, marks);
    app.sql("DELETE FROM \"Project\" WHERE id > 2500").await;
    assert_eq!(ours.sync(&database).await.dropped, 2_250);
    assert_eq!(ours.links().await.len(), 2_250);
}

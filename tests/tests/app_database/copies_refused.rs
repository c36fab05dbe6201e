//! Tables that are missing or closed, and rows that are not taken.

use cutover_daemon::config::MirrorNames;
use cutover_daemon::faults::Faults;
use cutover_daemon::mapping::catalog::app_database::Unfit;
use cutover_daemon::store::{IntegrationOp, Learned, MirrorKind};

use super::copies_world::{
    HOST, Ours, TABLES, Theirs, at, bind, both, id, installations, integrations, repository,
};

async fn says(ours: &Ours) -> String {
    ours.mirror.check().await.unwrap_err().to_string()
}

#[tokio::test]
async fn an_application_without_the_tables_is_told_so_and_gets_all_once_it_has_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut theirs = Theirs::new(both(), "SELECT 1").await;
    let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
    ours.sweep(10, &[(7, "acme", &["api"])]).await;
    ours.integration(bind(1, "u", 7)).await;
    let told = says(&ours).await;
    for table in ["GitHubAppInstallation", "integrations", "oauth_tokens"] {
        assert!(told.contains(&format!("there is no table {table} in schema public")), "{told}");
    }
    ours.mirror.pay().await.unwrap_err();
    assert!(ours.mirror.trouble().unwrap().why.contains("there is no table"));
    assert!(ours.db.mirror_count(HOST, MirrorKind::Installation).await.unwrap() > 0);
    // One copy that can't be made stops no other.
    let (_, others) = TABLES.split_once("CREATE TABLE integrations").unwrap();
    let others = others.split_once("CREATE TABLE touched").unwrap().0;
    theirs.sql(&format!("CREATE TABLE integrations {others}")).await;
    ours.mirror.pay().await.unwrap_err();
    assert_eq!(theirs.tokens().await, ["u 7 true"]);
    theirs.sql("DROP TABLE oauth_tokens, integrations").await;
    theirs.sql(TABLES).await;
    theirs.knows(&[7]).await;
    ours.pay().await;
    assert_eq!((ours.mirror.trouble(), ours.mirror.check().await.unwrap()), (None, 0));
    assert_eq!(theirs.lists().await, [r#"7: acme ["acme/api"]"#]);
    assert_eq!(theirs.tokens().await, ["u 7 true"]);
}

#[tokio::test]
async fn everything_that_does_not_fit_is_named() {
    let tables = TABLES
        .replace("repositories JSONB", "repositories INTEGER")
        .replace("\"accountLogin\" TEXT", "\"accountLogin\" INTEGER")
        .replace("is_active BOOLEAN DEFAULT true", "is_active TEXT")
        .replace("credential_data JSONB DEFAULT '{}'", "secret TEXT NOT NULL")
        .replace("description TEXT", "about TEXT NOT NULL")
        .replace(
            "\"installationId\" BIGINT NOT NULL UNIQUE",
            "\"installationId\" BIGINT, must TEXT NOT NULL",
        );
    let mut names = both();
    names.installations.as_mut().unwrap().add = true;
    let theirs = Theirs::new(names, &tables).await;
    let dir = tempfile::tempdir().unwrap();
    let told = says(&Ours::new(dir.path(), theirs.open(), Faults::none()).await).await;
    for said in [
        "column repositories of GitHubAppInstallation has the type integer; jsonb, json, text[] or text is needed",
        "column accountLogin of GitHubAppInstallation has the type integer; text is needed",
        "column must of GitHubAppInstallation is NOT NULL without a default",
        "column installationId of GitHubAppInstallation does not name one row",
        "column is_active of oauth_tokens has the type text; boolean is needed",
        "table oauth_tokens has no column credential_data",
        "column secret of oauth_tokens is NOT NULL without a default",
        "table integrations has no column description",
        "column about of integrations is NOT NULL without a default",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert_eq!(told.matches(" integrations ").count(), 2, "{told}");
}

#[tokio::test]
async fn the_grants_of_the_document_are_enough_and_each_missing_one_is_named() {
    let role = "guest_of_copies";
    let mut theirs = Theirs::new(both(), TABLES).await;
    theirs.knows(&[7]).await;
    theirs.sql(&format!("CREATE ROLE {role} LOGIN; REVOKE ALL ON SCHEMA public FROM PUBLIC")).await;
    let document =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/application-database.md"))
            .unwrap();
    let grants: Vec<String> = document
        .split("<!-- grants of the copies -->")
        .nth(1)
        .unwrap()
        .lines()
        .skip_while(|line| !line.starts_with("```"))
        .skip(1)
        .take_while(|line| !line.starts_with("```"))
        .collect::<Vec<_>>()
        .join(" ")
        .split(';')
        .map(|grant| grant.trim().replace("TO cutover", &format!("TO {role}")))
        .filter(|grant| !grant.is_empty())
        .collect();
    assert!(grants.len() >= 6, "{grants:?}");
    let url = theirs.database.url.replace("postgres:planted", &format!("{role}:planted"));
    let dir = tempfile::tempdir().unwrap();
    let ours = Ours::new(dir.path(), theirs.open_at(&url), Faults::none()).await;
    ours.sweep(10, &[(7, "acme", &["api"])]).await;
    ours.integration(bind(1, "u", 7)).await;
    for left_out in 0..grants.len() {
        theirs.sql(&format!("DROP OWNED BY {role}")).await;
        for (_, grant) in grants.iter().enumerate().filter(|(n, _)| *n != left_out) {
            theirs.sql(grant).await;
        }
        let told = says(&ours).await;
        let word = grants[left_out].split_whitespace().nth(1).unwrap();
        assert!(told.contains(&format!("GRANT {word}")), "{}: {told}", grants[left_out]);
        ours.mirror.pay().await.unwrap_err();
    }
    theirs.sql(&grants.join(";")).await;
    ours.mirror.check().await.unwrap();
    ours.pay().await;
    ours.integration(IntegrationOp::Revoke { id: id(1), user: "u".into(), at: 9 }).await;
    ours.pay().await;
    assert_eq!(theirs.lists().await, [r#"7: acme ["acme/api"]"#]);
    assert_eq!(theirs.tokens().await, ["u 7 false"]);
    theirs.sql(&format!("ALTER ROLE {role} SET default_transaction_read_only = on")).await;
    let standby = theirs.open_at(&url);
    let refused = standby.check_copies().await.unwrap_err().to_string();
    assert!(refused.contains(&Unfit::ReadOnly.to_string()), "{refused}");
    standby.close().await;
    theirs.sql(&format!("DROP OWNED BY {role}")).await;
}

#[tokio::test]
async fn a_row_that_is_not_taken_stops_no_other_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let tables = format!(
        "CREATE TABLE users (id TEXT PRIMARY KEY); INSERT INTO users VALUES ('u'), ('w'); {}",
        TABLES.replace("user_id TEXT NOT NULL", "user_id TEXT NOT NULL REFERENCES users")
    );
    let names = MirrorNames { integrations: Some(integrations()), installations: None };
    let mut theirs = Theirs::new(names, &tables).await;
    let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
    ours.pay().await;
    for (n, user) in [(1, "u"), (2, "nobody"), (3, "w")] {
        ours.integration(bind(n, user, 7)).await;
    }
    ours.pay().await;
    assert_eq!(theirs.tokens().await, ["u 7 true", "w 7 true"]);
    let trouble = ours.mirror.trouble().unwrap().why;
    assert!(
        trouble.contains("do not take 1 row") && trouble.contains(&id(2)) && trouble.contains("foreign key"),
        "{trouble}"
    );
    assert!(!ours.mirror.pay().await.unwrap(), "not tried again and again");
    theirs.sql("INSERT INTO users VALUES ('nobody')").await;
    ours.sweep(10, &[]).await;
    ours.pay().await;
    assert_eq!(theirs.tokens().await, ["nobody 7 true", "u 7 true", "w 7 true"]);
    assert_eq!(ours.mirror.trouble(), None);
}

#[tokio::test]
async fn a_user_that_is_none_of_the_columns_type_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let names = MirrorNames { integrations: Some(integrations()), installations: None };
    let mut theirs = Theirs::new(names, &TABLES.replace("user_id TEXT", "user_id UUID")).await;
    let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
    ours.integration(bind(1, "user-1", 7)).await;
    ours.pay().await;
    assert!(theirs.texts("SELECT id::text FROM oauth_tokens").await.is_empty());
    assert!(ours.mirror.trouble().unwrap().why.contains("not of the column's type"));
}

#[tokio::test]
async fn a_row_that_the_application_holds_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let names = MirrorNames { installations: Some(installations()), integrations: None };
    let mut theirs = Theirs::new(names, TABLES).await;
    theirs.knows(&[7]).await;
    let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
    ours.sweep(10, &[(7, "acme", &["api"])]).await;
    ours.pay().await;
    theirs.sql(r#"BEGIN; UPDATE "GitHubAppInstallation" SET note = 'mine', repositories = '["old"]'"#).await;
    let rows = vec![repository(7, "acme", "new")];
    ours.learn(Learned::Granted { installation: 7, rows, version: at(20) }).await;
    let mirror = ours.mirror.clone();
    let paying = tokio::spawn(async move { mirror.pay().await });
    while theirs.texts("SELECT pid::text FROM pg_locks WHERE NOT granted").await.is_empty() {}
    theirs.sql("COMMIT").await;
    assert!(paying.await.unwrap().unwrap());
    assert_eq!(theirs.lists().await, [r#"7: acme ["acme/api", "acme/new"]"#]);
    assert_eq!(theirs.texts(r#"SELECT note FROM "GitHubAppInstallation""#).await, ["mine"]);
}

#[tokio::test]
async fn names_that_do_not_survive_careless_quoting_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut names = both();
    let copy = names.installations.as_mut().unwrap();
    (copy.table, copy.repositories) = ("a\"; DROP TABLE x; --".into(), "{} $1 'ä".into());
    let copy = names.integrations.as_mut().unwrap();
    (copy.tokens.table, copy.tokens.data, copy.scopes) = ("select".into(), "\\".into(), Some("w.e".into()));
    let tables = TABLES
        .replace("\"GitHubAppInstallation\"", "\"a\"\"; DROP TABLE x; --\"")
        .replace("repositories JSONB", "\"{} $1 'ä\" JSONB")
        .replace("oauth_tokens", "\"select\"")
        .replace("credential_data", "\"\\\"")
        .replace("required_scopes", "\"w.e\"");
    let mut theirs = Theirs::new(names, &tables).await;
    theirs.sql("INSERT INTO \"a\"\"; DROP TABLE x; --\" (\"installationId\") VALUES (7)").await;
    let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
    ours.mirror.check().await.unwrap();
    ours.sweep(10, &[(7, "acme", &["api"])]).await;
    ours.integration(bind(1, "u'; --", 7)).await;
    ours.pay().await;
    let list = "SELECT \"{} $1 'ä\"::text FROM \"a\"\"; DROP TABLE x; --\"";
    assert_eq!(theirs.texts(list).await, [r#"["acme/api"]"#]);
    assert_eq!(theirs.texts("SELECT user_id FROM \"select\"").await, ["u'; --"]);
}

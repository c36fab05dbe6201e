//! Copies follow the facts: events, sweeps, renames, ends; and what somebody else wrote is put right.

use cutover_daemon::config::MirrorNames;
use cutover_daemon::faults::Faults;
use cutover_daemon::store::{IntegrationOp, IntegrationRow, IntegrationState, Learned, MirrorKind};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::copies_world::{
    HOST, Ours, TABLES, Theirs, at, bind, both, id, installations, integrations, repository, row,
};

#[tokio::test]
async fn an_installations_row_follows_events_sweeps_renames_and_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let names = MirrorNames { installations: Some(installations()), integrations: None };
    let mut theirs = Theirs::new(names, TABLES).await;
    theirs.knows(&[7, 8, 9]).await;
    let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
    ours.learn(Learned::Seen { row: row(7, "acme"), suspension: false, version: at(5) }).await;
    ours.pay().await;
    assert_eq!(theirs.touched().await, 0, "our lists are no truth before a whole sweep");

    ours.sweep(10, &[(7, "acme", &["site", "api"]), (8, "beta", &[])]).await;
    ours.pay().await;
    let swept = [r#"7: acme ["acme/api", "acme/site"]"#, "8: beta []", "9: - []"];
    assert_eq!(theirs.lists().await, swept);
    assert_eq!(theirs.touched().await, 3);
    ours.sweep(20, &[(7, "acme", &["site", "api"]), (8, "beta", &[])]).await;
    ours.pay().await;
    assert_eq!(theirs.touched().await, 3, "what is true is not written");

    let granted = |names: &[&str], received| Learned::Granted {
        installation: 7,
        rows: names.iter().map(|name| repository(7, "acme", name)).collect(),
        version: at(received),
    };
    ours.learn(granted(&["new"], 30)).await;
    ours.pay().await;
    assert_eq!(theirs.lists().await[0], r#"7: acme ["acme/api", "acme/new", "acme/site"]"#);
    let renamed = {
        let mut row = repository(7, "acme", "api");
        row.full_name = "acme/zebra".into();
        row
    };
    ours.learn(Learned::Described { row: renamed, version: at(31) }).await;
    let withdrawn = vec![repository(7, "acme", "site").id];
    ours.learn(Learned::Withdrawn { installation: 7, repositories: withdrawn, version: at(32) }).await;
    ours.pay().await;
    assert_eq!(theirs.lists().await[0], r#"7: acme ["acme/new", "acme/zebra"]"#);
    ours.learn(Learned::Renamed { installation: 7, login: "apex".into(), version: at(33) }).await;
    ours.pay().await;
    assert_eq!(theirs.lists().await[0], r#"7: apex ["apex/new", "apex/zebra"]"#);
    assert_eq!(theirs.touched().await, 6, "one write for each batch, and of no other row");
    ours.learn(Learned::Uninstalled { installation: 7, version: at(34) }).await;
    ours.pay().await;
    assert_eq!(theirs.lists().await, ["7: apex []", "8: beta []", "9: - []"]);
    let theirs_still = r#"SELECT DISTINCT note FROM "GitHubAppInstallation""#;
    assert_eq!(theirs.texts(theirs_still).await, ["theirs"]);
    assert_eq!(ours.db.mirror_count(HOST, MirrorKind::Installation).await.unwrap(), 0);
    // Each batch that wrote is in the audit, and no other.
    let records = ours.db.audit_newest(None, 100).await.unwrap();
    assert_eq!(records.iter().filter(|record| record.bytes.contains("mirror.")).count(), 5);
}

#[tokio::test]
async fn a_row_that_somebody_changed_is_put_right_at_the_next_sweep_and_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut theirs = Theirs::new(both(), TABLES).await;
    theirs.knows(&[7]).await;
    let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
    let world: &[(i64, &str, &[&str])] = &[(7, "acme", &["api"])];
    ours.sweep(10, world).await;
    ours.integration(bind(1, "user-1", 7)).await;
    ours.pay().await;
    let (lists, tokens) = (theirs.lists().await, theirs.tokens().await);
    assert_eq!(
        (lists.as_slice(), tokens.as_slice()),
        (&[r#"7: acme ["acme/api"]"#.to_owned()][..], &["user-1 7 true".to_owned()][..])
    );
    let meddle = r#"UPDATE "GitHubAppInstallation" SET repositories = '["evil/repo"]', "accountLogin" = 'evil';
                    UPDATE oauth_tokens SET is_active = false, user_id = 'evil', access_token = 'ghs_x', credential_data = '{}'"#;
    theirs.sql(meddle).await;
    ours.sweep(20, world).await;
    ours.pay().await;
    assert_eq!((theirs.lists().await, theirs.tokens().await), (lists.clone(), tokens.clone()));
    assert_eq!(theirs.texts("SELECT access_token FROM oauth_tokens").await, ["cutover-keeps-the-tokens"]);
    theirs.sql(meddle).await;
    theirs.sql("DELETE FROM oauth_tokens; DELETE FROM integrations").await;
    ours.pay().await;
    assert_ne!(theirs.lists().await, lists, "nothing told of it yet");
    ours.db.close().await;
    let next = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
    next.pay().await;
    assert_eq!((theirs.lists().await, theirs.tokens().await), (lists, tokens));
}

#[tokio::test]
async fn each_connection_has_a_row_that_ends_with_it_and_holds_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let names = MirrorNames { integrations: Some(integrations()), installations: None };
    let mut theirs = Theirs::new(names, TABLES).await;
    let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
    // No sweep is needed for what people did here.
    ours.pay().await;
    let about = "SELECT concat_ws(' ', integration_type, version, configuration->>'callback_url', supported_operations[1], required_scopes[3])
                   FROM integrations WHERE integration_id = 'github_app'";
    let made = ["github 1.0 /api/v1/public/webhooks/github/auth repositories:read actions"];
    assert_eq!(theirs.texts(about).await, made);
    theirs
        .sql(
            "UPDATE integrations SET version = '7';
             INSERT INTO oauth_tokens (user_id, integration_id, provider, access_token, credential_data)
             VALUES ('old', 'github_app', 'github', 'theirs', '{\"installation_id\": \"7\"}')",
        )
        .await;
    ours.integration(bind(1, "u", 7)).await;
    ours.integration(bind(2, "v", 7)).await;
    ours.integration(bind(3, "u", 8)).await;
    let requested = IntegrationOp::Request(Box::new(IntegrationRow {
        installation: None,
        requester: Some(5),
        state: IntegrationState::Requested,
        ..match bind(4, "w", 1) {
            IntegrationOp::Bind(row) => *row,
            _ => unreachable!(),
        }
    }));
    ours.integration(requested).await;
    ours.pay().await;
    assert_eq!(theirs.tokens().await, ["old 7 true", "u 7 true", "u 8 true", "v 7 true"]);
    let data = format!("SELECT credential_data::text FROM oauth_tokens WHERE id = '{}'", id(1));
    let expected = r#"{"setup_action": "install", "installation_id": "7", "callback_timestamp": "2025-01-13T10:30:00Z"}"#;
    assert_eq!(theirs.texts(&data).await, [expected]);
    ours.integration(IntegrationOp::Revoke { id: id(1), user: "u".into(), at: 9 }).await;
    ours.integration(IntegrationOp::Uninstalled { host: HOST.into(), installation: 8, at: 9 }).await;
    let granted = IntegrationOp::Granted {
        host: HOST.into(),
        requester: 5,
        installation: 9,
        account_login: "x".into(),
        at: 9,
    };
    ours.integration(granted).await;
    ours.pay().await;
    assert_eq!(theirs.tokens().await, ["old 7 true", "u 7 false", "u 8 false", "v 7 true", "w 9 true"]);
    // Connected again: one more row, as there is one more connection.
    ours.integration(bind(5, "u", 7)).await;
    ours.pay().await;
    let again = ["old 7 true", "u 7 false", "u 7 true", "u 8 false", "v 7 true", "w 9 true"];
    assert_eq!(theirs.tokens().await, again);
    assert_eq!(theirs.texts("SELECT version FROM integrations").await, ["7"], "the application's own row");
    let tokens = "SELECT DISTINCT access_token FROM oauth_tokens ORDER BY 1";
    assert_eq!(theirs.texts(tokens).await, ["cutover-keeps-the-tokens", "theirs"]);
}

#[tokio::test]
async fn rows_are_added_only_where_that_is_switched_on() {
    for add in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut names = both();
        names.installations.as_mut().unwrap().add = add;
        let mut theirs = Theirs::new(names, TABLES).await;
        let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
        ours.sweep(10, &[(7, "acme", &["api"]), (8, "beta", &["x"])]).await;
        ours.pay().await;
        ours.learn(Learned::Seen { row: row(9, "zeta"), suspension: false, version: at(20) }).await;
        let rows = vec![repository(9, "zeta", "z")];
        ours.learn(Learned::Granted { installation: 9, rows, version: at(20) }).await;
        ours.pay().await;
        let all = [r#"7: acme ["acme/api"]"#, r#"8: beta ["beta/x"]"#, r#"9: zeta ["zeta/z"]"#];
        assert_eq!(theirs.lists().await, if add { &all[..] } else { &[] });
    }
}

#[tokio::test]
async fn columns_of_every_form_and_ids_of_every_type_hold_the_same() {
    for (list, number, data, user, token) in [
        ("JSON", "TEXT", "JSON", "UUID", "TEXT"),
        ("TEXT", "INTEGER", "TEXT", "BIGINT", "UUID"),
        ("TEXT[]", "VARCHAR(40)", "VARCHAR(400)", "VARCHAR(40)", "VARCHAR(40)"),
        ("VARCHAR(80)[]", "BIGINT", "JSONB", "TEXT", "UUID"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let tables = TABLES
            .replace("\"installationId\" BIGINT", &format!("\"installationId\" {number}"))
            .replace("\"accountId\" BIGINT", &format!("\"accountId\" {number}"))
            .replace("repositories JSONB", &format!("repositories {list}"))
            .replace("credential_data JSONB DEFAULT '{}'", &format!("credential_data {data}"))
            .replace("user_id TEXT", &format!("user_id {user}"))
            .replace("id UUID PRIMARY KEY DEFAULT gen_random_uuid()", &format!("id {token} PRIMARY KEY"))
            .replace("supported_operations TEXT[]", "supported_operations JSONB")
            .replace("required_scopes TEXT[]", "required_scopes TEXT");
        let mut theirs = Theirs::new(both(), &tables).await;
        theirs.sql(r#"INSERT INTO "GitHubAppInstallation" ("installationId") VALUES ('7')"#).await;
        if number == "TEXT" {
            theirs
                .sql(r#"INSERT INTO "GitHubAppInstallation" ("installationId") VALUES ('none'), ('007')"#)
                .await;
        }
        theirs.sql("TRUNCATE touched").await;
        let user = match user {
            "UUID" => "b7a5c8de-0f3f-4d62-9a2e-3f8a5b1c0001",
            _ => "42",
        };
        let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
        ours.sweep(10, &[(7, "acme", &["a\"b", "é"]), (5_000_000_000, "big", &["x"])]).await;
        ours.integration(bind(1, user, 7)).await;
        for _ in 0..3 {
            ours.pay().await;
            ours.sweep(ours.clock.now() / 1_000_000_000 + 1_000, &[(7, "acme", &["a\"b", "é"])]).await;
            ours.clock.advance(std::time::Duration::from_secs(1_000_000));
        }
        let read = if list.ends_with("[]") {
            "array_to_json(repositories)::jsonb::text"
        } else {
            "repositories::jsonb::text"
        };
        let rows = format!(
            r#"SELECT "accountId" || ' ' || {read} FROM "GitHubAppInstallation" WHERE "installationId"::text = '7'"#
        );
        assert_eq!(theirs.texts(&rows).await, [r#"1007 ["acme/a\"b", "acme/é"]"#], "{list}");
        let rows =
            "SELECT user_id::text || ' ' || (credential_data::jsonb->>'installation_id') FROM oauth_tokens";
        assert_eq!(theirs.texts(rows).await, [format!("{user} 7")], "{data}");
        // Installation, integration, token: each once.
        assert_eq!(theirs.touched().await, 3, "{list} {data}");
        assert_eq!(ours.mirror.trouble(), None);
    }
}

/// Whatever happens in whatever order: once everything is paid, the copy is what the store says.
#[tokio::test]
async fn however_facts_come_the_copy_ends_as_the_index() {
    for seed in 0..6 {
        let mut dice = StdRng::seed_from_u64(seed);
        let dir = tempfile::tempdir().unwrap();
        let names = MirrorNames { installations: Some(installations()), integrations: None };
        let mut theirs = Theirs::new(names, TABLES).await;
        theirs.knows(&[1, 2, 3, 4]).await;
        let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
        let repos = ["a", "b", "c", "d"];
        ours.sweep(10, &[(1, "one", &repos[..2]), (2, "two", &[]), (3, "three", &repos[1..])]).await;
        for step in 20..60 {
            let installation = dice.random_range(1..=4);
            let login = ["zero", "one", "two", "three", "four"][usize::try_from(installation).unwrap()];
            let name = repos[dice.random_range(0..repos.len())];
            let one = repository(installation, login, name);
            let version = at(step);
            match dice.random_range(0..8) {
                0 => {
                    ours.learn(Learned::Seen { row: row(installation, login), suspension: false, version })
                        .await;
                }
                1 => {
                    ours.learn(Learned::Renamed { installation, login: format!("{login}-{step}"), version })
                        .await;
                }
                2 => {
                    ours.learn(Learned::Withdrawn { installation, repositories: vec![one.id], version })
                        .await;
                }
                3 => ours.learn(Learned::Deleted { repository: one.id, version }).await,
                4 => {
                    let mut row = one;
                    row.full_name = format!("{login}/{name}-{step}");
                    ours.learn(Learned::Described { row, version }).await;
                }
                5 => ours.sweep(step, &[(1, "one", &repos[..1]), (4, "four", &[name])]).await,
                6 => ours.pay().await,
                _ => ours.learn(Learned::Granted { installation, rows: vec![one], version }).await,
            }
        }
        ours.pay().await;
        let known = ours.db.installations(HOST, None, 100).await.unwrap();
        let all = ours.db.repositories(HOST, None, 1_000).await.unwrap();
        let read =
            r#"SELECT "installationId" || ' ' || repositories::text FROM "GitHubAppInstallation" ORDER BY 1"#;
        let expected: Vec<String> = (1..=4)
            .map(|id| {
                let mut names: Vec<_> = all
                    .iter()
                    .filter(|row| row.installation == id)
                    .map(|row| format!("\"{}\"", row.full_name))
                    .collect();
                names.sort();
                assert!(names.is_empty() || known.iter().any(|row| row.id == id));
                format!("{id} [{}]", names.join(", "))
            })
            .collect();
        assert_eq!(theirs.texts(read).await, expected, "seed {seed}");
    }
}

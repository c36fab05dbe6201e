use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::config::{MirrorNames, PostgresCatalog};
use cutover_daemon::mapping::catalog::app_database::{AppDatabase, AppDatabaseError, Unfit};
use cutover_tests::services::PASSWORD;

use super::world::{App, held, prisma, with_repo_table};

fn with_url(app: &App, url: &str) -> AppDatabase {
    AppDatabase::new(&PostgresCatalog {
        url: url.to_owned().into(),
        names: app.names.clone(),
        mirror: MirrorNames::default(),
    })
    .unwrap()
}

#[tokio::test]
async fn no_error_tells_the_password() {
    let app = App::new(prisma(), "TEXT").await;
    let url = &app.database.url;
    for url in [
        url.replace("/test_", "/nosuch_"),
        url.replace("postgres:planted", "nobody:planted"),
        url.replace("host=/", "host=/nowhere/"),
        format!("postgres://u:{PASSWORD}@127.0.0.1:9/x"),
    ] {
        let database = with_url(&app, &url);
        let error = database.check().await.unwrap_err();
        assert!(matches!(error, AppDatabaseError::Unavailable { .. }), "{error:?}");
        let shown = format!("{error} {error:?} {database:?} {}", database.place());
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
    for url in [format!("postgres://u:{PASSWORD}@h:port/x"), PASSWORD.to_owned(), format!("://:{PASSWORD}@")]
    {
        let catalog =
            PostgresCatalog { url: url.into(), names: app.names.clone(), mirror: MirrorNames::default() };
        let Err(error @ AppDatabaseError::Address(_)) = AppDatabase::new(&catalog) else { panic!("taken") };
        assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error}");
        assert!(error.to_string().contains("postgres://USER:PASSWORD@HOST/NAME"));
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_waited_for_once_and_not_by_every_project_in_turn() {
    let catalog = PostgresCatalog {
        url: "postgres://u@127.0.0.1:9/x".into(),
        names: prisma(),
        mirror: MirrorNames::default(),
    };
    let (database, clock) = (AppDatabase::new(&catalog).unwrap(), Clock::system());
    for _ in 0..100 {
        let error = database.held(&["p".into()]).await.unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:9/x") && error.contains("it is down"), "{error}");
    }
    assert!(clock.monotonic() < Duration::from_secs(60), "{:?}", clock.monotonic());
}

#[tokio::test]
async fn everything_that_does_not_fit_is_named_at_once() {
    let app = App::new(with_repo_table(), "TEXT").await;
    let mut catalog = app.catalog();
    catalog.names.project_tenant = "tenantid".into();
    catalog.names.repo.repo_id = Some("REPOID".into());
    catalog.names.user_tokens.as_mut().unwrap().table = "Users".into();
    let Err(AppDatabaseError::Unfit(unfit)) = AppDatabase::new(&catalog).unwrap().check().await else {
        panic!("taken")
    };
    assert_eq!(
        unfit,
        [
            Unfit::NoColumn { table: "Project".into(), column: "tenantid".into() },
            Unfit::NoColumn { table: "Repo".into(), column: "REPOID".into() },
            Unfit::NoTable { schema: "public".into(), table: "Users".into() },
        ]
    );
    catalog.names.project_table = "a\0b".into();
    assert!(matches!(AppDatabase::new(&catalog), Err(AppDatabaseError::Name(_))));
}

#[tokio::test]
async fn an_id_that_names_several_rows_or_is_of_no_known_type_is_refused() {
    let mut app = App::new(prisma(), "TEXT").await;
    app.sql("ALTER TABLE \"Project\" DROP CONSTRAINT \"Project_pkey\"").await;
    let not_unique = Unfit::NotUnique { table: "Project".into(), column: "id".into() };
    let unique =
        |error| matches!(error, Err(AppDatabaseError::Unfit(unfit)) if unfit == [not_unique.clone()]);
    assert!(unique(app.open().check().await));
    app.sql("ALTER TABLE \"Project\" ADD PRIMARY KEY (id, title)").await;
    assert!(unique(app.open().check().await));
    app.sql("ALTER TABLE \"Project\" ADD COLUMN n NUMERIC UNIQUE").await;
    app.names.project_id = "n".into();
    let error = app.open().check().await.unwrap_err().to_string();
    assert!(error.contains("has the type numeric; an id is text, uuid or a whole number"), "{error}");
}

#[tokio::test]
async fn missing_grants_are_named_one_by_one() {
    let mut app = App::new(prisma(), "TEXT").await;
    app.add("p", Some("t"), &["a/b"]).await;
    app.sql("CREATE ROLE guest_of_cutover LOGIN; REVOKE ALL ON SCHEMA public FROM PUBLIC").await;
    let guest = with_url(&app, &app.database.url.replace("postgres:planted", "guest_of_cutover:planted"));
    let closed = guest.check().await.unwrap_err().to_string();
    assert!(closed.contains("GRANT USAGE ON SCHEMA public"), "{closed}");
    app.sql(
        "GRANT USAGE ON SCHEMA public TO guest_of_cutover;
         GRANT SELECT (id, \"tenantId\", \"userId\", \"repoFullName\", \"repoId\", commit, \"importedAt\") ON \"Project\"
            TO guest_of_cutover;
         GRANT SELECT ON \"User\" TO guest_of_cutover",
    )
    .await;
    let closed = guest.check().await.unwrap_err().to_string();
    assert!(
        closed.contains("column githubInstallationId of Project can't be read: GRANT SELECT"),
        "{closed}"
    );
    app.sql("GRANT SELECT ON \"Project\" TO guest_of_cutover").await;
    guest.check().await.unwrap();
    let closed = guest.may_write().await.unwrap_err().to_string();
    assert!(closed.contains("column migrationStatus of Project can't be written: GRANT UPDATE"), "{closed}");
    let (none, some) = (held(None, None), held(Some(9), Some("mapped")));
    let refused = guest.compare_and_set(&"p".into(), &none, &some).await;
    assert!(matches!(refused, Err(AppDatabaseError::Refused { .. })), "{refused:?}");
    app.sql(
        "GRANT UPDATE (\"githubInstallationId\", \"migrationStatus\") ON \"Project\" TO guest_of_cutover",
    )
    .await;
    app.sql("DROP TRIGGER touch ON \"Project\"").await;
    guest.may_write().await.unwrap();
    guest.compare_and_set(&"p".into(), &none, &some).await.unwrap();
    app.sql("ALTER ROLE guest_of_cutover SET default_transaction_read_only = on").await;
    let standby = with_url(&app, &app.database.url.replace("postgres:planted", "guest_of_cutover:planted"));
    let closed = standby.may_write().await.unwrap_err();
    assert_eq!(closed, AppDatabaseError::Unfit(vec![Unfit::ReadOnly]));
    guest.close().await;
    standby.close().await;
    app.sql("DROP OWNED BY guest_of_cutover; DROP ROLE guest_of_cutover").await;
    app.close().await;
}

use cutover_daemon::mapping::catalog::app_database::{
    AppDatabase, AppDatabaseError, AppRow, CompareAndSet, Unfit,
};
use cutover_daemon::mapping::catalog::ddl::ColumnError;
use cutover_tests::services::Postgres;
use secrecy::ExposeSecret as _;

use super::world::{App, held, hostile, prisma, with_repo_table};

/// Every row, by pages of `limit`.
async fn all(database: &AppDatabase, limit: u32) -> Vec<AppRow> {
    let mut rows: Vec<AppRow> = Vec::new();
    loop {
        let after = rows.last().map(AppRow::after);
        let page = database.page(after.as_ref(), limit).await.unwrap();
        let full = page.len() == limit as usize;
        rows.extend(page);
        if !full {
            return rows;
        }
    }
}

fn seen(rows: &[AppRow]) -> Vec<(&str, &str)> {
    rows.iter().map(|row| (row.project.as_str(), row.repo_full_name.as_str())).collect()
}

#[tokio::test]
async fn names_with_quotes_capitals_and_reserved_words_are_read_and_written() {
    let mut app = App::new(hostile(), "TEXT").await;
    app.add("p'1", Some("acme"), &["acme/site", "acme/api"]).await;
    let users = app.names.user_tokens.clone().unwrap();
    let q = cutover_daemon::mapping::catalog::ddl::quoted;
    let schema = q(&app.names.schema);
    app.sql(&format!(
        "INSERT INTO {schema}.{} VALUES (7, 'gho_one'); UPDATE {} SET {} = 7",
        q(&users.table),
        app.project(),
        q(&app.names.project_user)
    ))
    .await;
    app.sql("DELETE FROM public.touched").await;
    let rest = app.rest().await;
    let database = app.open();
    database.check().await.unwrap();
    database.may_write().await.unwrap();
    let rows = all(&database, 1).await;
    assert_eq!(seen(&rows), [("p'1", "acme/api"), ("p'1", "acme/site")]);
    assert_eq!(rows[0].token.as_ref().unwrap().expose_secret(), "gho_one");
    assert_eq!(rows[0].tenant.as_deref(), Some("acme"));
    let (none, some) = (held(None, None), held(Some(9), Some("mapped")));
    let done = database.compare_and_set(&"p'1".into(), &none, &some).await.unwrap();
    assert_eq!(done, CompareAndSet::Done);
    assert_eq!(database.held(&["p'1".into()]).await.unwrap()[&"p'1".into()], some);
    assert_eq!(app.rest().await, rest);
    assert_eq!(app.touched().await.values().sum::<usize>(), 1);
}

#[tokio::test]
async fn ids_of_every_type_are_paged_asked_for_and_written() {
    let uuid = |n: u128| format!("018f0000-0000-7000-8000-0000000000{n:02x}");
    let uuids: Vec<String> = (0..5).map(uuid).collect();
    let cases: [(&str, Vec<&str>, &[&str]); 5] = [
        ("TEXT", vec!["B", "a", "ä", "p 1", "10"], &["nobody", "a\0b"]),
        ("VARCHAR(40)", vec!["x1", "x2", "X1", "9", "10"], &["nobody"]),
        ("UUID", uuids.iter().map(String::as_str).collect(), &["x", "018F0000-0000-7000-8000-000000000000"]),
        (
            "BIGINT",
            vec!["-3", "2", "10", "9007199254740993", "9223372036854775807"],
            &["x", "02", "99999999999999999999"],
        ),
        ("INTEGER", vec!["-3", "2", "10", "100", "2147483647"], &["x", "+2", "2147483648"]),
    ];
    for (id_type, ids, others) in cases {
        let mut app = App::new(prisma(), id_type).await;
        for id in &ids {
            app.add(id, Some("t"), &["acme/site"]).await;
        }
        let database = app.open();
        database.check().await.unwrap();
        let rows = all(&database, 2).await;
        let (mut found, mut wanted) =
            (seen(&rows), ids.iter().map(|id| (*id, "acme/site")).collect::<Vec<_>>());
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{id_type}");
        let asked: Vec<_> = ids.iter().chain(others).map(|id| (*id).into()).collect();
        assert_eq!(database.held(&asked).await.unwrap().len(), ids.len(), "{id_type}");
        let (none, some) = (held(None, None), held(Some(9), Some("mapped")));
        for id in &ids {
            assert_eq!(
                database.compare_and_set(&(*id).into(), &none, &some).await.unwrap(),
                CompareAndSet::Done
            );
        }
        for id in others {
            let answer = database.compare_and_set(&(*id).into(), &some, &none).await.unwrap();
            assert_eq!(answer, CompareAndSet::Missing, "{id_type} {id}");
        }
        assert!(app.touched().await.values().all(|n| *n == 1));
    }
}

#[tokio::test]
async fn several_repositories_of_a_project_come_in_pages_of_any_size_each_once() {
    let mut app = App::new(with_repo_table(), "BIGINT").await;
    app.add("1", Some("t"), &["a/b", "A/c", "a/d"]).await;
    app.add("2", Some("t"), &[]).await;
    app.add("3", None, &["x/y"]).await;
    let long = format!("{}/{}", "o".repeat(400), "n".repeat(400));
    app.add("10", Some("t"), &["z/1", &long, "z/2"]).await;
    app.sql("INSERT INTO \"Repo\" (\"projectId\", \"fullName\") VALUES (2, NULL)").await;
    let database = app.open();
    let whole = all(&database, 1_000).await;
    assert_eq!(seen(&whole)[..4], [("1", "A/c"), ("1", "a/b"), ("1", "a/d"), ("3", "x/y")]);
    assert_eq!(whole.len(), 7);
    assert_eq!(whole[3].tenant, None);
    for limit in 1..8 {
        assert_eq!(seen(&all(&database, limit).await), seen(&whole), "pages of {limit}");
    }
}

#[tokio::test]
async fn times_of_every_type_are_milliseconds_and_an_infinite_one_spoils_no_page() {
    for (column, value, expected) in [
        ("TIMESTAMP(3)", "'2025-01-31 12:00:00.123'", "1738324800123"),
        ("TIMESTAMPTZ", "'2025-01-31 14:00:00.123+02'", "1738324800123"),
        ("TIMESTAMPTZ", "'infinity'", "infinity"),
        ("DATE", "'2025-01-31'", "1738281600000"),
        ("BIGINT", "1738324800123", "1738324800123"),
        ("TEXT", "'2025-01-31T12:00:00Z'", "2025-01-31T12:00:00Z"),
    ] {
        let mut app = App::new(prisma(), "TEXT").await;
        app.add("p", Some("t"), &["a/b"]).await;
        app.sql(&format!(
            "ALTER TABLE \"Project\" DROP COLUMN \"importedAt\"; ALTER TABLE \"Project\" ADD COLUMN \"importedAt\" {column};
             UPDATE \"Project\" SET \"importedAt\" = {value}, \"repoId\" = 77"
        ))
        .await;
        let rows = all(&app.open(), 10).await;
        assert_eq!(rows[0].imported_at.as_deref(), Some(expected), "{column} {value}");
        assert_eq!(rows[0].repo_id.as_deref(), Some("77"));
    }
}

#[tokio::test]
async fn the_printed_migration_is_applied_used_and_taken_back() {
    let mut app = App::bare(Postgres::shared().await.unwrap(), hostile(), "TEXT").await;
    app.add("p", Some("t"), &["a/b"]).await;
    let (before, database, ddl) = (app.dump().await, app.open(), app.ddl());
    let missing = database.check().await.unwrap_err();
    assert!(missing.to_string().contains("run `cutover catalog ddl --format sql`"), "{missing}");
    app.database.psql(&ddl.up).await.unwrap();
    app.database.psql(&ddl.up).await.unwrap();
    database.check().await.unwrap();
    let (none, some) = (held(None, None), held(Some(9), Some("mapped")));
    database.compare_and_set(&"p".into(), &none, &some).await.unwrap();
    assert_eq!(app.held("p").await, some);
    app.database.psql(&ddl.down).await.unwrap();
    app.reconnect().await;
    assert_eq!(app.dump().await, before);
    assert!(matches!(database.check().await, Err(AppDatabaseError::Unfit(_))));
}

#[tokio::test]
async fn a_column_of_another_type_is_refused_by_the_migration_and_by_the_check() {
    let mut app = App::bare(Postgres::shared().await.unwrap(), prisma(), "TEXT").await;
    app.sql("ALTER TABLE \"Project\" ADD COLUMN \"githubInstallationId\" TEXT, ADD COLUMN \"migrationStatus\" TEXT NOT NULL")
        .await;
    let refused = app.database.psql(&app.ddl().up).await.unwrap_err().to_string();
    assert!(refused.contains("a nullable BIGINT and a nullable TEXT column are needed"), "{refused}");
    let Err(AppDatabaseError::Unfit(unfit)) = app.open().check().await else { panic!("it was taken") };
    let column = |error| Unfit::Column { table: "Project".into(), error };
    let other = ColumnError::OtherType {
        column: "githubInstallationId".into(),
        found: "text".into(),
        expected: "bigint",
    };
    let not_null = ColumnError::NotNull { column: "migrationStatus".into() };
    assert_eq!(unfit, [column(other), column(not_null)]);
}

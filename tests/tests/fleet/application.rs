//! The application's list of its tenants' databases, in a real PostgreSQL.

use aes_gcm::aead::Aead as _;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cutover_daemon::fleet::drivers::application::{ApplicationError, ApplicationList};
use cutover_daemon::fleet::settings::{Application, ApplicationColumns};
use cutover_shared::fleet::DriverKind;
use cutover_shared::ids::TenantId;
use cutover_tests::services::{Database, PASSWORD};
use secrecy::SecretString;

use super::postgres::{ask, database};

const KEY: [u8; 32] = [5; 32];

fn write(bytes: &[u8], hex: bool) -> String {
    if hex { bytes.iter().map(|byte| format!("{byte:02x}")).collect() } else { STANDARD.encode(bytes) }
}

/// Value, iv and tag.
fn seal(text: &str, iv: usize, hex: bool) -> [String; 3] {
    let bytes = vec![3; iv];
    let mut whole = if iv == 12 {
        let key = AesGcm::<Aes256, U12>::new_from_slice(&KEY).unwrap();
        key.encrypt(&<[u8; 12]>::try_from(bytes.as_slice()).unwrap().into(), text.as_bytes()).unwrap()
    } else {
        let key = AesGcm::<Aes256, U16>::new_from_slice(&KEY).unwrap();
        key.encrypt(&<[u8; 16]>::try_from(bytes.as_slice()).unwrap().into(), text.as_bytes()).unwrap()
    };
    let tag = whole.split_off(whole.len() - 16);
    [write(&whole, hex), write(&bytes, hex), write(&tag, hex)]
}

fn settings(database: &Database) -> Application {
    Application {
        database: SecretString::from(database.url.clone()),
        table: "userDatabaseConfig".into(),
        columns: ApplicationColumns {
            tenant: "userId".into(),
            external_user: Some("clerkId".into()),
            url: "encryptedDeploymentUrl".into(),
            deploy_key: Some("encryptedDeployKey".into()),
            iv: "encryptionIV".into(),
            tags: "authTags".into(),
            status: "connectionStatus".into(),
            schema_version: "schemaVersion".into(),
            updated_at: Some("updatedAt".into()),
        },
        key: SecretString::from(STANDARD.encode(KEY)),
    }
}

async fn table(database: &Database, updated: &str) {
    let made = format!(
        r#"CREATE TABLE "userDatabaseConfig" ("userId" text PRIMARY KEY, "clerkId" text, "encryptedDeploymentUrl" text,
           "encryptedDeployKey" text, "encryptionIV" text, "authTags" text, "connectionStatus" text, "schemaVersion" int,
           "updatedAt" {updated}, note text DEFAULT 'theirs')"#
    );
    database.psql(&made).await.unwrap();
}

async fn add(
    database: &Database,
    tenant: &str,
    url: &str,
    key: Option<&str>,
    iv: usize,
    hex: bool,
    status: &str,
) {
    let url = seal(url, iv, hex);
    let key = key.map(|key| seal(key, iv, hex));
    let (sealed, ivs, tags) = match &key {
        Some(key) => {
            (format!("'{}'", key[0]), format!("{}:{}", url[1], key[1]), format!("{}:{}", url[2], key[2]))
        }
        None => ("NULL".to_owned(), url[1].clone(), url[2].clone()),
    };
    let sql = format!(
        r#"INSERT INTO "userDatabaseConfig" ("userId", "clerkId", "encryptedDeploymentUrl", "encryptedDeployKey", "encryptionIV",
           "authTags", "connectionStatus", "schemaVersion") VALUES ('{tenant}', 'clerk-{tenant}', '{}', {sealed}, '{ivs}', '{tags}', '{status}', 3)"#,
        url[0]
    );
    database.psql(&sql).await.unwrap();
}

#[tokio::test]
async fn connected_rows_are_opened_in_pages_and_the_others_named() {
    let database = database().await;
    table(&database, "bigint").await;
    add(&database, "a", "https://a.convex.cloud", Some("prod:a|key"), 12, true, "connected").await;
    add(&database, "B", "https://b.convex.cloud", Some("prod:b|key"), 16, false, "connected").await;
    add(&database, "c", "postgres://u:p@h/c", None, 12, false, "connected").await;
    add(&database, "d", "https://d.convex.cloud", Some("k"), 12, true, "error").await;
    add(&database, "e", "https://e.convex.cloud", None, 12, true, "connected").await;
    add(&database, "f", "ftp://f", Some("k"), 12, true, "connected").await;
    add(&database, "g", "https://g", Some("k"), 12, true, "connected").await;
    database
        .psql(r#"UPDATE "userDatabaseConfig" SET "authTags" = repeat('0', 32) || ':' || repeat('0', 32) WHERE "userId" = 'g'"#)
        .await
        .unwrap();
    let list = ApplicationList::new(&settings(&database)).unwrap();
    let (mut rows, mut left_out, mut after, mut pages) = (Vec::new(), Vec::new(), None, 0);
    loop {
        let page = list.page(after.as_deref(), 2).await.unwrap();
        pages += 1;
        rows.extend(page.rows);
        left_out.extend(page.left_out);
        after = page.after;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, 4);
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            let key = row.key.as_ref().map(|key| key.0.as_str());
            (row.tenant.0.as_str(), row.driver, row.url.0.as_str(), key)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("B", DriverKind::Http, "https://b.convex.cloud", Some("prod:b|key")),
            ("a", DriverKind::Http, "https://a.convex.cloud", Some("prod:a|key")),
            ("c", DriverKind::Postgres, "postgres://u:p@h/c", None),
        ]
    );
    assert_eq!(rows[1].external_user.as_deref(), Some("clerk-a"));
    let reasons: Vec<_> =
        left_out.iter().map(|(tenant, reason)| (tenant.0.as_str(), reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            ("e", "it has no deploy key"),
            ("f", "its address is of no kind that is known"),
            ("g", "its address: it does not open: another key, or it was changed"),
        ]
    );
    let other = Application { key: SecretString::from("0".repeat(64)), ..settings(&database) };
    let page = ApplicationList::new(&other).unwrap().page(None, 100).await.unwrap();
    assert_eq!((page.rows.len(), page.left_out.len()), (0, 6));
}

#[tokio::test]
async fn a_tenant_with_several_rows_is_named_and_stops_no_other() {
    let database = database().await;
    table(&database, "bigint").await;
    database
        .psql(r#"ALTER TABLE "userDatabaseConfig" DROP CONSTRAINT "userDatabaseConfig_pkey""#)
        .await
        .unwrap();
    for (tenant, status) in [
        ("a", "connected"),
        ("b", "connected"),
        ("b", "connected"),
        ("b", "error"),
        ("c", "connected"),
        ("c", "error"),
    ] {
        add(&database, tenant, &format!("https://{tenant}.convex.cloud"), Some("k"), 12, true, status).await;
    }
    let list = ApplicationList::new(&settings(&database)).unwrap();
    // On one page, and with the rows of one tenant on both sides of its edge.
    for limit in [10, 2, 1] {
        let (mut rows, mut left_out, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            let page = list.page(after.as_deref(), limit).await.unwrap();
            rows.extend(page.rows.into_iter().map(|row| row.tenant.0));
            left_out.extend(page.left_out.into_iter().map(|(tenant, why)| (tenant.0, why)));
            after = page.after;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(rows, ["a", "c"], "{limit}");
        let why = "2 rows that are connected have this tenant; leave one".to_owned();
        assert_eq!(left_out, [("b".to_owned(), why)], "{limit}");
    }
}

#[tokio::test]
async fn the_version_is_written_over_none_and_over_one_that_is_not_above_ours() {
    for (updated, is_now) in [
        ("bigint", r#"abs("updatedAt" - extract(epoch FROM now()) * 1000) < 60000"#),
        ("timestamptz", r#"abs(extract(epoch FROM now() - "updatedAt")) < 60"#),
        ("double precision", r#"abs("updatedAt" - extract(epoch FROM now()) * 1000) < 60000"#),
    ] {
        let database = database().await;
        table(&database, updated).await;
        for tenant in ["a", "b"] {
            add(&database, tenant, "https://a", Some("k"), 12, true, "connected").await;
        }
        let before = ask(
            &database,
            r#"SELECT md5(("userDatabaseConfig".*)::text) FROM "userDatabaseConfig" WHERE "userId" = 'b'"#,
        )
        .await;
        let list = ApplicationList::new(&settings(&database)).unwrap();
        let a = TenantId("a".into());
        assert_eq!(list.write_version(&a, 2, 4).await, Ok(false), "somebody else was there");
        assert_eq!(ask(&database, r#"SELECT count("updatedAt") FROM "userDatabaseConfig""#).await, "0");
        assert_eq!(list.write_version(&a, 4, 4).await, Ok(true));
        assert_eq!(list.write_version(&a, 3, 2).await, Ok(false));
        let row = |column: &str| format!(r#"SELECT {column} FROM "userDatabaseConfig" WHERE "userId" = 'a'"#);
        assert_eq!(ask(&database, &row(r#""schemaVersion" || note || "clerkId""#)).await, "4theirsclerk-a");
        assert_eq!(ask(&database, &row(is_now)).await, "true", "{updated}");
        database
            .psql(r#"UPDATE "userDatabaseConfig" SET "schemaVersion" = NULL WHERE "userId" = 'a'"#)
            .await
            .unwrap();
        assert_eq!(list.write_version(&a, 1, 1).await, Ok(true));
        let after = ask(
            &database,
            r#"SELECT md5(("userDatabaseConfig".*)::text) FROM "userDatabaseConfig" WHERE "userId" = 'b'"#,
        )
        .await;
        assert_eq!(before, after, "no other row");
        list.close().await;
    }
}

#[tokio::test]
async fn what_can_not_be_used_is_said_without_secrets() {
    let database = database().await;
    let fine = settings(&database);
    let list = ApplicationList::new(&fine).unwrap();
    let error = list.page(None, 10).await.unwrap_err();
    assert_eq!(error, ApplicationError::Refused("relation \"userDatabaseConfig\" does not exist".into()));
    let gone =
        Application { database: database.url.replace("/test_", "/nowhere_").into(), ..settings(&database) };
    let error = ApplicationList::new(&gone).unwrap().page(None, 10).await.unwrap_err();
    assert_eq!(error, ApplicationError::Unavailable);
    let bad = |change: fn(&mut Application)| {
        let mut settings = settings(&database);
        change(&mut settings);
        ApplicationList::new(&settings).err().unwrap().to_string()
    };
    for error in [
        bad(|settings| settings.database = format!("nothing:{PASSWORD}").into()),
        bad(|settings| settings.table = String::new()),
        bad(|settings| settings.columns.iv = "x".repeat(64)),
        bad(|settings| settings.key = PASSWORD.to_owned().into()),
    ] {
        assert!(!error.contains(PASSWORD), "{error}");
    }
}

//! Several tenants in one PostgreSQL database, each in its own schema.

use cutover_daemon::fleet::driver::{Purpose, Schema, StepEnd};
use cutover_daemon::fleet::schema::difference;
use cutover_shared::fleet::{DriverKind, Way};
use cutover_tests::services::Database;

use super::postgres::database;
use super::world::{Asks, drivers, five, look, open, sql, target, versions};

const KIND: DriverKind = DriverKind::Postgres;

/// Whatever has names of schemas in it where all are read.
const MORE: &str = "CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE users (id serial PRIMARY KEY, mood mood DEFAULT 'sad');
CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY, owner int REFERENCES users, about text);
CREATE INDEX notes_about ON notes (lower(about));
CREATE VIEW glad AS SELECT n.id FROM notes n JOIN users u ON u.id = n.owner WHERE u.mood = 'glad';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER notes_touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();
";

async fn schema(url: &str) -> Schema {
    let mut session = look(KIND, url).await;
    let schema = session.schema().await.unwrap();
    session.close().await;
    schema
}

fn url(database: &Database, schema: &str) -> String {
    let joint = if database.url.contains('?') { '&' } else { '?' };
    format!("{}{joint}options[search_path]={schema}", database.url)
}

#[tokio::test]
async fn each_schema_of_a_database_has_its_own_lock() {
    let database = database().await;
    database.psql("CREATE SCHEMA one; CREATE SCHEMA two").await.unwrap();
    let held = open(KIND, &url(&database, "one")).await;
    open(KIND, &url(&database, "two")).await.close().await;
    let again = target(&url(&database, "one"));
    let taken = drivers(None).open(KIND, &again, Purpose::Migrate).await.err().unwrap();
    assert!(taken.is_taken, "{taken}");
    held.close().await;
}

#[tokio::test]
async fn tenants_of_one_database_are_migrated_at_once_and_are_alike() {
    let database = database().await;
    database
        .psql("CREATE SCHEMA one; CREATE SCHEMA \"Two 2\"; CREATE TABLE public.others (id int)")
        .await
        .unwrap();
    let (one, two) = (url(&database, "one"), url(&database, "%22Two%202%22"));
    let mut steps = five();
    steps.push(sql(6, MORE, None));
    let before = schema(&two).await;
    assert_eq!(before.lines, Vec::<String>::new(), "nothing of public and of others");

    let (mut first, mut second) = (open(KIND, &one).await, open(KIND, &two).await);
    let asks = Asks::default();
    assert_eq!(asks.all(&mut first, KIND, Way::Up, &steps).await, vec![Ok(StepEnd::Done); 6]);
    // As it is read on the session of its steps, and by somebody else after the other tenant was migrated, too.
    let left = first.schema().await.unwrap();
    assert_eq!(asks.all(&mut second, KIND, Way::Up, &steps).await, vec![Ok(StepEnd::Done); 6]);
    assert_eq!(versions(&*second), [1, 2, 3, 4, 5, 6]);
    let other = second.schema().await.unwrap();
    first.close().await;
    second.close().await;
    let found = schema(&one).await;
    assert_eq!(difference(&left, &found), Vec::<String>::new(), "no drift");
    assert_eq!(difference(&left, &other), Vec::<String>::new(), "alike");
    assert_eq!(left.hash(), other.hash());
    let text = left.text();
    for line in [
        "t1 index t1_name CREATE INDEX t1_name ON t1 USING btree (name)",
        "users column mood mood DEFAULT 'sad'::mood",
    ] {
        assert!(left.lines.iter().any(|found| found == line), "{line} is not in\n{text}");
    }

    // What somebody does by hand shows at this one only.
    database.psql("ALTER TABLE one.t2 ADD COLUMN by_hand int").await.unwrap();
    assert_eq!(difference(&left, &schema(&one).await).len(), 1);
    assert_eq!(difference(&left, &schema(&two).await), Vec::<String>::new());
}

use proptest::prelude::*;

use super::{DriverKind, Place, place};

fn at(place: &str, host: &str, server: &str) -> Place {
    Place { place: place.to_owned(), host: host.to_owned(), server: server.to_owned() }
}

#[test]
fn a_place_has_neither_user_nor_password() {
    for (driver, url, expected) in [
        (
            DriverKind::Postgres,
            "postgres://app:s3cret@Db1.example.com/notes",
            at("db1.example.com:5432/notes", "db1.example.com", "db1.example.com:5432"),
        ),
        (
            DriverKind::Postgres,
            "postgresql://app:s3cret@[::1]:6543/n%20otes?sslmode=require",
            at("[::1]:6543/n otes", "[::1]", "[::1]:6543"),
        ),
        (
            DriverKind::Postgres,
            "postgres://app:s3cret@x/notes?host=/var/run/postgresql&port=5433&password=s3cret",
            at("/var/run/postgresql:5433/notes", "local", "/var/run/postgresql:5433"),
        ),
        (DriverKind::Postgres, "postgres:///notes?host=db2", at("db2:5432/notes", "db2", "db2:5432")),
        (
            DriverKind::Postgres,
            "postgres://db/notes?options=-c%20search_path%3Dacme",
            at("db:5432/notes (acme)", "db", "db:5432"),
        ),
        (
            DriverKind::Postgres,
            "postgres://db/notes?options[search_path]=acme",
            at("db:5432/notes (acme)", "db", "db:5432"),
        ),
        (DriverKind::Sqlite, "/var/lib/t 1.db", at("/var/lib/t 1.db", "local", "local")),
        (DriverKind::Sqlite, "sqlite:///var/lib/t.db", at("/var/lib/t.db", "local", "local")),
        (
            DriverKind::Http,
            "https://Happy-Otter-1.convex.cloud/",
            at(
                "https://happy-otter-1.convex.cloud",
                "happy-otter-1.convex.cloud",
                "happy-otter-1.convex.cloud",
            ),
        ),
        (
            DriverKind::Http,
            "http://127.0.0.1:3210/api",
            at("http://127.0.0.1:3210/api", "127.0.0.1", "127.0.0.1:3210"),
        ),
    ] {
        assert_eq!(place(driver, url).unwrap(), expected, "{url}");
    }
}

#[test]
fn what_can_not_be_one_is_refused_with_the_mend() {
    for (driver, url, what) in [
        (DriverKind::Postgres, "", "empty"),
        (DriverKind::Postgres, " postgres://db/a", "begins or ends with a blank"),
        (DriverKind::Postgres, "postgres://db/\na", "control character"),
        (DriverKind::Postgres, "mysql://u:s3cret@db/a", "does not begin with postgres://"),
        (DriverKind::Postgres, "db/a", "can't be read"),
        (DriverKind::Postgres, "postgres:///a", "names no host"),
        (DriverKind::Postgres, "postgres://u:s3cret@db", "names no database"),
        (DriverKind::Postgres, "postgres://u:s3cret@db/a/b", "names no database"),
        (DriverKind::Postgres, "postgres://u:s3cret@a,b/c", "several hosts"),
        (DriverKind::Postgres, "postgres://db/a?port=x", "the port is no number"),
        (DriverKind::Sqlite, "t.db", "not whole"),
        (DriverKind::Sqlite, "sqlite://t.db", "not whole"),
        (DriverKind::Sqlite, "file:/t.db", "not whole"),
        (DriverKind::Sqlite, "/var/lib/", "names no file"),
        (DriverKind::Sqlite, "/var/lib/../t.db", "leads back"),
        (DriverKind::Sqlite, "/t.db?mode=ro", "what follows ?"),
        (DriverKind::Http, "http://a.convex.cloud", "does not begin with https://"),
        (DriverKind::Http, "ftp://a", "does not begin with https://"),
        (DriverKind::Http, "https://u:s3cret@a", "a user or a password"),
        (DriverKind::Http, "https://a/?key=s3cret", "behind ? or #"),
        (DriverKind::Http, "https://", "can't be read"),
    ] {
        let error = place(driver, url).unwrap_err();
        assert!(error.what.contains(what), "{url}: {error}");
        assert!(error.mend.starts_with("write "), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}

proptest! {
    #[test]
    fn no_password_shows(
        user in "[a-z]{1,8}", password in "[A-Z0-9]{12}", host in "[a-z]{1,8}", database in "[a-z]{1,8}",
    ) {
        let url = format!("postgres://{user}:{password}@{host}/{database}");
        let shown = format!("{:?}", place(DriverKind::Postgres, &url));
        prop_assert!(!shown.contains(&password), "{}", shown);
    }

    #[test]
    fn no_text_makes_it_panic(url in "\\PC{0,40}", start in "(postgres://|sqlite:|https://|)") {
        for driver in DriverKind::ALL {
            let _ = place(*driver, &format!("{start}{url}"));
        }
    }
}

use cutover_shared::fleet::Way;
use proptest::prelude::*;

use super::{FileName, Form, Named, named};

fn miss(file: &str) -> (String, String) {
    match named(file) {
        Named::NearMiss { message, help } => (message, help),
        other => unreachable!("{file}: {other:?}"),
    }
}

#[test]
fn names_of_migrations() {
    let name = |id: &str, version, name: &str, way, form| {
        Named::Migration(FileName { id: id.to_owned(), version, name: name.to_owned(), way, form })
    };
    assert_eq!(named("002_add_tags.up.sql"), name("002_add_tags", 2, "add tags", Way::Up, Form::Sql));
    assert_eq!(named("0002_add_tags.down.sql"), name("0002_add_tags", 2, "add tags", Way::Down, Form::Sql));
    assert_eq!(named("999999_x.up.toml"), name("999999_x", 999_999, "x", Way::Up, Form::Toml));
    assert_eq!(named("010_v2_1.down.toml"), name("010_v2_1", 10, "v2 1", Way::Down, Form::Toml));
}

#[test]
fn what_has_nothing_to_do_with_us_is_ignored() {
    for file in [
        "README.md",
        ".hidden.sql",
        ".002_x.up.sql.swp",
        "002_x.up.sql~",
        "squawk.toml",
        "002_x.up.sql.orig",
        "notes",
        "",
    ] {
        assert_eq!(named(file), Named::Ignored, "{file}");
    }
}

#[test]
fn a_near_miss_says_what_is_meant() {
    for (file, mend) in [
        ("002_add-tags.sql", "name it 002_add_tags.up.sql, or move it out of the folder"),
        ("2_x.up.sql", "name it 002_x.up.sql, or move it out of the folder"),
        ("002_Add.Tags.down.SQL", "name it 002_add_tags.down.sql, or move it out of the folder"),
        ("12-x.toml", "name it 012_x.up.toml, or move it out of the folder"),
        ("003_x.UP.sql", "name it 003_x.up.sql, or move it out of the folder"),
        ("notes.sql", "name it NNNN_name.up.sql or NNNN_name.down.sql, or move it out of the folder"),
        (
            "20240101120000_x.up.sql",
            "name it NNNN_name.up.sql or NNNN_name.down.sql, or move it out of the folder",
        ),
        ("000_x.up.sql", "name it NNNN_name.up.sql or NNNN_name.down.sql, or move it out of the folder"),
        ("002_.up.sql", "name it NNNN_name.up.sql or NNNN_name.down.sql, or move it out of the folder"),
        ("add.up.toml", "name it NNNN_name.up.toml or NNNN_name.down.toml, or move it out of the folder"),
    ] {
        assert_eq!(miss(file).1, mend, "{file}");
    }
    assert_eq!(miss("20240101120000_x.up.sql").0, "the name begins with 14 digits, not with 3 to 6");
    assert_eq!(miss("000_x.up.sql").0, "versions begin with 1");
    assert_eq!(miss("002_x.sql").0, "the name says neither `.up` nor `.down` before its ending");
    assert_eq!(miss(&format!("002_{}.up.sql", "x".repeat(200))).0, "the name is longer than 100 letters");
}

proptest! {
    #[test]
    fn no_name_makes_it_panic(file in "\\PC{0,30}(\\.up|\\.down)?(\\.sql|\\.toml)?") {
        let _ = named(&file);
    }

    #[test]
    fn a_name_that_is_proposed_is_one(file in "[0-9]{1,6}[-_ A-Za-z.]{1,10}\\.(sql|toml)") {
        if let Named::NearMiss { help, .. } = named(&file)
            && let Some(name) = help.strip_prefix("name it ").and_then(|rest| rest.split(',').next())
            && !name.starts_with("NNNN")
        {
            prop_assert!(matches!(named(name), Named::Migration(_)), "{} -> {}", file, name);
        }
    }
}

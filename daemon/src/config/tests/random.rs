use proptest::prelude::*;

use super::key::in_words;
use super::*;

fn checked(bytes: &[u8], env: &Env) -> Result<(), TestCaseError> {
    if let Err(mistakes) = Config::of_bytes(Path::new("c.toml"), bytes, env) {
        prop_assert!(!mistakes.list().is_empty());
        for mistake in mistakes.list() {
            prop_assert!(!mistake.mend.is_empty() && !mistake.what.is_empty());
            let shown = mistake.to_string();
            prop_assert!(shown.lines().count() == 3 && shown.len() < 8_000, "{shown}");
        }
    }
    Ok(())
}

/// A line that is often nearly right.
fn line() -> impl Strategy<Value = String> {
    let names: Vec<String> = table::KEYS
        .iter()
        .flat_map(|key| [key.field().to_owned(), format!("{}_file", key.field()), key.name.to_owned()])
        .collect();
    let sections: Vec<String> = table::SECTIONS
        .iter()
        .flat_map(|section| {
            let name = section.name.trim_end_matches("[]");
            [format!("[{name}]"), format!("[[{name}]]"), format!("{name} = 4")]
        })
        .collect();
    let values = prop_oneof![
        Just("\"24h\"".to_owned()),
        "-?[0-9]{1,25}",
        "\"[a-z:/@.0-9 ]{0,30}\"",
        ".{0,20}",
        Just("[1, \"a\", {b = 3}]".to_owned()),
        Just("{ url = 3 }".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
        Just("nan".to_owned()),
    ];
    prop_oneof![
        4 => (prop::sample::select(names), values).prop_map(|(name, value)| format!("{name} = {value}")),
        2 => prop::sample::select(sections),
        1 => ".{0,60}",
    ]
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        checked(&bytes, &Env::default())?;
    }

    #[test]
    fn nearly_right_text_gives_an_answer(lines in prop::collection::vec(line(), 0..40)) {
        checked(lines.join("\n").as_bytes(), &Env::default())?;
    }

    #[test]
    fn any_environment_gives_an_answer(
        values in prop::collection::btree_map(
            prop::sample::select(
                table::KEYS.iter().flat_map(key::Key::environment_names).chain(["CUTOVER_X\u{1b}[2J".to_owned()]).collect::<Vec<_>>()
            ),
            ".{0,40}",
            0..12,
        )
    ) {
        checked(b"environment = 'demo'", &values.into_iter().collect())?;
    }

    #[test]
    fn a_length_is_read_as_it_is_written(millis in 1_u64..10_000_000_000) {
        let written = in_words(std::time::Duration::from_millis(millis));
        let kind = key::Kind::Length { min: std::time::Duration::ZERO, max: std::time::Duration::MAX };
        match value::from_text(&kind, &written) {
            Ok(value::Value::Length(read)) => prop_assert_eq!(u64::try_from(read.as_millis()).unwrap(), millis),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn deep_and_wide_texts_end() {
    for text in [
        "[".repeat(100_000),
        "a.".repeat(100_000),
        "x = ".to_owned() + &"[".repeat(100_000),
        "{".repeat(9_999),
    ] {
        let _ = Config::of_bytes(Path::new("c.toml"), text.as_bytes(), &Env::default());
    }
    let operators = "[[operators]]\n".repeat(20_000);
    let mistakes = Config::of_bytes(Path::new("c.toml"), operators.as_bytes(), &Env::default()).unwrap_err();
    assert_eq!(mistakes.list().len(), 100);
}

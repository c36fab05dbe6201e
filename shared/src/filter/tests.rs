use proptest::prelude::*;

use super::*;
use crate::mapping::Reason;
use crate::run::{ItemState, RunState};
use crate::token::TokenState;

fn terms(text: &str) -> Vec<Term> {
    parse(&LINKS, text).unwrap().terms
}

#[test]
fn each_kind_of_term_is_understood() {
    let contains = |text: &str| Test::Contains(vec![text.to_owned()]);
    assert_eq!(terms("widget"), [Term { field: None, test: contains("widget"), negated: false }]);
    assert_eq!(terms("!\"a b\""), [Term { field: None, test: contains("a b"), negated: true }]);
    assert_eq!(terms("tenant:acme")[0].test, contains("acme"));
    assert_eq!(terms("STATUS:Pending,mapped")[0].test, Test::OneOf(vec!["pending", "mapped"]));
    assert_eq!(terms("confidence<90")[0].test, Test::Number(Compare::Less, 90));
    assert_eq!(terms("confidence>=90")[0].test, Test::Number(Compare::AtLeast, 90));
    assert_eq!(terms("installation:7,8")[0].test, Test::Equals(vec![7, 8]));
    assert_eq!(terms("canary:yes")[0].test, Test::Is(true));
    assert_eq!(parse(&RUNS, "age>2h").unwrap().terms[0].test, Test::Age(Compare::More, 7_200_000));
    assert_eq!(terms("repo:\"a:b\"")[0].test, contains("a:b"));
    assert_eq!(terms("\"proj:o/n\"")[0].test, contains("proj:o/n"));
    assert!(terms("  ").is_empty());
}

#[test]
fn a_term_without_sense_is_named_with_its_mend() {
    let error = parse(&LINKS, "widget state:pending").unwrap_err();
    assert_eq!((error.at, error.message.as_str()), (7, "repositories have no `state`"));
    assert!(error.hint.contains("status"), "{}", error.hint);
    for text in
        ["status:nothing", "confidence>much", "confidence:", "status<mapped", "canary:maybe", "tenant:,"]
    {
        assert!(!parse(&LINKS, text).unwrap_err().hint.is_empty(), "{text}");
    }
    assert!(parse(&RUNS, "age>2").is_err());
    assert!(parse(&LINKS, &"a ".repeat(40)).is_err());
    assert!(parse(&LINKS, &"a".repeat(2000)).is_err());
}

/// The words of a field are those of its type.
#[test]
fn words_are_the_types_own() {
    let words = |fields: &Fields, name: &str| match fields.find(name).unwrap().kind {
        Kind::Word(words) => words.to_vec(),
        _ => Vec::new(),
    };
    assert_eq!(words(&LINKS, "reason"), Reason::ALL.iter().map(|r| r.word()).collect::<Vec<_>>());
    assert_eq!(words(&RUNS, "state"), RunState::ALL.iter().map(|r| r.word()).collect::<Vec<_>>());
    assert_eq!(words(&ITEMS, "state"), ItemState::ALL.iter().map(|r| r.word()).collect::<Vec<_>>());
    assert_eq!(words(&TOKENS, "state"), TokenState::ALL.iter().map(|r| r.word()).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn any_text_is_understood_or_refused(text in "\\PC{0,60}") {
        if let Err(error) = parse(&LINKS, &text) {
            prop_assert!(error.at <= text.chars().count());
            prop_assert!(!error.hint.is_empty());
        }
    }
}

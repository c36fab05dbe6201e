use cutover_shared::filter::Kind;
use cutover_shared::window::{Sort, WindowAsk};

use super::*;

fn token(n: i64, account: Option<&str>, state: TokenState, remaining: Option<i64>) -> TokenView {
    TokenView {
        installation: InstallationId(n),
        account: account.map(str::to_owned),
        state,
        minted_at: None,
        expires_at: None,
        generation: u64::try_from(n).unwrap(),
        error: None,
        remaining,
        limit: None,
    }
}

/// A field without a value would let nothing pass, and no error would say so.
#[test]
fn every_field_has_a_value() {
    let one = token(7, Some("acme"), TokenState::Fresh, Some(9));
    for field in TOKENS.all {
        let fits = match (field.kind, value(&one, field.name)) {
            (Kind::Text | Kind::Word(_), Value::Text(text)) => text.is_some(),
            (Kind::Number, Value::Number(number)) => number.is_some(),
            _ => false,
        };
        assert!(fits, "{}", field.name);
    }
}

#[test]
fn tokens_are_filtered_and_sorted() {
    let tokens = vec![
        token(1, Some("acme"), TokenState::Fresh, Some(10)),
        token(2, Some("Acme-Labs"), TokenState::Suspended, None),
        token(3, None, TokenState::Failing, Some(5)),
    ];
    let found = |filter: &str, sort: Option<(&str, bool)>| {
        let sort = sort.map(|(field, descending)| Sort { field: field.to_owned(), descending });
        let ask = WindowAsk { filter: filter.to_owned(), sort, offset: 0, limit: 10 };
        let select = Select::understand(&TOKENS, &ask, 0).unwrap();
        let window = select.window(&TOKENS, tokens.clone(), value);
        window.rows.into_iter().map(|token| token.installation.0).collect::<Vec<_>>()
    };
    assert_eq!(found("acme", None), [1, 2]);
    assert_eq!(found("state:suspended,failing", None), [2, 3]);
    assert_eq!(found("left<10", None), [3]);
    assert_eq!(found("!state:fresh", Some(("installation", true))), [3, 2]);
    assert_eq!(found("", Some(("left", false))), [2, 3, 1]);
}

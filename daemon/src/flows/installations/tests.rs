use cutover_shared::filter::Kind;
use cutover_shared::window::{Sort, WindowAsk};

use super::*;

const NOW: i64 = 1_780_000_000_000;

fn row(id: i64) -> InstalledRow {
    InstalledRow {
        id,
        account_id: 70 + id,
        account_login: format!("acme{id}"),
        account_type: "Organization".to_owned(),
        selection: "all".to_owned(),
        permissions:
            r#"{"actions":"read","contents":"read","deployments":"read","issues":"read","metadata":"read",
                         "pull_requests":"read"}"#
                .to_owned(),
        repositories: 3,
        mapped: 2,
        delivered_at: Some(NOW - 1_000),
        event: Some("push".to_owned()),
        ..InstalledRow::default()
    }
}

fn judged(row: InstalledRow) -> Judged {
    Judged::of(view(row, None, None, NOW))
}

/// A field without a value would let nothing pass, and no error would say so.
#[test]
fn every_field_has_a_value() {
    let one = judged(InstalledRow { dead: 1, ..row(7) });
    for field in INSTALLATIONS.all {
        let fits = match (field.kind, value(&one, field.name)) {
            (Kind::Text | Kind::Word(_), Value::Text(text)) => text.is_some(),
            (Kind::Number, Value::Number(number)) => number.is_some(),
            (Kind::Age, Value::Moment(_)) => true,
            _ => false,
        };
        assert!(fits, "{}", field.name);
    }
}

#[test]
fn installations_are_filtered_and_sorted() {
    let rows = [
        row(1),
        InstalledRow { suspended_at: Some(NOW), ..row(2) },
        InstalledRow { gone: true, delivered_at: None, unmapped: 4, ..row(3) },
        InstalledRow { dead: 2, delivered_at: Some(NOW - 7_200_000), ..row(4) },
    ];
    let found = |filter: &str, sort: Option<(&str, bool)>| {
        let sort = sort.map(|(field, descending)| Sort { field: field.to_owned(), descending });
        let ask = WindowAsk { filter: filter.to_owned(), sort, offset: 0, limit: 10 };
        let select = Select::understand(&INSTALLATIONS, &ask, NOW).unwrap();
        let all: Vec<Judged> = rows.iter().cloned().map(judged).collect();
        let window = select.window(&INSTALLATIONS, all, value);
        window.rows.into_iter().map(|judged| judged.view.id.0).collect::<Vec<_>>()
    };
    assert_eq!(found("state:suspended,gone", None), [2, 3]);
    assert_eq!(found("health:failing", None), [2, 3]);
    assert_eq!(found("reason:dead", None), [4]);
    assert_eq!(found("delivery>1h", None), [4]);
    assert_eq!(found("!health:healthy", Some(("id", true))), [4, 3, 2]);
}

#[test]
fn memory_knows_what_the_store_does_not_yet() {
    let status = |state, last_error| TokenStatus {
        installation: 7,
        state,
        minted_at: Some(NOW),
        expires_at: None,
        generation: Some(1),
        scoped: 0,
        last_error,
    };
    let with = |status: &TokenStatus| view(row(7), Some(status), None, NOW);
    assert_eq!(with(&status(TokenState::Suspended, None)).state, InstallationState::Suspended);
    assert_eq!(with(&status(TokenState::Gone, None)).state, InstallationState::Gone);
    let failing = with(&status(TokenState::Failing, Some("key_rejected")));
    assert_eq!(
        (failing.state, failing.token_error.as_deref()),
        (InstallationState::Active, Some("key_rejected"))
    );
    assert_eq!(failing.reasons[0].code, "token_failing");
}

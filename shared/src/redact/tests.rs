use proptest::prelude::*;

use super::*;

#[test]
fn tokens_of_any_length_go_and_the_words_around_them_stay() {
    let long = format!("ghs_{}", "1a.B-_".repeat(80));
    let text = format!("mint of {long}, then gho_x and eyJhbGciOi.J9.sig end");
    assert_eq!(redact(&text), "mint of [redacted], then [redacted] and [redacted] end");
}

#[test]
fn a_pem_block_goes_as_a_whole() {
    let text = "key -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- loaded";
    assert_eq!(redact(text), "key [redacted] loaded");
    assert_eq!(redact("cut -----BEGIN PRIVATE KEY-----\nMIIE"), "cut [redacted]");
}

#[test]
fn a_url_keeps_its_user_and_host_but_not_its_password() {
    assert_eq!(
        redact("postgres://app:p@ss@db.local:5432/x?sslmode=require failed"),
        "postgres://app:[redacted]@db.local:5432/x?sslmode=require failed"
    );
    assert_eq!(redact("see https://github.com/a/b"), "see https://github.com/a/b");
}

proptest! {
    #[test]
    fn no_token_survives_in_any_surrounding(before in ".{0,40}", after in "[^a-zA-Z0-9_.-].{0,40}|", body in "[a-zA-Z0-9_.-]{1,400}") {
        let out = redact(&format!("{before} gho_{body}{after}")).into_owned();
        let token = format!("gho_{body}");
        prop_assert!(!out.contains(&token));
    }

    #[test]
    fn redaction_is_stable(text in ".{0,200}") {
        let once = redact(&text).into_owned();
        prop_assert_eq!(redact(&once).into_owned(), once.clone());
    }
}

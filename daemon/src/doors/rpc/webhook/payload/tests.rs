use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn json(value: &Value) -> (String, bool) {
    text(value.to_string().as_bytes())
}

#[test]
fn json_is_indented_in_its_own_order() {
    let body =
        br#" {"zen":"a \"b\" {c}, [d]: e","n":[ ],"o":{},"list":[1,-2.5e3,true,null,{"a":"\u00e4"}]} "#;
    let expected = r#"{
  "zen": "a \"b\" {c}, [d]: e",
  "n": [],
  "o": {},
  "list": [
    1,
    -2.5e3,
    true,
    null,
    {
      "a": "ä"
    }
  ]
}"#;
    assert_eq!(text(body), (expected.to_owned(), false));
}

#[test]
fn what_is_no_json_is_shown_as_text() {
    assert_eq!(text(b"{\"a\": oops \xff ghs_1234"), ("{\"a\": oops \u{fffd} [redacted]".to_owned(), false));
    assert_eq!(text(b""), (String::new(), false));
    assert_eq!(text(b"payload=%7B%7D"), ("payload=%7B%7D".to_owned(), false));
    assert_eq!(text(&"[".repeat(5000).into_bytes()), ("[".repeat(5000), false), "too deep to be read");
}

#[test]
fn secrets_are_found_behind_escapes_too() {
    let body = br#"{"a":"\u0067hs_abc","b":"https:\/\/bot:hunter2@x.io\/y","ghp_key":"-----BEGIN KEY-----\nMII\n-----END KEY-----"}"#;
    let (shown, _) = text(body);
    for secret in ["ghs_", "abc", "hunter2", "ghp_", "MII"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("https://bot:[redacted]@x.io/y"), "{shown}");
    // Half a pair of surrogates can't be unescaped.
    let (shown, _) = text(br#"["\ud800 ghs_abc"]"#);
    assert!(shown.contains("[redacted]") && !shown.contains("abc"), "{shown}");
}

#[test]
fn no_half_of_a_secret_is_left_at_the_cut() {
    for secret in
        ["https://bot:hunter2@x.io", "ghs_hunter2", "-----BEGIN KEY-----\nhunter2\n-----END KEY-----"]
    {
        let at = secret.find("hunter2").unwrap();
        for end in [at, at + 3, secret.len() - 1] {
            let body = format!("{}{secret}", " ".repeat(MAX_PAYLOAD - end));
            for body in [body.clone(), Value::from(body).to_string()] {
                let (shown, cut) = text(body.as_bytes());
                assert!(cut && shown.len() <= MAX_PAYLOAD && !shown.contains("hun"), "{secret} cut at {end}");
            }
        }
    }
}

#[test]
fn a_long_payload_is_cut_on_a_letter() {
    let long = "ä".repeat(MAX_PAYLOAD);
    for body in
        [long.clone(), Value::from(long.as_str()).to_string(), serde_json::json!([long, 1]).to_string()]
    {
        let (shown, cut) = text(body.as_bytes());
        assert!(cut && (MAX_PAYLOAD - 3..=MAX_PAYLOAD).contains(&shown.len()), "{}", shown.len());
    }
    let exact = " ".repeat(MAX_PAYLOAD - 1) + "x";
    assert_eq!(text(exact.as_bytes()), (exact.clone(), false));
    assert!(text((exact + "y").as_bytes()).1);
    // What is cut for its indentation alone is cut.
    let deep = format!("{}{}", "[".repeat(120), "1,".repeat(20_000)) + "1" + &"]".repeat(120);
    let (shown, cut) = text(deep.as_bytes());
    assert!(cut && shown.len() == MAX_PAYLOAD);
}

proptest! {
    #[test]
    fn any_json_reads_the_same_indented(
        value in any::<i64>().prop_map(Value::from).boxed().prop_recursive(4, 40, 6, |inner| prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map("[^a-z:]{0,6}", inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            "[^a-z:]{0,12}".prop_map(Value::from),
        ])
    ) {
        let (shown, cut) = json(&value);
        prop_assert!(!cut);
        prop_assert_eq!(shown, serde_json::to_string_pretty(&value).unwrap());
    }

    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        text(&body);
    }
}

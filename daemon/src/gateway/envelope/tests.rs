use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(value: &serde_json::Value) -> Envelope {
    Envelope::read(value.to_string().as_bytes()).expect("an object")
}

#[test]
fn what_a_payload_says_is_read() {
    let payload = json!({
        "action": "opened",
        "number": 1,
        "repository": {"id": 7, "owner": {"login": "octo", "id": 9}, "full_name": "octo/hello"},
        "installation": {"node_id": "x", "id": 42},
    });
    let whole = Envelope {
        action: Some("opened".into()),
        installation: Some(42),
        repo_id: Some(7),
        repository: Some("octo/hello".into()),
    };
    assert_eq!(read(&payload), whole);
    assert_eq!(read(&json!({})), Envelope::default());
}

#[test]
fn one_field_of_another_type_costs_only_itself() {
    let payload = json!({
        "action": {"a": 1},
        "installation": {"id": "42"},
        "repository": {"id": 7, "full_name": null},
    });
    assert_eq!(read(&payload), Envelope { repo_id: Some(7), ..Envelope::default() });
    for odd in [json!(null), json!([]), json!("x"), json!(-3), json!(0), json!(1.5), json!(u64::MAX)] {
        let payload = json!({"installation": {"id": odd}, "repository": odd, "action": [odd]});
        assert_eq!(read(&payload), Envelope::default(), "{payload}");
    }
}

#[test]
fn a_name_that_could_not_be_shown_is_none() {
    for name in ["", "a\nb", "a\u{1b}[2J", &"x".repeat(257), &"\u{1}".repeat(300)] {
        assert_eq!(read(&json!({"repository": {"full_name": name}})).repository, None);
    }
    let longest = "x".repeat(256);
    assert_eq!(read(&json!({"repository": {"full_name": longest}})).repository, Some(longest));
}

#[test]
fn a_name_that_comes_twice_counts_the_last_time() {
    let envelope = Envelope::read(br#"{"action":1,"action":"b","installation":{"id":1,"id":2},"x":1,"x":2}"#);
    let expected = Envelope { action: Some("b".into()), installation: Some(2), ..Envelope::default() };
    assert_eq!(envelope, Some(expected));
}

#[test]
fn what_is_no_object_is_none() {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "1",
        "\"x\"",
        "{",
        "{\"a\":}",
        "{} {}",
        "{\"a\":1,}",
        "payload=%7B%7D",
        "\u{feff}{}",
    ] {
        assert_eq!(Envelope::read(body.as_bytes()), None, "{body}");
    }
    assert_eq!(Envelope::read(b"{\"action\":\"\xff\"}"), None);
}

/// A recursive reader would end the process here.
#[test]
fn depth_costs_no_stack() {
    let depth = 2_000_000;
    for name in ["x", "action", "installation", "repository"] {
        let body = format!("{{\"{name}\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(Envelope::read(body.as_bytes()), Some(Envelope::default()), "{name}");
        let inside = format!(
            "{{\"{name}\":{{\"id\":{}{}}}}}",
            "{\"id\":".repeat(depth),
            "1".to_owned() + &"}".repeat(depth)
        );
        assert_eq!(Envelope::read(inside.as_bytes()), Some(Envelope::default()), "{name}");
        assert_eq!(Envelope::read(&body.as_bytes()[..depth]), None, "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Envelope::read(&body);
    }

    #[test]
    fn nearly_json_gets_an_answer(body in r#"\{("(action|id|installation|repository|full_name)"|[\[\]{}:,"]|[0-9\-.eE]|null|\\u[0-9a-f]{0,4}| ){0,40}"#) {
        let _ = Envelope::read(body.as_bytes());
    }

    /// The same answer as a reader of the whole tree would give.
    #[test]
    fn it_agrees_with_the_whole_tree(id in any::<i64>(), name in "[a-z/\\\\\" \u{e9}]{0,20}", rest in "[a-z]{0,8}") {
        let value = json!({ rest: [1, {"a": name}], "installation": {"id": id}, "repository": {"full_name": name, "id": id} });
        let got = read(&value);
        let id = value["installation"]["id"].as_i64().filter(|id| *id > 0);
        let name = value["repository"]["full_name"].as_str().filter(|name| !name.is_empty());
        prop_assert_eq!((got.installation, got.repo_id, got.repository.as_deref()), (id, id, name));
    }
}

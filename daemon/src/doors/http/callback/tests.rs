use super::*;

#[test]
fn a_query_is_taken_apart_and_no_name_stands_twice() {
    let origin = || "http 192.0.2.1".to_owned();
    let query = "installation_id=7&setup_action=install&state=i1.a%2Eb.c&code=x&other=1&other=2";
    let taken = returned(query, origin()).unwrap();
    assert_eq!(taken.installation_id.as_deref(), Some("7"));
    assert_eq!(taken.state.as_deref(), Some("i1.a.b.c"));
    assert!(taken.code.is_some() && taken.error.is_none());
    assert!(!format!("{taken:?}").contains("\"x\""));
    for name in ["installation_id", "setup_action", "state", "code", "error"] {
        let refusal = returned(&format!("{name}=1&{name}=1"), origin()).unwrap_err();
        assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
    }
    for odd in ["", "&&&", "=", "%", "%ff=%00", "state"] {
        assert!(returned(odd, origin()).is_ok(), "{odd}");
    }
}

#[tokio::test]
async fn a_page_says_nothing_that_a_browser_would_run() {
    let after = Url::parse("https://app.example/a'b?c=<d>\"&e").unwrap();
    let answer = page(StatusCode::OK, "<script>\"&'", "<b>", Some(&after), true);
    let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains("<p>&lt;script&gt;&quot;&amp;&#39;</p>"), "{body}");
    assert!(body.contains("<small>&lt;b&gt;</small>"), "{body}");
    assert!(body.contains("content=\"1;url=https://app.example/a"), "{body}");
    assert_eq!(
        body.matches("<script").count() + body.matches("<b>").count() + body.matches("<d>").count(),
        0
    );
}

use super::*;

fn shown(found: Result<Credential, String>) -> Result<(String, Option<String>), String> {
    found.map(|one| (one.url.0, one.key.map(|key| key.0)))
}

#[test]
fn a_credential_is_one_line_two_lines_or_an_object() {
    let said = |url: &str, key: Option<&str>| Ok((url.to_owned(), key.map(str::to_owned)));
    for (text, expected) in [
        (" postgres://u:p@h/d\n\n", said("postgres://u:p@h/d", None)),
        ("{\"url\":\"postgresql://h/d\"}", said("postgresql://h/d", None)),
        ("/srv/a.db", said("/srv/a.db", None)),
        ("https://a.convex.cloud\nprod:k", said("https://a.convex.cloud", Some("prod:k"))),
        ("{\"url\":\"https://a\",\"key\":\"k\"}", said("https://a", Some("k"))),
    ] {
        assert_eq!(shown(credential(text)), expected);
    }
}

#[test]
fn a_mistake_is_told_without_what_was_written() {
    for (text, problem) in [
        ("https://hush\nhush\nhush", "more than two lines"),
        ("{\"url\":\"https://hush\",\"hush\":1}", "no JSON object"),
        ("{\"url\":hush", "no JSON object"),
    ] {
        let told = shown(credential(text)).unwrap_err();
        assert!(told.contains(problem) && !told.contains("hush"), "{told}");
    }
}

#[test]
fn rows_come_from_csv_and_from_json_lines() {
    let text =
        "tenant,driver,url,key,external_user\nacme,postgres,postgres://h/a,,\n beta , http ,https://b,k,u1\n";
    let rows = csv(text).unwrap();
    assert_eq!(
        (rows[0].tenant.as_str(), rows[0].key.is_none(), &rows[0].external_user),
        ("acme", true, &None)
    );
    assert_eq!((rows[1].driver, rows[1].external_user.as_deref()), (DriverKind::Http, Some("u1")));
    let text = "{\"tenant\":\"acme\",\"driver\":\"postgres\",\"url\":\"postgres://h/a\"}\n\n\
                {\"tenant\":\"beta\",\"driver\":\"http\",\"url\":\"https://b\",\"key\":\"k\",\"external_user\":\"u1\"}";
    assert_eq!(jsonl(text).unwrap(), rows);
    assert_eq!(csv("tenant,driver,url\n").unwrap(), []);
}

#[test]
fn every_bad_row_is_told_with_its_line_and_no_secret() {
    let text = "tenant,driver,url,key\nacme,postgres,postgres://hush/a,\nacme,sqlite,/hush,\n,sqlite,/hush,\nb,oracle,hush,\n\
                c,http,https://hush,\nd,sqlite,/hush\n";
    let mistakes = csv(text).unwrap_err();
    let told: Vec<_> = mistakes.bad.iter().map(|row| (row.line, row.problem.as_str())).collect();
    assert_eq!(
        told,
        [
            (3, "the tenant stands in an earlier row, too"),
            (4, "there is no tenant"),
            (5, "the driver is none of postgres, sqlite, http"),
            (6, "it has no deploy key; hand in the deployment's key, too"),
            (7, "the row has another number of columns, or is no UTF-8"),
        ]
    );
    let text = "tenant,driver,url,key\na,postgres,,\nb,postgres,hush://hush:hush@hush/,\nc,postgres,postgres://h/d,hush\n";
    let mistakes = csv(text).unwrap_err();
    let told: Vec<_> = mistakes.bad.iter().map(|row| row.problem.as_str()).collect();
    for (told, problem) in
        told.iter().zip(["is empty", "does not begin with postgres://", "only a deployment has a key"])
    {
        assert!(told.contains(problem) && !told.contains("hush"), "{told}");
    }
    assert_eq!(told.len(), 3);
    let bare = csv("acme,postgres,postgres://hush@h/a,\n").unwrap_err();
    let told: Vec<_> = bare.bad.iter().map(|row| row.problem.clone()).collect();
    assert!(told.len() == 4 && !told.concat().contains("hush"), "{told:?}");
    let bad = jsonl("{\"tenant\":\"a\",\"driver\":\"sqlite\",\"url\":\"/hush\"}\n{hush\n").unwrap_err();
    assert_eq!((bad.count, bad.bad[0].line), (1, 2));
    assert!(!bad.bad[0].problem.contains("hush"));
}

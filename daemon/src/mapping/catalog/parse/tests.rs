use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

const SHA: &str = "0123456789ABCDEF0123456789abcdef01234567";

fn csv(text: &str) -> Vec<Result<ParsedLink, ParseError>> {
    parse(CatalogFormat::Csv, text.as_bytes()).collect()
}

fn json(text: &str) -> Vec<Result<ParsedLink, ParseError>> {
    parse(CatalogFormat::JsonLines, text.as_bytes()).collect()
}

/// Line, column and the beginning of the problem of every mistake.
fn mistakes(rows: &[Result<ParsedLink, ParseError>]) -> Vec<(u64, String, String)> {
    rows.iter()
        .filter_map(|row| row.as_ref().err())
        .flat_map(ParseError::bad)
        .map(|bad| (bad.line, bad.column.clone(), bad.problem.clone()))
        .collect()
}

fn places(rows: &[Result<ParsedLink, ParseError>]) -> Vec<(u64, String)> {
    mistakes(rows).into_iter().map(|(line, column, _)| (line, column)).collect()
}

fn place(line: u64, column: &str) -> (u64, String) {
    (line, column.to_owned())
}

#[test]
fn a_whole_row_is_read_whatever_the_order_of_its_columns() {
    let rows = csv(&format!(
        "importedAt,tenantId,projectId,repoFullName,repoId,ownerId,ownerLogin,githubAccessToken,importedCommitSha,\
         importedTreeSha,importMethod\r\n\
         2020-09-13T14:26:40+02:00,t 1,p1, Acme/Site.js ,5,70,Acme,gho_x,{SHA},{SHA}{},oauth\r\n",
        &SHA[..24]
    ));
    let row = rows[0].as_ref().unwrap();
    let link = &row.link;
    assert_eq!((row.line, link.key.as_str()), (2, "p1:acme/site.js"));
    assert_eq!((link.repo_full_name.as_str(), link.tenant.as_str()), ("Acme/Site.js", "t 1"));
    assert_eq!((link.repo_id, link.owner_id), (Some(RepoId(5)), Some(AccountId(70))));
    assert_eq!(link.imported_at, Some(1_600_000_000_000));
    assert_eq!(link.imported_commit_sha.as_deref(), Some(SHA.to_lowercase().as_str()));
    assert_eq!(link.imported_tree_sha.as_ref().map(String::len), Some(64));
    assert_eq!(link.import_method.as_deref(), Some("oauth"));
    assert_eq!((link.token.as_deref(), row.token.as_ref().unwrap().expose_secret()), (None, "gho_x"));
    assert!(!format!("{row:?}").contains("gho_x"));
}

#[test]
fn json_lines_say_the_same_as_csv() {
    let rows = json(concat!(
        r#"{"projectId":"p1","tenantId":7,"repoFullName":"a/b","repoId":5,"ownerId":"70","importedAt":1600000000000}"#,
        "\n\n",
        r#"{"projectId":"p2","tenantId":"t","repoFullName":"a/b","repoId":null,"ownerLogin":""}"#,
    ));
    let link = &rows[0].as_ref().unwrap().link;
    assert_eq!(
        (link.tenant.as_str(), link.repo_id, link.owner_id),
        ("7", Some(RepoId(5)), Some(AccountId(70)))
    );
    assert_eq!(link.imported_at, Some(1_600_000_000_000));
    let second = rows[1].as_ref().unwrap();
    assert_eq!((second.line, second.link.repo_id, second.link.owner_login.as_deref()), (3, None, None));
}

#[test]
fn every_mistake_of_a_row_is_named_and_good_rows_pass() {
    let rows = csv(concat!(
        "projectId,tenantId,repoFullName,repoId,importedCommitSha,importedAt,githubAccessToken\n",
        ",t,https://github.com/a/b,-5,abc,yesterday,two words\n",
        "p,t,a/b,,,,\n",
        "p,t,a/b,,,\n",
    ));
    assert_eq!(
        places(&rows),
        [
            place(2, "projectId"),
            place(2, "repoFullName"),
            place(2, "repoId"),
            place(2, "githubAccessToken"),
            place(2, "importedCommitSha"),
            place(2, "importedAt"),
            place(4, ""),
        ]
    );
    assert!(rows[1].is_ok());
    assert!(matches!(rows[0], Err(ParseError::Row(_))));
}

#[test]
fn repeated_links_and_a_project_of_two_tenants_name_the_first_line() {
    let rows = csv("projectId,tenantId,repoFullName\np,t,a/b\np,t,A/B\np,u,a/c\nq,u,a/b\n");
    assert_eq!(
        mistakes(&rows),
        [
            (
                3,
                "repoFullName".to_owned(),
                "line 2 has this repository of this project already: leave one out".to_owned()
            ),
            (4, "tenantId".to_owned(), "line 2 has another tenant for this project: give it one".to_owned()),
        ]
    );
    assert!(rows[3].is_ok());
}

#[test]
fn a_bad_header_is_told_whole_and_nothing_is_read() {
    let rows = csv("projectid,tenant_id,repoFullNam,repoId,repoId,colour\np,t,a/b,1,1,red\n");
    assert_eq!(rows.len(), 1);
    assert!(matches!(rows[0], Err(ParseError::File(_))));
    let told = mistakes(&rows);
    assert_eq!(told.len(), 5, "{told:#?}");
    assert_eq!((told[0].1.as_str(), told[0].2.as_str()), ("projectid", "no such column: write projectId"));
    assert_eq!((told[1].1.as_str(), told[1].2.as_str()), ("tenant_id", "no such column: write tenantId"));
    assert_eq!(told[2].2, "no such column: write repoFullName");
    assert_eq!(told[3].2, "this column is there twice: leave one out");
    assert!(told[4].2.starts_with("no such column: leave it out, or write one of projectId, "));
    assert_eq!(places(&csv("projectId,tenantId\np,t\n")), [place(1, "repoFullName")]);
}

#[test]
fn a_header_that_is_none_gets_the_likely_reason() {
    let told = |text: &str| mistakes(&csv(text)).remove(0).2;
    assert!(told("").starts_with("the file is empty"));
    assert!(told("projectId;tenantId;repoFullName\n").starts_with("this is not separated by commas"));
    assert!(told("{\"projectId\":\"p\"}\n").ends_with("(a file of JSON objects is JSON Lines)"));
    assert!(told("p1,t1,a/b\n").starts_with("the first line must name the columns"));
}

#[test]
fn no_error_repeats_what_may_be_a_token() {
    let token = "gho_16C7e42F292c6912E7710c838347Ae178B4a";
    let old = "0123456789abcdef0123456789abcdef01234567";
    for secret in [token, old] {
        let texts = [
            format!("{secret}\n"),
            format!("projectId,tenantId,repoFullName,{secret}\n"),
            format!(
                "projectId,tenantId,repoFullName,repoId,importedAt,importedTreeSha,ownerLogin\n\
                 p,t,{secret},{secret},{secret},{secret}x,{secret}\n"
            ),
        ];
        for text in &texts {
            let rows = csv(text);
            assert!(rows.iter().any(Result::is_err));
            assert!(!format!("{rows:?}").contains(secret), "{rows:#?}");
        }
        let line = format!("{{\"{secret}\":1,\"repoId\":\"{secret}\",\"tenantId\":[\"{secret}\"]}}");
        assert!(!format!("{:?}", json(&line)).contains(secret));
    }
}

#[test]
fn a_token_is_taken_in_its_own_column_alone() {
    let token = format!("ghp_{}", "x".repeat(36));
    let rows = csv(&format!(
        "projectId,tenantId,repoFullName,importMethod,githubAccessToken\np,t,a/b,{token},\np,t,a/c,,{token}\n"
    ));
    let problem = "holds a token: put it into githubAccessToken, where it is sealed";
    assert_eq!(mistakes(&rows), [(2, "importMethod".to_owned(), problem.to_owned())]);
    assert_eq!(rows[1].as_ref().unwrap().token.as_ref().unwrap().expose_secret(), &token);
}

#[test]
fn json_types_and_fields_are_checked() {
    let rows =
        json(r#"{"projectId":true,"tenantId":1.5,"repoFullName":"a/b","repoFullName":"a/c","reponame":"x"}"#);
    assert_eq!(
        places(&rows),
        [place(1, "projectId"), place(1, "tenantId"), place(1, "repoFullName"), place(1, "reponame")]
    );
}

#[test]
fn names_follow_githubs_grammar() {
    let bad = |name: &str| rule::repo_full_name(name).is_err();
    for name in
        ["a/b", "A-1/.github", "emu_corp/x_y", "a-/b", &format!("{}/{}", "a".repeat(39), "b".repeat(100))]
    {
        assert!(!bad(name), "{name}");
    }
    let long = [format!("{}/b", "a".repeat(40)), format!("a/{}", "b".repeat(101))];
    for name in [
        "a",
        "a/",
        "/b",
        "a/b/c",
        "-a/b",
        "a b/c",
        "a/..",
        "a/.",
        "a/b.git",
        "git@github.com:a/b",
        &long[0],
        &long[1],
    ] {
        assert!(bad(name), "{name}");
    }
}

#[test]
fn texts_numbers_and_times_have_bounds() {
    assert!(rule::id(&"é".repeat(200)).is_ok());
    assert!(rule::id(&"é".repeat(201)).is_err());
    for text in ["a\u{7}", "a\nb", "a\u{202e}b", "\u{200b}"] {
        assert!(rule::id(text).is_err(), "{text:?}");
    }
    for text in ["0", "-1", "+1", "1.0", "9223372036854775808", "1e3", "٣"] {
        assert!(rule::number(text).is_err(), "{text}");
    }
    assert_eq!(rule::number("9223372036854775807"), Ok(i64::MAX));
    assert!(rule::time("1600000000").unwrap_err().starts_with("is in seconds"));
    for text in ["0", "99999999999999", "2020-09-13", "2020-02-30T00:00:00Z", "0001-01-01T00:00:00Z"] {
        assert!(rule::time(text).is_err(), "{text}");
    }
    assert_eq!(rule::time("2020-09-13T12:26:40.5Z"), Ok(1_600_000_000_500));
    assert!(rule::token(&"x".repeat(4_096)).is_ok());
    for text in [&"x".repeat(4_097), "a b", "é"] {
        assert!(rule::token(text).is_err());
    }
}

#[test]
fn a_file_of_crlf_and_cr_only_says_where() {
    assert!(csv("projectId,tenantId,repoFullName\r\np,t,a/b\r\n")[0].is_ok());
    // Old Mac line ends make one long header out of the file.
    assert!(matches!(csv("projectId,tenantId,repoFullName\rp,t,a/b\r")[0], Err(ParseError::File(_))));
}

#[test]
fn an_input_that_fails_is_a_mistake_of_the_file() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk"))
        }
    }
    for format in [CatalogFormat::Csv, CatalogFormat::JsonLines] {
        let rows: Vec<_> = parse(format, std::io::BufReader::new(Failing)).collect();
        assert_eq!(rows.len(), 1);
        assert!(matches!(rows[0], Err(ParseError::File(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_the_csv_crate_writes_is_parsed(
        links in proptest::collection::btree_map("[a-z]{1,3}/[a-z.]{1,4}x", ("[ -~]{1,9}", "[!-~]{1,20}", 1..i64::MAX), 1..6)
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["projectId", "tenantId", "repoFullName", "importMethod", "githubAccessToken", "repoId"]).unwrap();
        for (name, (method, token, id)) in &links {
            writer.write_record(["p", "t", name, method, token, &id.to_string()]).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let rows: Vec<_> = parse(CatalogFormat::Csv, text.as_slice()).collect();
        prop_assert_eq!(rows.len(), links.len());
        for (row, (name, (method, token, id))) in rows.into_iter().zip(&links) {
            let row = row.unwrap();
            prop_assert_eq!(&row.link.repo_full_name, name);
            prop_assert_eq!(row.link.import_method.as_deref().unwrap_or(""), method.trim());
            let read = row.token.unwrap();
            prop_assert_eq!(read.expose_secret(), token);
            prop_assert_eq!(row.link.repo_id, Some(RepoId(*id)));
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), soup in "[\",\\r\\n{}:é\u{202e}a1/-]{0,80}") {
        let header = b"projectId,tenantId,repoFullName,repoId,importedAt,githubAccessToken\n".to_vec();
        for tail in [bytes.as_slice(), soup.as_bytes()] {
            for format in [CatalogFormat::Csv, CatalogFormat::JsonLines] {
                let _ = parse(format, tail).count();
            }
            let whole = [header.as_slice(), tail].concat();
            for row in parse(CatalogFormat::Csv, whole.as_slice()) {
                if let Err(error) = row {
                    prop_assert!(!error.bad().is_empty());
                    prop_assert!(error.bad().iter().all(|bad| bad.line > 0 && !bad.problem.is_empty()));
                }
            }
        }
    }

    #[test]
    fn any_cell_is_taken_or_named(cells in proptest::array::uniform6(any::<String>())) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["projectId", "tenantId", "repoFullName", "repoId", "importedAt", "ownerLogin"]).unwrap();
        writer.write_record(&cells).unwrap();
        let text = writer.into_inner().unwrap();
        for row in parse(CatalogFormat::Csv, text.as_slice()).flatten() {
            prop_assert!(!row.link.repo_full_name.chars().any(char::is_control));
            prop_assert!(!row.link.project.as_str().chars().any(char::is_control));
        }
    }
}

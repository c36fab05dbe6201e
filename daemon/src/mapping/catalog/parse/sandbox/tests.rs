use proptest::prelude::*;

use super::*;

const COMMIT: &str = "0123456789ABCDEF0123456789abcdef01234567";
const TREE: &str = "89abcdef0123456789abcdef0123456789abcdef";

fn all(format: CatalogFormat, text: &str) -> Vec<Result<SandboxRecord, ParseError>> {
    sandboxes(format, text.as_bytes()).collect()
}

/// `line: column: problem` of every mistake.
fn mistakes(format: CatalogFormat, text: &str) -> Vec<String> {
    all(format, text)
        .into_iter()
        .filter_map(Result::err)
        .flat_map(|error| error.bad().to_vec())
        .map(|bad| format!("{}: {}: {}", bad.line, bad.column, bad.problem))
        .collect()
}

#[test]
fn both_formats_say_the_same() {
    let csv = format!(
        "updatedAt,sandboxId,tenantId,projectId,repoFullName,commitSha,treeSha,branch,state,createdAt\n\
         2026-01-31T12:00:00Z,7,acme,p1,Acme/Site,{COMMIT},{TREE},main,active,1750000000000\n\
         1769860800000,sb-2,acme,p1,Acme/Site,{COMMIT},,,,\n"
    );
    let json = format!(
        "{{\"sandboxId\":7,\"tenantId\":\"acme\",\"projectId\":\"p1\",\"repoFullName\":\"Acme/Site\",\"commitSha\":\"{COMMIT}\",\
         \"treeSha\":\"{TREE}\",\"branch\":\" main\",\"state\":\"active\",\"createdAt\":1750000000000,\"updatedAt\":1769860800000}}\n\
         {{\"sandboxId\":\"sb-2\",\"tenantId\":\"acme\",\"projectId\":\"p1\",\"repoFullName\":\"Acme/Site\",\"commitSha\":\"{COMMIT}\",\
         \"treeSha\":null,\"updatedAt\":1769860800000}}\n"
    );
    let whole = SandboxRecord {
        tenant: "acme".into(),
        id: "7".into(),
        project: "p1".into(),
        repo_full_name: "Acme/Site".into(),
        branch: Some("main".into()),
        commit_sha: COMMIT.to_lowercase(),
        tree_sha: Some(TREE.into()),
        state: Some("active".into()),
        created_at: Some(1_750_000_000_000),
        updated_at: 1_769_860_800_000,
    };
    let bare = SandboxRecord {
        id: "sb-2".into(),
        branch: None,
        tree_sha: None,
        state: None,
        created_at: None,
        ..whole.clone()
    };
    for (format, text) in [(CatalogFormat::Csv, csv), (CatalogFormat::JsonLines, json)] {
        assert_eq!(all(format, &text), [Ok(whole.clone()), Ok(bare.clone())], "{format:?}");
    }
}

#[test]
fn every_mistake_is_named_with_its_place_and_no_value_is_repeated() {
    let header = "sandboxId,tenantId,projectId,repoFullName,commitSha,updatedAt,state";
    let token = format!("ghp_{}", "x".repeat(36));
    let text = format!(
        "{header}\n\
         a,acme,p1,Acme/Site,{COMMIT},1750000000000,\n\
         a,acme,p1,Acme/Site,{COMMIT},1750000000000,\n\
         b,,p1,Acme,abc,1750000000,\n\
         c,acme,p1,Acme/Site,{COMMIT},1750000000000,{token}\n\
         d,acme\n"
    );
    let found = mistakes(CatalogFormat::Csv, &text);
    let places: Vec<&str> = found.iter().map(|bad| bad.rsplit_once(": ").unwrap().0).collect();
    assert_eq!(
        places
            .iter()
            .map(|place| place.splitn(3, ": ").take(2).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>(),
        ["3 sandboxId", "4 tenantId", "4 repoFullName", "4 commitSha", "4 updatedAt", "5 state", "6 "]
    );
    assert!(found[0].contains("line 2"), "{found:?}");
    assert!(!found.join("\n").contains(&token), "{found:?}");

    // The same id in another tenant is another sandbox.
    let text = format!(
        "{header}\na,acme,p1,Acme/Site,{COMMIT},1750000000000,\na,wayne,p2,Wayne/Site,{COMMIT},1750000000000,\n"
    );
    assert_eq!(mistakes(CatalogFormat::Csv, &text), Vec::<String>::new());
}

#[test]
fn a_header_that_lacks_something_refuses_the_file() {
    for (text, wanted) in [
        ("", "the file is empty"),
        ("sandboxId,tenantId,projectId,repoFullName,commitSha\n1\n", "1: updatedAt: this column is needed"),
        (
            "sandboxId,tenantId,projectId,repoFullName,commitSha,updatedAt,sandboxId\n",
            "sandboxId: this column is there twice",
        ),
        ("sandboxId,tenantId,projectId,repoFullName,commitSha,updatedAt,size\n", "size: no such column"),
    ] {
        let found = mistakes(CatalogFormat::Csv, text);
        assert!(found.len() == 1 && found[0].contains(wanted), "{found:?}");
        assert!(matches!(all(CatalogFormat::Csv, text).as_slice(), [Err(ParseError::File(_))]));
    }
    let found = mistakes(CatalogFormat::JsonLines, "{\"size\":1,\"sandboxId\":1.5,\"branch\":2}\n");
    assert!(found.iter().any(|bad| bad.contains("size: no such column")), "{found:?}");
    assert!(
        found.iter().any(|bad| bad.contains("sandboxId: must be a string or a whole number")),
        "{found:?}"
    );
    assert!(found.iter().any(|bad| bad.contains("branch: must be a string")), "{found:?}");
}

#[test]
fn a_header_that_is_nearly_one_is_told_the_mend() {
    let needed = "sandboxId, tenantId, projectId, repoFullName, commitSha and updatedAt";
    let whole = "sandboxId,tenantId,projectId,repoFullName,commitSha,updatedAt";
    for (text, wanted) in [
        (
            "sandbox_id,tenantId,projectId,repoFullName,commitSha,updatedAt",
            "1: sandbox_id: no such column: write sandboxId",
        ),
        (&format!("{whole},stat"), "1: stat: no such column: write state"),
        // Two edits from `state`, and another word.
        (
            &format!("{whole},date"),
            "1: date: no such column: leave it out, or write one of sandboxId, tenantId, ",
        ),
        (
            "sandboxId;tenantId",
            "1: : this is not separated by commas: save the file with commas between the columns",
        ),
        (
            "{\"sandboxId\":\"a\"}",
            "the first line must name the columns (a file of JSON objects is JSON Lines)",
        ),
        ("sb-1,acme,p1", &format!("1: : the first line must name the columns, at least {needed}")),
        ("", &format!("1: : the file is empty: begin with {needed}")),
    ] {
        let found = mistakes(CatalogFormat::Csv, text);
        assert!(found.len() == 1 && found[0].contains(wanted), "{text}: {found:?}");
    }
}

proptest! {
    #[test]
    fn no_input_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..400), named: bool) {
        let mut input = Vec::new();
        if named {
            input.extend_from_slice(b"sandboxId,tenantId,projectId,repoFullName,commitSha,updatedAt\n");
        }
        input.extend(bytes);
        for format in [CatalogFormat::Csv, CatalogFormat::JsonLines] {
            for row in sandboxes(format, input.as_slice()) {
                if let Err(error) = row {
                    prop_assert!(!error.bad().is_empty());
                }
            }
        }
    }
}

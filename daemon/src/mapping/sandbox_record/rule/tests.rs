use proptest::prelude::*;

use super::*;

const COMMIT: &str = "0123456789012345678901234567890123456789";
const AT: i64 = 1_780_000_000_000;

fn record(tree: Option<&str>) -> SandboxRecord {
    SandboxRecord {
        tenant: "acme".into(),
        id: "sb-1".into(),
        project: "p1".into(),
        repo_full_name: "Acme/Site".into(),
        branch: None,
        commit_sha: COMMIT.to_owned(),
        tree_sha: tree.map(str::to_owned),
        state: None,
        created_at: None,
        updated_at: AT,
    }
}

fn digest(tree: Option<&str>) -> String {
    clone_digest(COMMIT, tree)
}

/// What a book holds: which tree it knows, and how long after the record it was written.
type Book = Option<(Option<&'static str>, i64)>;

fn verdict(tree: Option<&'static str>, legacy: Book, target: Book) -> Judged {
    let digests = [legacy, target].map(|book| book.map(|(tree, later)| (digest(tree), AT + later)));
    let [legacy, target] =
        digests.each_ref().map(|book| book.as_ref().map(|(digest, at)| Held { digest, at: *at }));
    judge(&record(tree), true, true, legacy, target)
}

#[test]
fn a_clone_has_one_key_and_one_digest_in_both_books() {
    assert_eq!(clone_key("p1", "Acme/Site", "main", COMMIT), format!("p1:acme/site@main#{COMMIT}"));
    let of = |branch: Option<&str>| SandboxRecord { branch: branch.map(str::to_owned), ..record(None) };
    assert_eq!(
        [None, Some("main"), Some("refs/heads/a/b")].map(|b| reference(&of(b)).to_owned()),
        ["HEAD", "main", "a/b"]
    );
    // Held: a change of it would make every record that is in the books another one.
    assert_eq!(
        clone_digest("c", Some("t")),
        "93e5e0c115a9be8137e3b4e2039ad1cb6329dd501c224e08c7392d97ecdea307"
    );
}

#[test]
fn each_verdict_has_its_reason() {
    use RecordVerdict as V;
    for (tree, legacy, target, wanted) in [
        (Some("t"), None, None, V::Move),
        (None, None, None, V::Move),
        (Some("t"), Some((Some("t"), 5)), None, V::Move),
        (Some("t"), None, Some((Some("t"), -5)), V::AlreadyThere),
        (Some("t"), None, Some((Some("u"), 0)), V::TargetNewer),
        (Some("t"), None, Some((Some("u"), -1)), V::Move),
        (Some("t"), Some((Some("u"), -9)), None, V::OtherTree),
        // What was moved without a tree gets the one that is known by now.
        (Some("t"), Some((None, 5)), Some((None, 5)), V::Move),
        // A book that knows the tree stands; the record does not.
        (None, None, Some((Some("u"), -5)), V::AlreadyThere),
        (None, Some((Some("u"), 1)), None, V::Move),
        (None, Some((Some("u"), 1)), Some((Some("t"), -1)), V::Move),
        (None, Some((Some("u"), 1)), Some((Some("t"), 0)), V::TargetNewer),
    ] {
        assert_eq!(verdict(tree, legacy, target).verdict, wanted, "{tree:?} {legacy:?} {target:?}");
    }
    assert_eq!(judge(&record(None), false, true, None, None).verdict, V::UnknownProject);
    assert_eq!(judge(&record(None), true, false, None, None).verdict, V::SameCommit);
    for verdict in V::ALL {
        assert_eq!(left_out(*verdict).is_none(), *verdict == V::Move);
    }
}

fn books() -> impl Strategy<Value = Book> {
    let tree = prop::sample::select(vec![None, Some("t"), Some("u")]);
    prop::option::of((tree, -2_i64..=2))
}

proptest! {
    #[test]
    fn a_move_leaves_both_books_the_same_and_nothing_more_to_do(
        tree in prop::sample::select(vec![None, Some("t")]), legacy in books(), target in books(),
    ) {
        let judged = verdict(tree, legacy, target);
        prop_assume!(judged.verdict == RecordVerdict::Move);
        let held = Held { digest: &judged.digest, at: AT + 9 };
        let again = judge(&record(tree), true, true, Some(held), Some(held));
        prop_assert_eq!(again, Judged { verdict: RecordVerdict::AlreadyThere, digest: judged.digest });
    }

    #[test]
    fn what_a_book_knows_of_a_tree_is_never_lost_to_an_older_record(
        tree in prop::sample::select(vec![None, Some("t")]), legacy in books(), target in books(),
    ) {
        let judged = verdict(tree, legacy, target);
        if judged.verdict == RecordVerdict::Move {
            let knows = |book: Book| book.filter(|(tree, _)| tree.is_some()).map(|(tree, at)| (digest(tree), at));
            if let Some((known, _)) = knows(legacy) {
                prop_assert_eq!(&judged.digest, &known);
            }
            if let Some((known, at)) = knows(target) {
                prop_assert!(judged.digest != known && at < 0);
            }
        }
    }
}

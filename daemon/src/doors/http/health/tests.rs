use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn budget(remaining: u32) -> Budget {
    Budget { credential: "app".to_owned(), installation: None, limit: 5000, remaining, reset: 0, waiting: 0 }
}

#[test]
fn what_the_last_calls_show_is_what_is_said() {
    let good = Contact { last_success: Some(MINUTE), ..Contact::default() };
    let failing = |since: Duration, last: Duration| Contact {
        last_failure: Some(last),
        failing_since: Some(since),
        ..good
    };
    let refused = |since: Duration, last: Duration| Contact {
        last_refusal: Some(last),
        refused_since: Some(since),
        ..good
    };
    for (contact, budgets, asked, expected, out) in [
        (Contact::default(), vec![], false, GithubApi::NotAsked, false),
        (Contact::default(), vec![], true, GithubApi::Silent, false),
        (good, vec![], true, GithubApi::Answers, false),
        (good, vec![budget(0), budget(1)], true, GithubApi::Answers, false),
        (good, vec![budget(0), budget(0)], true, GithubApi::Exhausted, false),
        (
            failing(MINUTE, MINUTE),
            vec![budget(9)],
            true,
            GithubApi::Unreachable { over: Duration::ZERO },
            false,
        ),
        (failing(MINUTE, 5 * MINUTE), vec![], true, GithubApi::Unreachable { over: 4 * MINUTE }, false),
        (failing(MINUTE, 6 * MINUTE), vec![], true, GithubApi::Unreachable { over: 5 * MINUTE }, true),
        (refused(MINUTE, 2 * MINUTE), vec![], true, GithubApi::KeysRefused { over: MINUTE }, false),
        (refused(MINUTE, 9 * MINUTE), vec![], true, GithubApi::KeysRefused { over: 8 * MINUTE }, true),
    ] {
        let found = GithubApi::judge(&contact, &budgets, asked);
        assert_eq!((found, found.is_out()), (expected, out), "{contact:?}");
    }
}

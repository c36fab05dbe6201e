use std::collections::{BTreeMap, BTreeSet};

use cutover_shared::ids::{LinkKey, ProjectId};
use proptest::prelude::*;

use super::*;
use crate::mapping::index::{AccountType, Installation, Listed, Selection};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

/// Installation 7 of `acme` lists `acme/r0` to `acme/r9` with the ids 100 to 109.
fn index() -> IndexView {
    let acme = Installation {
        id: InstallationId(7),
        account_id: AccountId(70),
        account_login: "acme".to_owned(),
        account_type: AccountType::Organization,
        selection: Selection::All,
        suspended: false,
    };
    let rows = (0..10).map(|n| Listed {
        repo_id: RepoId(100 + n),
        installation: InstallationId(7),
        full_name: format!("acme/r{n}"),
        owner_id: AccountId(70),
        owner_login: "acme".to_owned(),
        created_at: Some(1),
        private: true,
        fork: false,
    });
    IndexView::build([acme], rows, [])
}

fn link(project: &str, name: &str, token: Option<&str>, commit: bool) -> Link {
    let project = ProjectId::from(project);
    Link {
        key: LinkKey::new(&project, name),
        project,
        tenant: "t1".into(),
        repo_full_name: name.to_owned(),
        repo_id: None,
        owner_id: None,
        owner_login: None,
        token: token.map(str::to_owned),
        imported_commit_sha: commit.then(|| SHA.to_owned()),
        imported_tree_sha: None,
        imported_at: None,
        import_method: None,
    }
}

/// Plays GitHub: tokens in `dead` are dead, others read every listed name; every commit is there.
fn github(ask: &ProbeAsk, dead: &[&str]) -> ProbeAnswer {
    match (&ask.credential, &ask.question) {
        (CredentialRef::User(token), _) if dead.contains(&token.as_str()) => ProbeAnswer::CredentialDead,
        (_, Question::ReadRepo { full_name }) => match full_name.strip_prefix("acme/r") {
            Some(n) if n.len() == 1 => ProbeAnswer::Repo {
                repo_id: RepoId(100 + n.parse::<i64>().unwrap()),
                full_name: full_name.clone(),
                owner_id: AccountId(70),
                owner_login: "acme".to_owned(),
                moved: false,
                created_at: Some(1),
            },
            _ => ProbeAnswer::NotFound,
        },
        (_, Question::ResolveCommit { .. }) => ProbeAnswer::Commit { tree_sha: SHA.to_owned() },
    }
}

/// Plays a whole plan; what was asked, round by round.
fn play(
    links: &[Link],
    index: &IndexView,
    answers: Answers,
    dead: &[&str],
) -> (Vec<Vec<Questioned>>, Answers, ProbeTally) {
    let mut plan = ProbePlan::new(links, index, answers);
    let mut rounds = Vec::new();
    loop {
        let round = plan.next_round(usize::MAX);
        if round.is_empty() {
            let (answers, tally) = plan.finish();
            return (rounds, answers, tally);
        }
        for questioned in &round {
            plan.answer(questioned.ask.clone(), github(&questioned.ask, dead));
        }
        rounds.push(round);
    }
}

#[test]
fn a_dead_token_costs_one_question_and_its_other_links_ask_for_their_commit() {
    let index = index();
    let mut links: Vec<Link> = (0..5).map(|n| link("p", &format!("acme/r{n}"), Some("f1"), true)).collect();
    links.push(link("p", "nobody/x", Some("f1"), false));
    let (rounds, answers, tally) = play(&links, &index, Answers::default(), &["f1"]);
    // The one that has no commit to fall back on finds out about the token.
    assert_eq!(rounds[0].len(), 1);
    assert_eq!(rounds[0][0].ask, ProbeAsk::read_repo("f1", "nobody/x"));
    assert_eq!(rounds[1].len(), 5);
    assert!(rounds[1].iter().all(|q| matches!(q.ask.question, Question::ResolveCommit { .. })));
    assert_eq!(rounds.len(), 2);
    assert_eq!(tally, ProbeTally { made: 6, stored: 0, owed: 0 });
    let user = CredentialRef::User("f1".to_owned());
    assert_eq!(answers.credential(&user), CredentialState::Dead);
}

#[test]
fn the_link_whose_question_found_the_token_dead_is_owed_its_commit() {
    let index = index();
    let links = [link("p", "acme/r1", Some("f1"), true), link("p", "acme/r2", Some("f1"), true)];
    let (_, answers, tally) = play(&links, &index, Answers::default(), &["f1"]);
    assert_eq!(tally, ProbeTally { made: 2, stored: 0, owed: 1 });
    // The next plan asks what is owed, and then nothing is left.
    let (rounds, answers, tally) = play(&links, &index, answers, &["f1"]);
    assert_eq!((rounds.len(), tally), (1, ProbeTally { made: 1, stored: 2, owed: 0 }));
    assert!(play(&links, &index, answers, &["f1"]).0.is_empty());
}

#[test]
fn a_live_token_reads_all_of_its_names_after_the_first_and_equal_questions_are_asked_once() {
    let index = index();
    let mut links: Vec<Link> = (0..5).map(|n| link("p", &format!("acme/r{n}"), Some("f1"), false)).collect();
    links.push(link("q", "Acme/R3", Some("f1"), false));
    let (rounds, _, tally) = play(&links, &index, Answers::default(), &[]);
    assert_eq!(rounds.iter().map(Vec::len).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(tally.made, 5, "six links, five repositories");
}

#[test]
fn an_outage_ends_after_two_rounds_and_leaves_the_rest_owed() {
    let index = index();
    let links: Vec<Link> = (0..9).map(|n| link("p", &format!("acme/r{n}"), Some("f1"), false)).collect();
    let mut plan = ProbePlan::new(&links, &index, Answers::default());
    let mut asked = 0;
    loop {
        let round = plan.next_round(usize::MAX);
        if round.is_empty() {
            break;
        }
        for questioned in round {
            asked += 1;
            plan.answer(questioned.ask, ProbeAnswer::Unreachable("time-out".to_owned()));
        }
    }
    assert_eq!(asked, 2);
    assert_eq!(plan.finish().1.owed, 9);
}

#[test]
fn a_budget_cuts_a_round_and_what_helps_most_comes_first() {
    let index = index();
    let links = [
        link("p", "acme/r1", None, true),
        link("p", "acme/r2", None, true),
        link("q", "acme/r2", None, true),
    ];
    let mut plan = ProbePlan::new(&links, &index, Answers::default());
    let round = plan.next_round(1);
    assert_eq!(round.len(), 1);
    assert_eq!(round[0].links, [links[1].key.clone(), links[2].key.clone()]);
    assert_eq!(plan.next_round(0), []);
    assert_eq!(plan.next_round(5).len(), 1, "what a budget cut off was not spent");
    assert_eq!(plan.next_round(5), []);
    assert_eq!(plan.finish().1, ProbeTally { made: 0, stored: 0, owed: 3 });
}

#[test]
fn keys_are_stable_and_told_apart() {
    let ask = ProbeAsk::read_repo("f1", "Acme/Site");
    assert_eq!(ask.key(), "user f1 read acme/site");
    let commit = ProbeAsk::resolve_commit(InstallationId(7), "Acme/Site", "ABCDEF");
    assert_eq!(commit.key(), "installation 7 commit acme/site abcdef");
    assert_eq!(ProbeAsk::from_key("user f1 read"), None);
    assert_eq!(ProbeAsk::from_key("user f%31 read a/b"), None, "only the one way to write it");
    assert_eq!(ProbeAsk::from_key("user f%é read a/b"), None);
}

#[test]
fn answers_are_stored_in_one_form() {
    let repo = github(&ProbeAsk::read_repo("f", "acme/r1"), &[]);
    assert_eq!(
        repo.canonical(),
        r#"{"repo":{"repo_id":101,"full_name":"acme/r1","owner_id":70,"owner_login":"acme","moved":false,"created_at":1}}"#
    );
    assert_eq!(ProbeAnswer::NotFound.canonical(), r#""not_found""#);
    for answer in [repo, ProbeAnswer::CredentialDead, ProbeAnswer::Unreachable("é".to_owned())] {
        assert_eq!(serde_json::from_str::<ProbeAnswer>(&answer.canonical()).unwrap(), answer);
    }
}

#[test]
fn a_token_is_alive_again_only_when_no_answer_says_dead() {
    let user = CredentialRef::User("f".to_owned());
    let (one, two) = (ProbeAsk::read_repo("f", "a/b"), ProbeAsk::read_repo("f", "a/c"));
    let mut answers = Answers::default();
    answers.insert(one.clone(), ProbeAnswer::CredentialDead);
    answers.insert(two.clone(), ProbeAnswer::CredentialDead);
    answers.insert(one, ProbeAnswer::NotFound);
    assert_eq!(answers.credential(&user), CredentialState::Dead);
    answers.insert(two, ProbeAnswer::NotFound);
    assert_eq!(answers.credential(&user), CredentialState::Alive);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_key_leads_back_to_its_ask(
        fingerprint in any::<String>(), name in any::<String>(), sha in any::<String>(), id in any::<i64>()
    ) {
        for ask in [
            ProbeAsk::read_repo(&fingerprint, &name),
            ProbeAsk::resolve_commit(InstallationId(id), &name, &sha),
        ] {
            prop_assert_eq!(ProbeAsk::from_key(&ask.key()), Some(ask.clone()));
            prop_assert!(!ask.key().contains(['\n', '\t']));
        }
        let _ = ProbeAsk::from_key(&name);
    }

    #[test]
    fn no_link_is_asked_about_twice_and_no_dead_token_is_asked_twice(
        specs in proptest::collection::vec((0..12_u8, proptest::option::of(0..4_u8), any::<bool>()), 0..40),
        dead in proptest::collection::btree_set(0..4_u8, 0..4),
    ) {
        let index = index();
        let links: Vec<Link> = specs
            .iter()
            .enumerate()
            .map(|(at, (n, token, commit))| {
                let token = token.map(|token| format!("f{token}"));
                link(&format!("p{at}"), &format!("acme/r{n}"), token.as_deref(), *commit)
            })
            .collect();
        let dead: Vec<String> = dead.iter().map(|token| format!("f{token}")).collect();
        let dead: Vec<&str> = dead.iter().map(String::as_str).collect();
        let (rounds, answers, tally) = play(&links, &index, Answers::default(), &dead);

        let mut about = BTreeMap::new();
        let mut asks = BTreeSet::new();
        for questioned in rounds.iter().flatten() {
            prop_assert!(asks.insert(questioned.ask.key()), "asked twice: {}", questioned.ask.key());
            for key in &questioned.links {
                *about.entry(key.clone()).or_insert(0) += 1;
            }
        }
        prop_assert!(about.values().all(|times| *times == 1), "a link had two questions");
        for token in &dead {
            let credential = CredentialRef::User((*token).to_owned());
            let asked = rounds.iter().flatten().filter(|q| q.ask.credential == credential).count();
            prop_assert!(asked <= 1, "a dead token was asked {asked} times");
        }
        prop_assert!(rounds.len() <= 3);
        let owed = links.iter().filter(|link| wanted(link, &index, &answers).is_some()).count();
        prop_assert_eq!(tally.owed, count_of(owed));
        prop_assert_eq!(tally.made, count_of(asks.len()));

        // The order in which links come does not matter.
        let mut backwards = links.clone();
        backwards.reverse();
        prop_assert_eq!(play(&backwards, &index, Answers::default(), &dead).0, rounds);
    }
}

fn count_of(number: usize) -> u64 {
    u64::try_from(number).unwrap()
}

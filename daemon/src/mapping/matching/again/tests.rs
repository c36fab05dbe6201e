use cutover_shared::ids::{AccountId, InstallationId, LinkKey, ProjectId, RepoId};
use proptest::prelude::*;

use super::*;
use crate::mapping::index::{AccountType, Installation, Listed, Selection};
use crate::mapping::probe::{ProbeAnswer, ProbeAsk};

const NAMES: [&str; 3] = ["acme/site", "acme/shop", "zeta/site"];

fn context() -> Context {
    Context::new("https://github.example", "cutover")
}

fn installation(id: i64, account: i64, login: &str) -> Installation {
    Installation {
        id: InstallationId(id),
        account_id: AccountId(account),
        account_login: login.to_owned(),
        account_type: AccountType::Organization,
        selection: Selection::Selected,
        suspended: false,
    }
}

fn row(repo: i64, of: &Installation, name: &str) -> Listed {
    Listed {
        repo_id: RepoId(repo),
        installation: of.id,
        full_name: name.to_owned(),
        owner_id: of.account_id,
        owner_login: of.account_login.clone(),
        created_at: Some(1),
        private: true,
        fork: false,
    }
}

fn link(repo: Option<i64>, name: &str) -> Link {
    let project = ProjectId::from("p1");
    Link {
        key: LinkKey::new(&project, name),
        project,
        tenant: "t1".into(),
        repo_full_name: name.to_owned(),
        repo_id: repo.map(RepoId),
        owner_id: Some(AccountId(70)),
        owner_login: None,
        token: Some("f1".to_owned()),
        imported_commit_sha: None,
        imported_tree_sha: None,
        imported_at: Some(5),
        import_method: None,
    }
}

fn reads(id: i64, name: &str) -> Answers {
    let answer = ProbeAnswer::Repo {
        repo_id: RepoId(id),
        full_name: name.to_owned(),
        owner_id: AccountId(70),
        owner_login: "acme".to_owned(),
        moved: false,
        created_at: Some(1),
    };
    [(ProbeAsk::read_repo("f1", name), answer)].into_iter().collect()
}

fn again(link: &Link, held: &Mapping, index: &IndexView, answers: &Answers, auto: Option<u8>) -> Mapping {
    judge_again(link, held, index, answers, &context(), auto, false)
}

#[test]
fn a_grant_maps_only_where_that_is_switched_on() {
    let acme = installation(7, 70, "acme");
    let (link, none) = (link(Some(1), "acme/site"), Answers::default());
    let before = IndexView::build([acme.clone()], [], []);
    let held = judge(&link, &before, &none, &context());
    assert_eq!((held.status, held.reason), (MappingStatus::Pending, Reason::NotGranted));
    let granted = IndexView::build([acme.clone()], [row(1, &acme, "acme/site")], []);
    let off = again(&link, &held, &granted, &none, None);
    assert_eq!(
        (off.status, off.reason, off.installation),
        (MappingStatus::Pending, Reason::ReadyToMap, None)
    );
    assert_eq!(off.evidence.considered, Some(InstallationId(7)));
    assert!(off.next_steps.contains("would be mapped to installation 7"), "{}", off.next_steps);
    assert_eq!(again(&link, &off, &granted, &none, None), off, "the second time changes nothing");
    let on = again(&link, &off, &granted, &none, Some(100));
    assert_eq!((on.status, on.installation), (MappingStatus::Mapped, Some(InstallationId(7))));
    // And back again when it is taken away.
    let taken = again(&link, &on, &before, &none, Some(100));
    assert_eq!(
        (taken.status, taken.reason, taken.installation),
        (MappingStatus::Pending, Reason::NotGranted, None)
    );
}

#[test]
fn less_than_the_configured_confidence_waits_for_a_plan() {
    let acme = installation(7, 70, "acme");
    let link = link(None, "acme/site");
    let granted = IndexView::build([acme.clone()], [row(1, &acme, "acme/site")], []);
    let answers = reads(1, "acme/site");
    let held = judge(&link, &IndexView::default(), &answers, &context());
    assert_eq!(again(&link, &held, &granted, &answers, Some(100)).reason, Reason::ReadyToMap, "98 %");
    assert_eq!(again(&link, &held, &granted, &answers, Some(98)).reason, Reason::TokenRead);
    assert_eq!(again(&link, &held, &granted, &answers, Some(0)).reason, Reason::TokenRead);
}

#[test]
fn a_renamed_repository_that_was_proven_stays_mapped() {
    let acme = installation(7, 70, "acme");
    let link = link(None, "acme/site");
    let listed = IndexView::build([acme.clone()], [row(1, &acme, "acme/site")], []);
    let held = judge(&link, &listed, &reads(1, "acme/site"), &context());
    assert_eq!(held.reason, Reason::TokenRead);
    let renamed = IndexView::build([acme.clone()], [row(1, &acme, "acme/new")], []);
    // The stored answer was forgotten by a plan that asks again; nothing but the name is left.
    let kept = again(&link, &held, &renamed, &Answers::default(), None);
    assert_eq!((kept.status, kept.installation), (MappingStatus::Mapped, Some(InstallationId(7))));
    assert_eq!(kept.evidence.current_name.as_deref(), Some("acme/new"));
    assert_eq!(again(&link, &kept, &renamed, &Answers::default(), None), kept);
    let void = judge_again(&link, &held, &listed, &Answers::default(), &context(), Some(90), true);
    assert_eq!(
        (void.status, void.reason),
        (MappingStatus::Pending, Reason::ProbeOwed),
        "read while it was public"
    );
}

#[test]
fn a_repository_that_moved_to_another_installation_is_mapped_anew() {
    let (acme, zeta) = (installation(7, 70, "acme"), installation(8, 80, "zeta"));
    let (link, none) = (link(Some(1), "acme/site"), Answers::default());
    let first = IndexView::build([acme.clone(), zeta.clone()], [row(1, &acme, "acme/site")], []);
    let held = judge(&link, &first, &none, &context());
    let moved = IndexView::build([acme, zeta.clone()], [row(1, &zeta, "zeta/site")], []);
    assert_eq!(again(&link, &held, &moved, &none, None).reason, Reason::ReadyToMap);
    assert_eq!(again(&link, &held, &moved, &none, Some(100)).installation, Some(InstallationId(8)));
}

fn world() -> impl Strategy<Value = IndexView> {
    let installations = [installation(7, 70, "acme"), installation(8, 80, "zeta")];
    let suspended = proptest::collection::vec(any::<bool>(), 2);
    let present = proptest::collection::vec(any::<bool>(), 2);
    let rows = proptest::collection::vec((1..4_i64, 0..2_usize, 0..NAMES.len()), 0..5);
    (suspended, present, rows).prop_map(move |(suspended, present, rows)| {
        let mine: Vec<Installation> = installations
            .iter()
            .zip(suspended.iter().zip(&present))
            .filter(|(_, (_, present))| **present)
            .map(|(one, (suspended, _))| Installation { suspended: *suspended, ..one.clone() })
            .collect();
        let rows: Vec<Listed> =
            rows.into_iter().map(|(id, at, name)| row(id, &installations[at], NAMES[name])).collect();
        IndexView::build(mine, rows, [])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_comes_in_whatever_order(
        worlds in proptest::collection::vec(world(), 1..5),
        repo in proptest::option::of(1..4_i64),
        name in 0..NAMES.len(),
        read in proptest::option::of(1..4_i64),
        auto in proptest::option::of(0..=100_u8),
    ) {
        let link = link(repo, NAMES[name]);
        let answers = read.map_or_else(Answers::default, |id| reads(id, NAMES[name]));
        let mut held = judge(&link, &worlds[0], &answers, &context());
        for world in &worlds {
            let next = again(&link, &held, world, &answers, auto);
            prop_assert_eq!(next.status == MappingStatus::Mapped, next.installation.is_some());
            prop_assert_eq!(&again(&link, &next, world, &answers, auto), &next, "twice is once");
            if let Some(id) = next.installation {
                prop_assert!(world.installation(id).is_some_and(|found| !found.suspended));
                prop_assert!(next.confidence >= MAPPED_FROM, "a name alone never maps");
                let stays = held.installation == next.installation && held.repo_id == next.repo_id;
                prop_assert!(stays || auto.is_some_and(|from| next.confidence >= from), "without a switch");
            }
            held = next;
        }
    }
}

//! What must hold in every world: small random ones, where ids, names, owners and answers collide often.

use proptest::prelude::*;

use super::*;
use crate::mapping::probe::CredentialRef;

const NAMES: [&str; 6] = ["acme/site", "Acme/Site", "zeta/site", "acme/shop", "zeta/fork", "no-slash"];

fn installation_strategy() -> impl Strategy<Value = Installation> {
    (1..5_i64, 1..4_i64, any::<bool>(), any::<bool>()).prop_map(|(id, account, selected, suspended)| {
        Installation {
            id: InstallationId(id),
            account_id: AccountId(account),
            account_login: ["acme", "zeta", "Acme"][usize::try_from(account - 1).unwrap()].to_owned(),
            account_type: AccountType::User,
            selection: if selected { Selection::Selected } else { Selection::All },
            suspended,
        }
    })
}

fn date() -> impl Strategy<Value = Option<i64>> {
    proptest::option::of(IMPORTED - 2..IMPORTED + 3)
}

fn listed_strategy() -> impl Strategy<Value = Listed> {
    (1..5_i64, 1..5_i64, 0..NAMES.len(), 1..4_i64, date(), any::<bool>()).prop_map(
        |(repo, installation, name, owner, created_at, fork)| Listed {
            repo_id: RepoId(repo),
            installation: InstallationId(installation),
            full_name: NAMES[name].to_owned(),
            owner_id: AccountId(owner),
            owner_login: "acme".to_owned(),
            created_at,
            private: false,
            fork,
        },
    )
}

fn link_strategy() -> impl Strategy<Value = Link> {
    let ids = (proptest::option::of(1..5_i64), proptest::option::of(1..4_i64), proptest::option::of(0..2_u8));
    (0..NAMES.len(), ids, any::<bool>(), any::<bool>(), date()).prop_map(
        |(name, (repo, owner, token), commit, tree, imported_at)| Link {
            repo_id: repo.map(RepoId),
            owner_id: owner.map(AccountId),
            token: token.map(|token| format!("f{token}")),
            imported_commit_sha: commit.then(|| SHA.to_owned()),
            imported_tree_sha: tree.then(|| TREE.to_owned()),
            imported_at,
            ..link(NAMES[name])
        },
    )
}

fn answer_strategy() -> impl Strategy<Value = ProbeAnswer> {
    let repo = (1..5_i64, 0..NAMES.len(), 1..4_i64, any::<bool>(), date()).prop_map(
        |(repo, name, owner, moved, created_at)| ProbeAnswer::Repo {
            repo_id: RepoId(repo),
            full_name: NAMES[name].to_owned(),
            owner_id: AccountId(owner),
            owner_login: "acme".to_owned(),
            moved,
            created_at,
        },
    );
    prop_oneof![
        3 => repo,
        1 => Just(ProbeAnswer::NotFound),
        1 => Just(ProbeAnswer::CredentialDead),
        2 => prop_oneof![Just(TREE), Just(SHA)].prop_map(|tree| ProbeAnswer::Commit { tree_sha: tree.to_owned() }),
        1 => Just(ProbeAnswer::Forbidden),
        1 => Just(ProbeAnswer::Unreachable("time-out".to_owned())),
    ]
}

fn ask_strategy() -> impl Strategy<Value = ProbeAsk> {
    (0..NAMES.len(), 1..5_i64, 0..2_u8, any::<bool>()).prop_map(|(name, installation, token, commit)| {
        if commit {
            ProbeAsk::resolve_commit(InstallationId(installation), NAMES[name], SHA)
        } else {
            ProbeAsk::read_repo(&format!("f{token}"), NAMES[name])
        }
    })
}

#[derive(Clone, Debug)]
pub struct World {
    pub installations: Vec<Installation>,
    pub rows: Vec<Listed>,
    pub requests: Vec<Requested>,
    pub answers: Vec<(ProbeAsk, ProbeAnswer)>,
}

impl World {
    fn index(&self) -> IndexView {
        IndexView::build(self.installations.clone(), self.rows.clone(), self.requests.clone())
    }

    fn answers(&self) -> Answers {
        self.answers.iter().cloned().collect()
    }
}

fn world() -> impl Strategy<Value = World> {
    let request = (1..4_i64, prop_oneof![Just("acme"), Just("zeta")])
        .prop_map(|(id, login)| Requested { account_id: AccountId(id), login: login.to_owned() });
    (
        proptest::collection::vec(installation_strategy(), 0..4),
        proptest::collection::vec(listed_strategy(), 0..6),
        proptest::collection::vec(request, 0..2),
        proptest::collection::hash_map(ask_strategy(), answer_strategy(), 0..8),
    )
        .prop_map(|(installations, mut rows, requests, answers)| World {
            // Most lists are true to their account; without that hardly a world would map anything.
            rows: {
                for row in rows.iter_mut().skip(1) {
                    let its = installations.iter().find(|installation| installation.id == row.installation);
                    row.owner_id = its.map_or(row.owner_id, |installation| installation.account_id);
                }
                rows
            },
            installations,
            requests,
            answers: answers.into_iter().collect(),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_verdict_keeps_the_promises(world in world(), link in link_strategy()) {
        let (index, answers) = (world.index(), world.answers());
        let mapping = judge(&link, &index, &answers, &context());
        let mapped = mapping.status == MappingStatus::Mapped;
        prop_assert_eq!(mapped, mapping.confidence >= MAPPED_FROM, "below 90 never maps");
        prop_assert_eq!(mapped, mapping.installation.is_some());
        prop_assert!((1..=11).contains(&mapping.evidence.rung));
        prop_assert!(mapping.confidence <= 100);
        prop_assert!(mapped == mapping.next_steps.is_empty() || mapping.reason == Reason::CommitFound);
        if let Some(id) = mapping.installation {
            let installation = index.installation(id).expect("of the index");
            prop_assert!(!installation.suspended, "a suspended installation never maps");
            let repo = mapping.repo_id.expect("a mapped repository has an id");
            if let Some(stored) = link.repo_id {
                prop_assert_eq!(repo, stored, "another id than the stored one never maps");
            }
            let live = world.rows.iter().filter(|row| {
                row.repo_id == repo
                    && index.installation(row.installation).is_some_and(|installation| !installation.suspended)
            });
            let claims: std::collections::BTreeSet<_> = live.map(|row| row.installation).collect();
            prop_assert_eq!(claims.into_iter().collect::<Vec<_>>(), vec![id], "listed there and only there");
        }
    }

    #[test]
    fn without_id_and_without_an_answer_nothing_maps(world in world(), link in link_strategy()) {
        let link = Link { repo_id: None, ..link };
        let mapping = judge(&link, &world.index(), &Answers::default(), &context());
        prop_assert_ne!(mapping.status, MappingStatus::Mapped, "a name alone never maps");
    }

    #[test]
    fn the_same_world_in_any_order_gives_the_same_bytes(
        world in world(), links in proptest::collection::vec(link_strategy(), 1..6), turn in 0..6_usize
    ) {
        let mut other = world.clone();
        other.installations.reverse();
        let turn_by = |len: usize| if len == 0 { 0 } else { turn % len };
        let by = turn_by(other.rows.len());
        other.rows.rotate_left(by);
        let by = turn_by(other.answers.len());
        other.answers.rotate_left(by);
        other.requests.reverse();
        let text = |world: &World, link: &Link| {
            serde_json::to_string(&judge(link, &world.index(), &world.answers(), &context())).unwrap()
        };
        for link in &links {
            prop_assert_eq!(text(&world, link), text(&other, link));
        }
    }

    #[test]
    fn what_is_wanted_is_unanswered_and_only_for_what_is_not_mapped(world in world(), link in link_strategy()) {
        let (index, answers) = (world.index(), world.answers());
        if let Some(ask) = wanted(&link, &index, &answers) {
            let told = answers.get(&ask).is_none_or(|answer| {
                matches!(answer, ProbeAnswer::Unreachable(_))
                    || matches!(ask.credential, CredentialRef::Installation(_))
                        && matches!(answer, ProbeAnswer::CredentialDead | ProbeAnswer::Repo { .. })
                    || matches!(ask.credential, CredentialRef::User(_))
                        && matches!(answer, ProbeAnswer::Commit { .. })
            });
            prop_assert!(told, "{ask:?} is answered already");
            let mapping = judge(&link, &index, &answers, &context());
            prop_assert_ne!(mapping.status, MappingStatus::Mapped);
            prop_assert_ne!(mapping.status, MappingStatus::Unmappable);
        }
    }

    #[test]
    fn no_text_of_a_catalog_makes_it_panic(name in any::<String>(), login in any::<String>(), sha in any::<String>()) {
        let acme = all(7, 70, "acme");
        let index = IndexView::build([acme.clone()], [row(1, &acme, &name)], []);
        let link = Link {
            owner_login: Some(login.clone()),
            token: Some(sha.clone()),
            imported_commit_sha: Some(sha),
            repo_full_name: name,
            ..link("a/b")
        };
        let mapping = judge(&link, &index, &Answers::default(), &context());
        prop_assert_ne!(mapping.status, MappingStatus::Mapped);
    }
}

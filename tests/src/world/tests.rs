use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::objects::Object;
use super::*;

fn spec(tenants: usize, repos: usize) -> WorldSpec {
    WorldSpec { seed: 7, tenants, repos, installations: None }
}

fn git(folder: &Path, args: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("git")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn git_itself_gives_the_same_ids() {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q"], b"");
    let history = [Segment { key: 42, commits: 2 }, Segment { key: 99, commits: 1 }];
    let mut parent = None;
    for index in 0..3 {
        let found = objects::snapshot(7, &history, index).unwrap();
        let mut listing = Vec::new();
        for entry in &found.entries {
            let Object::Blob(bytes) = &entry.object else {
                continue;
            };
            let id = git(folder.path(), &["hash-object", "-w", "--stdin"], bytes);
            assert_eq!(id, entry.sha.to_string());
            listing.push(format!("{} {id}\t{}", entry.mode, entry.path));
        }
        git(folder.path(), &["read-tree", "--empty"], b"");
        let listing = listing.join("\n") + "\n";
        git(folder.path(), &["update-index", "--index-info"], listing.as_bytes());
        let tree = git(folder.path(), &["write-tree"], b"");
        assert_eq!(tree, found.commit.tree.to_string());
        assert_eq!(found.commit.parent, parent);
        parent = Some(found.commit.sha);

        let parent_line = found.commit.parent.map_or_else(String::new, |sha| format!("parent {sha}\n"));
        let who = format!("Robin Doe <robin@example.com> {} +0000", found.commit.time);
        let body =
            format!("tree {tree}\n{parent_line}author {who}\ncommitter {who}\n\n{}\n", found.commit.message);
        let id = git(folder.path(), &["hash-object", "-w", "-t", "commit", "--stdin"], body.as_bytes());
        assert_eq!(id, found.commit.sha.to_string());

        // Folders too, in the order of `git ls-tree`.
        let listed = git(folder.path(), &["-c", "core.quotePath=false", "ls-tree", "-r", "-t", &id], b"");
        let ours: Vec<_> =
            found.entries.iter().map(|entry| format!("{}\t{}", entry.sha, entry.path)).collect();
        let theirs: Vec<_> =
            listed.lines().map(|line| line.splitn(3, ' ').nth(2).unwrap().to_owned()).collect();
        assert_eq!(ours, theirs);
    }
    assert_eq!(objects::snapshot(7, &history, 3), None);
}

#[test]
fn the_same_spec_makes_the_same_world() {
    let made = World::generate(&spec(5, 300)).unwrap();
    let again = World::generate(&spec(5, 300)).unwrap();
    assert_eq!(made.catalog, again.catalog);
    assert_eq!(made.world.repos, again.world.repos);
    assert_eq!(made.world.installations, again.world.installations);
    let other = World::generate(&WorldSpec { seed: 8, ..spec(5, 300) });
    assert_ne!(made.catalog.rows, other.unwrap().catalog.rows);
}

#[test]
fn the_demo_world_has_every_case_and_rung() {
    let made = World::generate(&spec(50, 2_000)).unwrap();
    let cases: BTreeSet<_> = made.catalog.cases.iter().copied().collect();
    assert_eq!(cases, Case::ALL.iter().copied().collect());
    let rungs: BTreeSet<_> = made.catalog.truths.iter().map(|truth| truth.rung).collect();
    assert_eq!(rungs, (1..=11).collect());
    assert_eq!(made.catalog.rows.len(), 2_000);
    assert_eq!(made.world.installation_count(), 50);

    let tenants: BTreeSet<_> = made.catalog.rows.iter().map(|row| &row.tenant_id).collect();
    assert_eq!(tenants.len(), 50);
    let mut projects: BTreeMap<_, usize> = BTreeMap::new();
    let mut tokens: BTreeMap<_, usize> = BTreeMap::new();
    for row in &made.catalog.rows {
        *projects.entry(&row.project_id).or_default() += 1;
        if let Some(token) = &row.github_access_token {
            *tokens.entry(token).or_default() += 1;
        }
    }
    assert!(projects.values().any(|rows| *rows > 1));
    assert!(tokens.values().any(|rows| *rows > 10));
    let mapped = made.catalog.truths.iter();
    let mapped = mapped.filter(|truth| truth.status == Status::Mapped);
    assert!((1_400..1_700).contains(&mapped.count()));
    let largest = made.world.installations();
    let largest = largest.map(|i| made.world.granted(i).len()).max();
    assert!(largest.unwrap() > 100, "one list has a second page");
}

#[test]
fn the_truths_agree_with_the_world() {
    let made = World::generate(&spec(20, 1_500)).unwrap();
    let world = &made.world;
    for (n, row) in made.catalog.rows.iter().enumerate() {
        let (truth, case) = (made.catalog.truths[n], made.catalog.cases[n]);
        let place = format!("{case:?} {row:?} {truth:?}");
        assert_eq!(truth.installation_id.is_some(), truth.status == Status::Mapped, "{place}");
        let (login, name) = row.repo_full_name.split_once('/').unwrap();
        let named = world.find(login, name);
        let live = row.github_access_token.as_deref();
        let live = live.and_then(|token| world.user_token(token));
        let listed = |id: i64| {
            world
                .installations()
                .any(|i| i.suspended_at.is_none() && world.repo(id).is_some_and(|r| world.grants(i, r)))
        };
        if let Some(on) = truth.installation_id {
            let repo = world.repo(truth.repo_id.unwrap()).unwrap();
            let on = world.installation(on).unwrap();
            assert!(on.suspended_at.is_none() && world.grants(on, repo), "{place}");
        }
        let right = match truth.rung {
            1 => named.is_some_and(|n| matches!(n, Named::Here(r) if Some(r.id) == row.repo_id)),
            2 => {
                listed(row.repo_id.unwrap())
                    && !named.is_some_and(|n| matches!(n, Named::Here(r) if Some(r.id) == row.repo_id))
            }
            3 => row.repo_id.is_none() && live.is_some() && named.is_some(),
            4 => {
                matches!(named, Some(Named::Moved(r))
                    if Some(r.id) == row.repo_id && !listed(r.id) && world.user_sees(live.unwrap().user, r))
            }
            5 => {
                let Some(Named::Here(repo)) = named else { panic!("{place}") };
                live.is_none()
                    && row.repo_id.is_none()
                    && world.commits(repo).iter().any(|c| Some(c.sha.to_string()) == row.imported_commit_sha)
            }
            6 => live.is_none() && row.imported_commit_sha.is_none(),
            7 => matches!(named, Some(Named::Here(r)) if Some(r.id) != row.repo_id && listed(r.id)),
            8 => truth.repo_id.is_some_and(|id| {
                let owner = world.repo(id).unwrap().owner;
                !listed(id) && world.installation_on(owner).is_some_and(|i| i.suspended_at.is_none())
            }),
            9 | 10 => truth.repo_id.is_some_and(|id| !listed(id)),
            11 => named.is_none() && row.repo_id.is_none_or(|id| world.repo(id).is_none()),
            _ => false,
        };
        assert!(right, "{place}");
    }
}

#[test]
fn no_size_is_too_small() {
    for tenants in 0..4 {
        for repos in [0, 1, 2, 5, 60] {
            for installations in [None, Some(0), Some(1), Some(2), Some(3), Some(7)] {
                let made = World::generate(&WorldSpec { seed: 1, tenants, repos, installations });
                assert_eq!(made.unwrap().catalog.rows.len(), repos);
            }
        }
    }
}

#[test]
fn csv_and_json_lines_say_the_same() {
    let made = World::generate(&spec(3, 40)).unwrap();
    let csv = made.catalog.csv().unwrap();
    let back: Vec<CatalogRow> =
        csv::Reader::from_reader(csv.as_bytes()).deserialize().collect::<Result<_, _>>().unwrap();
    assert_eq!(back, made.catalog.rows);
    let lines = made.catalog.jsonl().unwrap();
    let back: Vec<CatalogRow> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(back, made.catalog.rows);
    assert!(Catalog::default().csv().unwrap().starts_with("projectId,tenantId,repoFullName,repoId,"));
}

#[test]
fn a_redirect_ends_when_somebody_claims_the_name() {
    let mut world = World::empty(1);
    let acme = world.add_account("Acme", AccountKind::Organization).unwrap();
    let new =
        |name: &str| NewRepo { owner: acme, name: name.to_owned(), private: true, created_at: 0, commits: 1 };
    let first = world.add_repo(new("One")).unwrap();
    world.rename_repo(first, "Two", 1).unwrap();
    world.rename_repo(first, "Three", 2).unwrap();
    assert!(matches!(world.find("ACME", "one"), Some(Named::Moved(r)) if r.id == first));
    assert!(matches!(world.find("acme", "THREE"), Some(Named::Here(r)) if r.id == first));
    let second = world.add_repo(new("one")).unwrap();
    assert_ne!(first, second);
    assert!(matches!(world.find("acme", "One"), Some(Named::Here(r)) if r.id == second));
    world.delete_repo(second).unwrap();
    assert_eq!(world.find("acme", "one"), None);
    world.rename_account(acme, "Umbrella").unwrap();
    assert!(matches!(world.find("acme", "three"), Some(Named::Moved(r)) if r.id == first));
    assert!(matches!(world.find("acme", "two"), Some(Named::Moved(r)) if r.id == first));
    world.add_account("acme", AccountKind::User).unwrap();
    assert_eq!(world.find("acme", "three"), None);
}

#[test]
fn a_transfer_loses_a_selected_grant_for_good() {
    let mut world = World::empty(1);
    let from = world.add_account("from", AccountKind::Organization).unwrap();
    let to = world.add_account("to", AccountKind::Organization).unwrap();
    let new = NewRepo { owner: from, name: "thing".to_owned(), private: true, created_at: 0, commits: 1 };
    let repo = world.add_repo(new).unwrap();
    let on = world.install(from, Selection::of([repo]), 0).unwrap();
    let granted = |world: &World| world.granted(world.installation(on).unwrap()).len();
    assert_eq!(granted(&world), 1);
    world.transfer_repo(repo, to, 1).unwrap();
    world.transfer_repo(repo, from, 2).unwrap();
    assert_eq!(granted(&world), 0);
}

#[test]
fn a_fork_shares_commits_but_no_id() {
    let mut world = World::empty(1);
    let [up, down] = ["up", "down"].map(|name| world.add_account(name, AccountKind::User).unwrap());
    let new = NewRepo { owner: up, name: "tool".to_owned(), private: false, created_at: 0, commits: 2 };
    let parent = world.add_repo(new).unwrap();
    let fork = world.fork(parent, down, 5).unwrap();
    let commits = |world: &World, id| world.commits(world.repo(id).unwrap());
    assert_ne!(parent, fork);
    assert_eq!(commits(&world, parent), commits(&world, fork));
    let (ours, theirs) = (world.push(fork).unwrap(), world.push(parent).unwrap());
    assert_ne!(ours, theirs);
    assert_eq!(commits(&world, fork)[..2], commits(&world, parent)[..2]);
}

use super::*;

fn installation(id: i64, account: i64, login: &str) -> Installation {
    Installation {
        id: InstallationId(id),
        account_id: AccountId(account),
        account_login: login.to_owned(),
        account_type: AccountType::Organization,
        selection: Selection::All,
        suspended: false,
    }
}

fn listed(repo: i64, installation: i64, name: &str, owner: i64) -> Listed {
    Listed {
        repo_id: RepoId(repo),
        installation: InstallationId(installation),
        full_name: name.to_owned(),
        owner_id: AccountId(owner),
        owner_login: name.split('/').next().unwrap().to_owned(),
        created_at: Some(1_500_000_000_000),
        private: true,
        fork: false,
    }
}

#[test]
fn a_repository_is_found_by_id_and_by_name_in_any_case() {
    let index = IndexView::build(
        [installation(7, 70, "Acme")],
        [listed(1, 7, "Acme/Site", 70), listed(2, 7, "Acme/Shop", 70)],
        [],
    );
    let Sighting::One(by_id) = index.repository(RepoId(2)) else { panic!("listed once") };
    assert_eq!((by_id.full_name, by_id.installation.id), ("Acme/Shop", InstallationId(7)));
    let Sighting::One(by_name) = index.name("aCME/site") else { panic!("listed once") };
    assert_eq!((by_name.repo_id, by_name.owner_login), (RepoId(1), "Acme"));
    assert!(matches!(index.name("acme/sit"), Sighting::Nowhere));
    assert!(matches!(index.repository(RepoId(3)), Sighting::Nowhere));
}

#[test]
fn two_live_installations_that_list_one_id_are_several_whatever_came_first() {
    let installations = [installation(7, 70, "acme"), installation(8, 80, "zeta")];
    let mut rows = vec![listed(1, 7, "acme/site", 70), listed(1, 8, "zeta/site", 80)];
    for _ in 0..2 {
        let index = IndexView::build(installations.clone(), rows.clone(), []);
        let Sighting::Several(found) = index.repository(RepoId(1)) else { panic!("two claim it") };
        let ids: Vec<_> = found.iter().map(|listed| listed.installation.id.0).collect();
        assert_eq!(ids, [7, 8]);
        rows.reverse();
    }
}

#[test]
fn a_suspended_listing_counts_only_where_no_other_is() {
    let asleep = Installation { suspended: true, ..installation(6, 60, "old") };
    let index = IndexView::build(
        [asleep, installation(7, 70, "acme")],
        [listed(1, 6, "old/site", 60), listed(1, 7, "acme/site", 70), listed(2, 6, "old/x", 60)],
        [],
    );
    assert!(
        matches!(index.repository(RepoId(1)), Sighting::One(found) if found.installation.id == InstallationId(7))
    );
    assert!(matches!(index.repository(RepoId(2)), Sighting::Suspended(_)));
    assert!(matches!(index.account(AccountId(60)), Standing::Suspended(_)));
}

#[test]
fn one_name_of_two_repositories_is_several() {
    let index = IndexView::build(
        [installation(7, 70, "acme")],
        [listed(1, 7, "acme/site", 70), listed(2, 7, "Acme/Site", 70)],
        [],
    );
    assert!(matches!(index.name("acme/site"), Sighting::Several(found) if found.len() == 2));
}

#[test]
fn a_row_without_its_installation_is_left_out_and_counted_and_a_repeated_row_taken_once() {
    let index = IndexView::build(
        [installation(7, 70, "acme")],
        [listed(1, 7, "acme/site", 70), listed(1, 7, "acme/site", 70), listed(2, 9, "gone/x", 90)],
        [],
    );
    assert_eq!((index.repositories(), index.orphans()), (1, 1));
}

#[test]
fn accounts_are_found_by_id_and_login_and_a_request_counts_less_than_an_installation() {
    let request =
        |account, login: &str| Requested { account_id: AccountId(account), login: login.to_owned() };
    let index = IndexView::build(
        [installation(7, 70, "Acme"), installation(8, 80, "twice"), installation(9, 80, "twice")],
        [],
        [request(70, "Acme"), request(90, "Waits")],
    );
    assert!(matches!(index.account(AccountId(70)), Standing::Installed(i) if i.id == InstallationId(7)));
    assert!(matches!(index.account(AccountId(90)), Standing::Requested(r) if r.login == "Waits"));
    assert!(matches!(index.account(AccountId(1)), Standing::Nothing));
    assert!(matches!(index.account(AccountId(80)), Standing::Several(ids) if ids.len() == 2));
    assert_eq!(index.accounts_named("aCmE"), [AccountId(70)]);
    assert_eq!(index.accounts_named("waits"), [AccountId(90)]);
    assert!(index.accounts_named("nobody").is_empty());
}

#[test]
fn a_hundred_and_twenty_thousand_repositories_stay_under_sixty_megabytes() {
    let installations = (0..2_000).map(|i| installation(i, 10_000 + i, &format!("organisation-{i}")));
    let rows = (0..120_000).map(|i| {
        let account = i % 2_000;
        listed(
            i,
            account,
            &format!("organisation-{account}/a-repository-with-a-long-name-{i}"),
            10_000 + account,
        )
    });
    let index = IndexView::build(installations, rows, []);
    assert_eq!(index.repositories(), 120_000);
    // 16 bytes for each text on top, which is what an allocator adds.
    let bytes = index.heap_bytes() + 16 * 130_000;
    assert!(bytes < 60_000_000, "{bytes} bytes");
}

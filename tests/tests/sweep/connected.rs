//! Who connected an installation that is gone, when GitHub's event never came.

use std::time::Duration;

use cutover_daemon::store::{
    IntegrationOp, IntegrationRow, IntegrationState, Lane, Learned, Op, Proof, Unit, Version,
};
use cutover_tests::github_sim::{Effect, Fault, RouteKind};
use cutover_tests::world::{AccountKind, Catalog, Selection, World};

use crate::house::{House, Life, START};

const SECOND: Duration = Duration::from_secs(1);

async fn house(accounts: usize) -> (House, Vec<i64>) {
    let mut world = World::empty(5);
    let made = (0..accounts)
        .map(|n| {
            let account = world.add_account(&format!("org-{n}"), AccountKind::Organization).unwrap();
            world.install(account, Selection::All, START - 500).unwrap()
        })
        .collect();
    (House::on(world, Catalog::default()).await, made)
}

impl Life {
    /// As the callback stores it.
    async fn connect(&self, user: &str, installation: i64, at: i64) {
        let row = IntegrationRow {
            id: format!("{user}-{installation}"),
            user: user.to_owned(),
            tenant: None,
            host: self.github.host_id().to_owned(),
            installation: Some(installation),
            account_login: Some("org".to_owned()),
            requester: None,
            setup_action: "install".to_owned(),
            proof: Proof::Code,
            state: IntegrationState::Active,
            created_at: at,
            callback_at: at,
            ended_at: None,
        };
        let bind = IntegrationOp::Bind(Box::new(row));
        self.db.write(Lane::Handler, Unit::new().with(bind)).await.unwrap();
    }

    async fn state(&self, user: &str, installation: i64) -> (IntegrationState, Option<i64>) {
        let row = self.db.integration(&format!("{user}-{installation}")).await.unwrap().unwrap();
        (row.state, row.ended_at)
    }
}

#[tokio::test]
async fn an_integration_ends_with_its_installation_and_no_other_does() {
    let (house, made) = house(3).await;
    let life = house.life("one").await;
    let now = || house.clock.now();
    for (user, on) in [("ana", made[0]), ("bob", made[0]), ("ana", made[1])] {
        life.connect(user, on, now()).await;
    }
    house.clock.advance(SECOND);
    life.sweeper.sweep().await.unwrap();
    assert_eq!(life.state("ana", made[0]).await.0, IntegrationState::Active);
    life.db
        .write(
            Lane::Handler,
            Unit::new().with(IntegrationOp::Revoke {
                id: format!("ana-{}", made[1]),
                user: "ana".to_owned(),
                at: now(),
            }),
        )
        .await
        .unwrap();

    house.sim.world().uninstall(made[0]).unwrap();
    house.sim.world().uninstall(made[1]).unwrap();
    // Never in an index of ours: connected after the last sweep, and uninstalled before this one.
    let late = made[2] + 1_000;
    life.connect("ana", late, now()).await;
    house.clock.advance(SECOND);
    // The daemon's own log of what it heard stays silent: no event came.
    life.sweeper.sweep().await.unwrap();
    for (user, on) in [("ana", made[0]), ("bob", made[0]), ("ana", late)] {
        let (state, ended) = life.state(user, on).await;
        assert_eq!(state, IntegrationState::Uninstalled, "{user} {on}");
        assert!(ended.is_some_and(|at| at >= START + 2_000), "{ended:?}");
    }
    assert_eq!(life.state("ana", made[1]).await.0, IntegrationState::Revoked, "it had ended before");
    life.connect("carl", made[2], now()).await;
    house.clock.advance(SECOND);
    life.sweeper.sweep().await.unwrap();
    assert_eq!(life.state("carl", made[2]).await, (IntegrationState::Active, None));
}

#[tokio::test]
async fn one_that_is_connected_while_the_list_is_read_is_left_to_the_next_sweep() {
    let (house, made) = house(2).await;
    let life = house.life("one").await;
    let (sim, gone) = (&house.sim, made[0]);
    sim.faults().add(Fault::on(RouteKind::ListInstallations, Effect::Latency(SECOND)));
    let meanwhile = async {
        house.until("the call that is held", || sim.faults().waiting() == 0).await;
        sim.world().uninstall(gone).unwrap();
        life.connect("ana", gone, house.clock.now() + 1).await;
        house.clock.advance(SECOND);
    };
    let (swept, ()) = house.pump(async { futures::join!(life.sweeper.sweep(), meanwhile) }).await;
    swept.unwrap();
    assert_eq!(life.state("ana", gone).await.0, IntegrationState::Active);
    house.clock.advance(SECOND);
    life.sweeper.sweep().await.unwrap();
    assert_eq!(life.state("ana", gone).await.0, IntegrationState::Uninstalled);
}

/// GitHub may refuse to know an installation for a moment after it told of it.
#[tokio::test]
async fn an_installation_that_an_event_told_of_since_keeps_its_integrations() {
    let (house, made) = house(1).await;
    let life = house.life("one").await;
    life.sweeper.sweep().await.unwrap();
    let on = made[0];
    life.connect("ana", on, house.clock.now()).await;
    let row = life.index().await.0.remove(0);
    house.clock.advance(SECOND);
    house.sim.world().uninstall(on).unwrap();
    house.sim.faults().add(Fault::on(RouteKind::GetInstallation, Effect::Latency(SECOND)));
    let meanwhile = async {
        house.until("the call that is held", || house.sim.faults().waiting() == 0).await;
        let version = Version { at: house.clock.now(), received: house.clock.now() };
        let fact = Learned::Seen { row, suspension: false, version };
        let host = life.github.host_id().to_owned();
        let op: Op =
            cutover_daemon::store::IndexOp::Learned { host, fact: Box::new(fact), at: version.at }.into();
        life.db.write(Lane::Handler, Unit::new().with_all([op])).await.unwrap();
        house.clock.advance(SECOND);
    };
    let (swept, ()) = house.pump(async { futures::join!(life.sweeper.sweep(), meanwhile) }).await;
    swept.unwrap();
    assert_eq!(life.state("ana", on).await.0, IntegrationState::Active);
}

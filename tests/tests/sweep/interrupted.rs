//! A sweep that ends anywhere goes on there.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_tests::github_sim::{Call, Effect, Fault, RouteKind};

use crate::house::House;

const HELD: Duration = Duration::from_secs(36_000);
const PARALLEL: usize = 4;

fn of_kind(log: &[Call], kind: RouteKind) -> Vec<&Call> {
    log.iter().filter(|call| call.kind == kind).collect()
}

#[tokio::test]
async fn a_sweep_dropped_at_any_call_goes_on_where_it_was() {
    let house = House::of(120, 1_500, 3).await;
    let whole = house.life("whole").await;
    whole.sweeper.sweep().await.unwrap();
    let calls = house.sim.calls();
    let total = calls.total();
    let pages = calls.count(RouteKind::InstallationRepositories);
    let wanted = whole.index().await;
    for (n, at) in [0, 1, 2, 3, 4, 9, 57, 120, 200, total - 1].into_iter().enumerate() {
        let store = format!("life-{n}");
        let first = house.life_with(&store, PARALLEL).await;
        calls.reset();
        house.sim.faults().clear();
        house.sim.faults().add(Fault::any(Effect::Latency(HELD)).after(u32::try_from(at).unwrap()).always());
        {
            let sweep = first.sweeper.sweep();
            let stuck = house.until("the call that hangs", || calls.total() > at && calls.in_flight() > 0);
            tokio::select! {
                done = sweep => panic!("the sweep ended before call {at}: {done:?}"),
                () = stuck => {}
            }
        }
        let answered: Vec<Call> = calls.log().into_iter().filter(|call| call.status != 0).collect();
        house.sim.faults().clear();
        // A mint goes on without whoever asked for it.
        house.clock.advance(HELD);
        house.until("the end of the calls", || calls.in_flight() == 0).await;
        // What the first life had handed in before it died is there: the writer is a task of its own.
        first.db.close().await;

        let second = house.life_with(&store, PARALLEL).await;
        let host = second.github.host_id();
        let open = second.db.sweep_open(host).await.unwrap();
        let owed: BTreeSet<i64> = match &open {
            Some(sweep) if sweep.state == "reading" => {
                let rows = second.db.installations_owed(host, &sweep.id, 10_000).await.unwrap();
                rows.into_iter().map(|row| row.id).collect()
            }
            _ => wanted.0.iter().map(|row| row.id).collect(),
        };
        calls.reset();
        second.sweeper.sweep().await.unwrap();
        assert_eq!(second.index().await, wanted, "dropped at call {at}");
        let view = second.db.index_view(host).await.unwrap();
        assert_eq!((view.epoch, view.sweeping), (1, None));

        let log = calls.log();
        let read = of_kind(&log, RouteKind::InstallationRepositories);
        assert!(
            read.iter().all(|call| owed.contains(&call.installation.unwrap())),
            "an installation that was read is not read again; dropped at call {at}"
        );
        let twice = of_kind(&answered, RouteKind::InstallationRepositories).len() + read.len();
        let largest = 4;
        assert!(
            twice <= usize::try_from(pages).unwrap() + PARALLEL * largest,
            "dropped at call {at}: {twice} pages in two lives, {pages} in one"
        );
        let listed = of_kind(&answered, RouteKind::ListInstallations).len();
        let listed_again = of_kind(&log, RouteKind::ListInstallations).len();
        assert_eq!(
            listed + listed_again,
            2,
            "dropped at call {at}: {listed} and {listed_again} pages of two"
        );
        if at > 120 {
            assert!(owed.len() < wanted.0.len(), "dropped at call {at}: nothing was kept");
        }
    }
}

#[tokio::test]
async fn an_outage_ends_a_sweep_with_its_cause_and_the_next_one_goes_on() {
    let house = House::of(8, 200, 6).await;
    let life = house.life_with("one", 1).await;
    house.sim.faults().add(Fault::status(RouteKind::InstallationRepositories, 502).after(3).always());
    let error = house.pump(life.sweeper.sweep()).await.unwrap_err();
    assert!(error.to_string().contains("the repositories of installation"), "{error}");
    let host = life.github.host_id();
    let (read, known) = life.db.index_view(host).await.unwrap().sweeping.unwrap();
    assert!((3..known).contains(&read), "{read} of {known}");
    assert_eq!(house.sim.calls().counts().by_status[&502], 4, "no other installation was tried");
    house.sim.faults().clear();
    house.sim.calls().reset();
    life.sweeper.sweep().await.unwrap();
    assert_eq!(house.sim.calls().count(RouteKind::ListInstallations), 0);
    let fresh = house.life("two").await;
    fresh.sweeper.sweep().await.unwrap();
    assert_eq!(life.index().await, fresh.index().await);
}

#[tokio::test]
async fn whoever_comes_while_a_sweep_runs_shares_it() {
    let house = House::of(4, 60, 8).await;
    let life = house.life("one").await;
    let calls = house.sim.calls();
    house.sim.faults().add(Fault::on(RouteKind::ListInstallations, Effect::Latency(Duration::from_secs(1))));
    let (first, second) = (life.sweeper.sweep(), life.sweeper.clone());
    let rest = async {
        house.until("the list", || calls.in_flight() == 1).await;
        let second = second.sweep();
        tokio::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        house.clock.advance(Duration::from_secs(1));
        second.await
    };
    let (first, second) = futures::join!(first, rest);
    first.unwrap();
    second.unwrap();
    assert_eq!(calls.count(RouteKind::ListInstallations), 1);
}

//! The kill of everything on a real store that is closed and opened again, and how it is let go of.

use cutover_shared::rollout::{Operation, RolloutName, Side, Stage, Why};

use super::*;
use crate::faults::Faults;
use crate::flows::ceiling;
use crate::rollout::book::RolloutSettings;
use crate::rollout::criteria::Rules;
use crate::rollout::evidence::Recorded;
use crate::rollout::peers::Alone;
use crate::rollout::router::Router;
use crate::rollout::second::RepairLimits;
use crate::rollout::stages::Track;
use crate::run::{EngineSettings, OpenGate};
use crate::store::open;

const AUTH: RolloutName = RolloutName::GithubAuth;
const SANDBOX: RolloutName = RolloutName::GitSandbox;

struct House {
    dir: tempfile::TempDir,
    clock: Clock,
}

struct Life {
    kill: KillSwitch,
    clock: Clock,
    killed: bool,
}

impl House {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: Clock::manual(1_000) }
    }

    /// A daemon's life: both rollouts in `live`, and the mode `on` where nothing else is stored.
    async fn life(&self) -> Life {
        self.among(|_| Arc::new(Alone)).await
    }

    /// With other replicas.
    async fn among(&self, peers: impl FnOnce(&Router) -> Arc<dyn Peers>) -> Life {
        let url = format!("sqlite:{}/cutover.db", self.dir.path().display());
        let (db, clock) = (open(&url, Faults::none()).await.unwrap(), self.clock.clone());
        mode::initialise(&db, Mode::On, &[], clock.now()).await.unwrap();
        let settings = RolloutSettings {
            track: Track::new(&[10, 50, 100]).unwrap(),
            rules: Rules::default(),
            shadow_buckets: 0,
            initial: [Stage::Live; 2],
        };
        let limits = RepairLimits { age: Duration::from_secs(3_600), most: 100 };
        let evidence = Arc::new(Recorded { db: db.clone(), clock: clock.clone(), limits });
        let (brake, state_dir) = (Brake::pulled(), self.dir.path().to_owned());
        let router = Router::new(brake.clone());
        let peers = peers(&router);
        let rollouts = Rollouts::new(db.clone(), clock.clone(), router, settings, evidence, &state_dir);
        rollouts.load(|_| Stage::Live).await.unwrap();
        ceiling::follow(&db, &rollouts, &Who::daemon()).await.unwrap();
        let (faults, engine) = (Faults::none(), EngineSettings::default());
        let engine = Engine::new(
            db.clone(),
            clock.clone(),
            faults,
            brake.clone(),
            engine,
            Arc::new(OpenGate),
            Vec::new(),
        );
        let parts = KillParts { brake, rollouts, peers, state_dir, db, engine, clock: clock.clone() };
        let (kill, _worker) = KillSwitch::new(parts);
        let killed = kill.start().await.unwrap();
        Life { kill, clock, killed }
    }

    fn marker(&self) -> PathBuf {
        kill_marker(self.dir.path())
    }
}

impl Life {
    /// Who answers for a tenant, and why, in both rollouts.
    fn sides(&self) -> [(Side, Why); 2] {
        [Operation::Import, Operation::Clone].map(|operation| {
            let decision = self.kill.0.rollouts.router().decide(operation, "acme");
            (decision.side, decision.why)
        })
    }

    async fn pull(&self) -> KillReceipt {
        self.clock.advance(Duration::from_secs(1));
        self.kill.pull("wrong files", &ana()).await
    }

    async fn unkill(&self, name: Option<RolloutName>) {
        self.clock.advance(Duration::from_secs(1));
        self.kill.unkill(name, "mended", &ana()).await.unwrap();
    }

    async fn mode(&self) -> Option<Mode> {
        mode::stored(&self.kill.0.db).await.unwrap()
    }

    async fn kills(&self) -> usize {
        let rows = self.kill.0.db.audit_newest(None, 50).await.unwrap();
        rows.iter().filter(|row| crate::audit::view(row).act == "kill").count()
    }
}

fn ana() -> Who {
    Who { operator: "ana".into(), origin: "test".to_owned() }
}

const TARGET: (Side, Why) = (Side::Target, Why::Everyone);
const KILLED: (Side, Why) = (Side::Legacy, Why::Killed);

#[tokio::test]
async fn each_rollout_comes_back_by_itself_in_any_order_with_the_mode_as_it_was() {
    for order in [[AUTH, SANDBOX], [SANDBOX, AUTH]] {
        let house = House::new();
        let life = house.life().await;
        assert_eq!((life.killed, life.sides()), (false, [TARGET; 2]));
        let receipt = life.pull().await;
        assert!(receipt.stored && receipt.marker && receipt.owed.is_empty(), "{receipt:?}");
        assert_eq!((life.sides(), life.mode().await), ([KILLED; 2], Some(Mode::Off)));
        life.unkill(Some(order[0])).await;
        let mut expected = [KILLED; 2];
        expected[order[0].index()] = TARGET;
        assert_eq!(life.sides(), expected);
        // And so it is after a restart.
        life.kill.0.db.close().await;
        let life = house.life().await;
        assert_eq!(life.sides(), expected);
        life.unkill(Some(order[1])).await;
        assert_eq!((life.sides(), life.mode().await), ([TARGET; 2], Some(Mode::On)), "{order:?}");
    }
}

#[tokio::test]
async fn a_second_kill_before_all_came_back_forgets_no_mode() {
    let house = House::new();
    let life = house.life().await;
    life.pull().await;
    life.unkill(Some(SANDBOX)).await;
    life.pull().await;
    assert_eq!(life.sides(), [KILLED; 2]);
    life.unkill(None).await;
    assert_eq!((life.sides(), life.mode().await), ([TARGET; 2], Some(Mode::On)));
    assert_eq!(life.kills().await, 2);
}

#[tokio::test]
async fn a_mode_that_somebody_has_set_since_stays() {
    let house = House::new();
    let life = house.life().await;
    life.pull().await;
    life.unkill(Some(SANDBOX)).await;
    life.clock.advance(Duration::from_secs(1));
    mode::set(&life.kill.0.db, Some(Mode::Off), None, life.clock.now(), &ana()).await.unwrap();
    life.unkill(Some(AUTH)).await;
    assert_eq!((life.sides()[0].1, life.mode().await), (Why::ModeOff, Some(Mode::Off)));
}

#[tokio::test]
async fn a_kill_without_the_store_holds_and_the_next_start_stores_it_once() {
    let house = House::new();
    let life = house.life().await;
    life.kill.0.db.close().await;
    let receipt = life.pull().await;
    assert!(receipt.marker && !receipt.stored && receipt.owed.contains("marker"), "{receipt:?}");
    assert_eq!(life.sides(), [KILLED; 2]);
    // What is not stored can't be let go of: it would come after the letting go.
    assert!(life.kill.unkill(None, "too early", &ana()).await.is_err());
    assert_eq!(life.sides(), [KILLED; 2]);
    assert!(house.marker().exists());
    for _ in 0..2 {
        let life = house.life().await;
        assert!(life.killed && !house.marker().exists(), "the marker has done its work");
        assert_eq!((life.sides(), life.kills().await), ([KILLED; 2], 1));
        life.kill.0.db.close().await;
    }
    let life = house.life().await;
    life.unkill(None).await;
    life.kill.0.db.close().await;
    let life = house.life().await;
    assert_eq!((life.killed, life.sides()), (false, [TARGET; 2]));
}

#[tokio::test]
async fn a_kill_that_came_since_is_not_let_go_of_by_an_earlier_word() {
    let house = House::new();
    let life = house.life().await;
    life.pull().await;
    let earlier = life.kill.0.brake.newest().unwrap();
    life.pull().await;
    assert!(!life.kill.let_go(earlier, &ana()).await.unwrap());
    assert_eq!(life.sides(), [KILLED; 2]);
    life.kill.0.db.close().await;
    assert!(house.life().await.killed, "and it is stored");
}

/// A caller that decided before a kill and begins while the others are told.
struct Late(Router);

#[async_trait::async_trait]
impl Peers for Late {
    async fn kill(&self, _notice: &KillNotice) -> Vec<crate::rollout::peers::PeerAnswer> {
        self.0.begins(Side::Target);
        Vec::new()
    }
}

#[tokio::test]
async fn a_call_that_begins_on_the_target_before_the_receipt_goes_out_is_in_it() {
    let house = House::new();
    let life = house.among(|router| Arc::new(Late(router.clone()))).await;
    life.kill.0.rollouts.router().begins(Side::Target);
    let receipt = life.pull().await;
    assert_eq!(receipt.replicas[0].targets_after, Some(1), "{receipt:?}");
}

//! Lanes of chains: who stands still holds up nobody else. And what the engine does while a kind does not answer.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::ids::RunId;
use cutover_shared::run::{EffectClass, ItemState, Reversibility, RunState, RunView};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{ana, let_go};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::run::*;
use crate::store::{Db, Op, RunRow, StoredItem, open};

const KIND: &str = "toy-lanes";

#[derive(Default)]
struct State {
    done: BTreeSet<String>,
    /// This lane gets no place.
    stands: Option<char>,
    /// So many questions are not answered yet.
    silent_pass: u32,
    silent_prepare: u32,
    /// From the second question on, none is answered before this is taken back.
    holds_prepare: bool,
    prepared: u32,
    /// No end is told, and nothing is answered about it.
    silent: bool,
    asked: u32,
}

/// The other side, and the kind.
#[derive(Clone, Default)]
struct Toy(Arc<(Mutex<State>, Notify)>);

impl Toy {
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.0.lock().unwrap())
    }

    /// Until this is so.
    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        let waiting = async {
            loop {
                let mut told = std::pin::pin!(self.0.1.notified());
                told.as_mut().enable();
                if self.with(|state| is_so(state)) {
                    return;
                }
                told.await;
            }
        };
        Clock::system().timeout(Duration::from_secs(30), waiting).await.expect("it never came to be so");
    }
}

fn one_less(left: &mut u32) -> Result<(), KindError> {
    if *left == 0 {
        return Ok(());
    }
    *left -= 1;
    Err(KindError::new("asking", "no answer"))
}

struct Source(Vec<String>);

#[async_trait]
impl PlanSource for Source {
    async fn next(&mut self) -> Result<Option<Vec<(String, String)>>, KindError> {
        let page: Vec<_> = self.0.drain(..self.0.len().min(200)).map(|key| (key, "{}".to_owned())).collect();
        Ok((!page.is_empty()).then_some(page))
    }
    fn summary(&mut self) -> Value {
        json!({})
    }
}

#[async_trait]
impl Kind for Toy {
    fn name(&self) -> &'static str {
        KIND
    }
    fn reversibility(&self) -> Reversibility {
        Reversibility::Reversible
    }
    fn effect(&self) -> Effect<'_> {
        Effect::Chained(self)
    }
    async fn verify(
        &self,
        _: &RunId,
        _: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<(i64, String)>, KindError> {
        let gone = |item: &&StoredItem| self.with(|state| !state.done.contains(&item.key));
        Ok(items.iter().filter(gone).map(|item| (item.ord, "gone".into())).collect())
    }
}

#[async_trait]
impl Elsewhere for Toy {
    fn class(&self) -> EffectClass {
        EffectClass::Marked
    }
    async fn resolve(&self, _: &RunId, _: Direction, _: &StoredItem) -> Result<Resolved, KindError> {
        let silent = self.with(|state| {
            state.asked += 1;
            state.silent
        });
        self.0.1.notify_waiters();
        if silent { Err(KindError::new("asking", "no answer")) } else { Ok(Resolved::NotDone) }
    }
    fn record(&self, _: &RunId, _: Direction, _: &StoredItem, _: i64) -> Vec<Op> {
        Vec::new()
    }
}

#[async_trait]
impl Chained for Toy {
    fn place(&self, item: &StoredItem) -> Result<Place, KindError> {
        Ok(Place { chain: item.key.clone(), stage: 0, lane: item.key[..1].to_owned() })
    }
    async fn pass(&self, _: &RunRow, _: Direction) -> Result<Arc<dyn Pass>, KindError> {
        self.with(|state| one_less(&mut state.silent_pass))?;
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Pass for Toy {
    async fn prepare(&self, _: &[Chain]) -> Result<(), KindError> {
        let prepared = self.with(|state| {
            state.prepared += 1;
            state.prepared
        });
        self.until(|state| prepared < 2 || !state.holds_prepare).await;
        self.with(|state| one_less(&mut state.silent_prepare))
    }
    fn admit(&self, chain: &Chain) -> Option<Box<dyn Send>> {
        if self.is_held(chain) { None } else { Some(Box::new(())) }
    }
    fn is_held(&self, chain: &Chain) -> bool {
        self.with(|state| state.stands.is_some_and(|lane| chain.lane.starts_with(lane)))
    }
    async fn freed(&self) {
        self.0.1.notified().await;
    }
    fn halt(&self, _: u32) -> Option<String> {
        None
    }
    fn begun(&self, _: &[StoredItem], _: i64) -> Vec<Op> {
        Vec::new()
    }
    async fn work(&self, chain: &Chain, told: &Told) {
        for item in &chain.items {
            told.begin(item).await;
            let silent = self.with(|state| {
                if !state.silent {
                    state.done.insert(item.key.clone());
                }
                state.silent
            });
            self.0.1.notify_waiters();
            told.end(item, if silent { Ended::Unclear("no answer".into()) } else { Ended::Done }).await;
        }
    }
    fn left(&self, _: &[StoredItem], _: i64) -> Vec<Op> {
        Vec::new()
    }
    fn ended(&self, _: &[End], _: i64) -> Vec<Op> {
        Vec::new()
    }
}

async fn life(dir: &Path, toy: &Toy, clock: Clock) -> (Db, Engine) {
    let db = open(&format!("sqlite:{}/cutover.db", dir.display()), Faults::none()).await.unwrap();
    let brake = Brake::pulled();
    let_go(&brake);
    let kinds: Vec<Arc<dyn Kind>> = vec![Arc::new(toy.clone())];
    let settings = EngineSettings::default();
    (db.clone(), Engine::new(db, clock, Faults::none(), brake, settings, Arc::new(OpenGate), kinds))
}

async fn going(engine: &Engine, keys: Vec<String>, rate: Option<u32>) -> RunView {
    let draft = Draft { kind: KIND, scope: "all".into(), rules: json!({}), config: json!({}) };
    let run = engine.plan(draft, &ana(), &mut Source(keys)).await.unwrap();
    engine.approve(&run.id, &run.digest, None, &ana()).await.unwrap();
    engine.apply(&run.id, rate, &ana()).await.unwrap()
}

/// So many chains of a slow lane, and behind them some of a fast one.
fn keys(slow: u32) -> Vec<String> {
    (0..slow).map(|n| format!("s{n:05}")).chain((0..3).map(|n| format!("z{n}"))).collect()
}

async fn a_lane_stands(slow: u32, rate: Option<u32>) {
    let dir = tempfile::tempdir().unwrap();
    let toy = Toy::default();
    toy.with(|state| state.stands = Some('s'));
    let (_, engine) = life(dir.path(), &toy, Clock::system()).await;
    let run = going(&engine, keys(slow), rate).await;
    toy.until(|state| state.done.len() == 3).await;
    assert!(toy.with(|state| state.done.iter().all(|key| key.starts_with('z'))));
    toy.with(|state| state.stands = None);
    toy.0.1.notify_waiters();
    let done = engine.ended(&run.id).await;
    let all = u64::from(slow) + 3;
    assert_eq!((done.state, done.progress.counts.done), (RunState::Done, all), "{:?}", done.reason);
}

#[tokio::test]
async fn a_lane_that_stands_still_holds_up_no_other_however_many_chains_it_has_in_front() {
    a_lane_stands(2_500, None).await;
}

#[tokio::test]
async fn a_lane_that_stands_still_holds_up_no_other_of_a_paced_run() {
    a_lane_stands(5, Some(1_000)).await;
}

#[tokio::test]
async fn a_kind_that_does_not_answer_once_does_not_pause_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let toy = Toy::default();
    toy.with(|state| (state.silent_pass, state.silent_prepare) = (1, 1));
    let (_, engine) = life(dir.path(), &toy, Clock::system()).await;
    let run = going(&engine, keys(4), None).await;
    let done = engine.ended(&run.id).await;
    assert_eq!(done.state, RunState::Done, "{:?}", done.reason);
}

#[tokio::test]
async fn chains_go_while_the_next_are_prepared() {
    let dir = tempfile::tempdir().unwrap();
    let toy = Toy::default();
    toy.with(|state| state.holds_prepare = true);
    let (_, engine) = life(dir.path(), &toy, Clock::system()).await;
    let run = going(&engine, keys(700), None).await;
    // As many of a lane as may be ready at once.
    toy.until(|state| state.done.len() == 128 && state.prepared == 2).await;
    toy.with(|state| state.holds_prepare = false);
    toy.0.1.notify_waiters();
    let done = engine.ended(&run.id).await;
    assert_eq!((done.state, done.progress.counts.done), (RunState::Done, 703), "{:?}", done.reason);
}

#[tokio::test]
async fn a_run_that_stands_asks_about_its_intents_ever_slower() {
    let dir = tempfile::tempdir().unwrap();
    let toy = Toy::default();
    toy.with(|state| state.silent = true);
    let (_, engine) = life(dir.path(), &toy, Clock::system()).await;
    let run = going(&engine, keys(0), None).await;
    let paused = engine.until(&run.id, &[RunState::Paused]).await;
    assert_eq!(paused.progress.counts.leased, 3);
    engine.stop().await;

    let clock = Clock::manual(1_000_000);
    let (db, engine) = life(dir.path(), &toy, clock.clone()).await;
    let before = toy.with(|state| state.asked);
    engine.resume().await.unwrap();
    toy.until(|state| state.asked == before + 3).await;
    // Time for many more rounds, if it did not wait.
    for _ in 0..200 {
        db.items(&run.id, Some(ItemState::Leased), None, 10).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(toy.with(|state| state.asked), before + 3);
    toy.with(|state| state.silent = false);
    let left = async || db.run(&run.id).await.unwrap().unwrap().counts.leased;
    while left().await > 0 {
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(db.run(&run.id).await.unwrap().unwrap().state, RunState::Paused);
}

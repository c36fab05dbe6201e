//! Two processes, their tasks, and all that can happen to them, in any order, over the real service and a real store.

use proptest::prelude::*;

use super::*;
use crate::store::{Lane, Unit};

#[derive(Clone, Copy, Debug)]
enum Act {
    Acquire(usize),
    /// Both at the same moment.
    Race,
    Renew(usize),
    Release(usize),
    /// The process goes on without what it knew of its lock.
    Forget(usize),
    Write(usize),
    Wait(u64),
    Cut(usize, bool),
    Switch(usize, Arbiters),
}

fn act() -> impl Strategy<Value = Act> {
    let process = 0..2_usize;
    let arbiters = prop::sample::select(vec![Arbiters::MEMORY, Arbiters::BOTH, Arbiters::REDIS]);
    prop_oneof![
        4 => process.clone().prop_map(Act::Acquire),
        2 => Just(Act::Race),
        2 => process.clone().prop_map(Act::Renew),
        2 => process.clone().prop_map(Act::Release),
        1 => process.clone().prop_map(Act::Forget),
        2 => process.clone().prop_map(Act::Write),
        3 => (1_u64..40).prop_map(Act::Wait),
        1 => (process.clone(), any::<bool>()).prop_map(|(n, cut)| Act::Cut(n, cut)),
        2 => (process, arbiters).prop_map(|(n, next)| Act::Switch(n, next)),
    ]
}

struct Two {
    house: House,
    processes: [Arc<LockService>; 2],
    had: [Vec<Held>; 2],
    last: u64,
    written: u64,
}

impl Two {
    fn got(&mut self, n: usize, answer: Result<Held, LockError>) {
        let Ok(held) = answer else { return };
        assert!(held.fence() > self.last, "fence {} after {}", held.fence(), self.last);
        self.last = held.fence();
        self.had[n].push(held);
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Acquire(n) => {
                let answer = self.processes[n].acquire(&name(), "p", TTL).await;
                self.got(n, answer);
            }
            Act::Race => {
                let (lock, [one, two]) = (name(), &self.processes);
                let (one, two) = tokio::join!(one.acquire(&lock, "p", TTL), two.acquire(&lock, "p", TTL));
                // Whichever was first has the lower fence.
                let mut both = [(0, one), (1, two)];
                both.sort_by_key(|(_, answer)| answer.as_ref().map_or(0, Held::fence));
                for (n, answer) in both {
                    self.got(n, answer);
                }
            }
            Act::Renew(n) => {
                if let Some(held) = self.had[n].last_mut()
                    && self.processes[n].renew(held).await == Err(LockError::Lost)
                {
                    self.had[n].pop();
                }
            }
            Act::Release(n) => {
                if let Some(held) = self.had[n].pop() {
                    // Cut off, it expires by itself.
                    let _ = self.processes[n].release(held).await;
                }
            }
            Act::Forget(n) => drop(self.had[n].pop()),
            Act::Write(n) => {
                let Some(proof) = self.had[n].first().map(Held::proof) else { return };
                let taken = self.house.db.write(Lane::Run, Unit::new().with(proof.demand())).await.is_ok();
                assert_eq!(taken, proof.fence() == self.last, "{proof:?}, the last is {}", self.last);
                if taken {
                    assert!(proof.fence() >= self.written);
                    self.written = proof.fence();
                }
            }
            Act::Wait(seconds) => self.house.clock.advance(Duration::from_secs(seconds)),
            Act::Cut(n, cut) => self.house.cut(n, cut),
            // It may be refused.
            Act::Switch(n, next) => drop(self.processes[n].switch(next).await),
        }
        let now = self.house.clock.monotonic();
        let at_once = self.had.iter().flatten().filter(|held| now < held.ends()).count();
        assert!(at_once <= 1, "{at_once} holders at the same time after {act:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_two_holders_and_no_fence_goes_back(acts in prop::collection::vec(act(), 1..60), falls_back: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::new().await;
            let answer = if falls_back { OnPartition::FallBack } else { OnPartition::FailFast };
            let processes = [0, 1].map(|n| house.process(n, Arbiters::MEMORY, answer));
            let mut two = Two { house, processes, had: Default::default(), last: 0, written: 0 };
            for act in acts {
                two.act(act).await;
            }
        });
    }
}

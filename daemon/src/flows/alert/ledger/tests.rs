use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_000_000;

fn firing(starts_at: i64) -> Alert {
    Alert { fingerprint: "f".into(), rollout: None, starts_at, resolved_at: None, text: String::new() }
}

fn resolved(starts_at: i64, at: i64) -> Alert {
    Alert { resolved_at: Some(at), ..firing(starts_at) }
}

/// The ledger with the incidents that it opened.
#[derive(Default)]
struct World {
    ledger: Ledger,
    open: BTreeSet<String>,
    declared: Vec<String>,
}

impl World {
    fn tell(&mut self, alert: &Alert, now: i64) -> Step {
        let step = self.ledger.take(alert, &self.open, now);
        match &step {
            Step::Known => {}
            Step::Declare(id) => {
                assert!(self.open.insert(id.clone()), "{id} is declared twice");
                self.declared.push(id.clone());
            }
            Step::Close(id) => {
                self.open.remove(id);
            }
        }
        step
    }
}

#[test]
fn it_begins_once_and_ends_once() {
    let mut world = World::default();
    let id = "alert-f-10".to_owned();
    assert_eq!(world.tell(&firing(10), NOW), Step::Declare(id.clone()));
    assert_eq!(world.tell(&firing(10), NOW), Step::Known);
    assert_eq!(world.tell(&resolved(10, 20), NOW), Step::Close(id));
    assert_eq!(world.tell(&resolved(10, 20), NOW), Step::Known);
    assert_eq!(world.tell(&firing(10), NOW), Step::Known, "told late");
    assert_eq!(world.tell(&firing(20), NOW), Step::Declare("alert-f-20".to_owned()));
    assert_eq!(world.tell(&resolved(10, 20), NOW), Step::Known, "the end of the first, told late");
}

#[test]
fn what_ended_before_it_was_told_of_never_was() {
    let mut world = World::default();
    assert_eq!(world.tell(&resolved(10, 20), NOW), Step::Known);
    assert_eq!(world.tell(&firing(10), NOW), Step::Known);
    assert_eq!(world.tell(&firing(30), NOW), Step::Declare("alert-f-30".to_owned()));
}

#[test]
fn what_a_person_closed_stays_closed_until_it_begins_again() {
    let mut world = World::default();
    world.tell(&firing(10), NOW);
    world.open.clear();
    assert_eq!(world.tell(&firing(10), NOW), Step::Known);
    assert_eq!(world.tell(&firing(30), NOW), Step::Declare("alert-f-30".to_owned()));
}

#[test]
fn times_to_come_silence_nothing() {
    let mut world = World::default();
    world.tell(&resolved(10, i64::MAX), NOW);
    assert!(matches!(world.tell(&firing(NOW + 5), NOW + 10), Step::Declare(_)));
    // The sender's clock is ahead of ours: its end counts all the same.
    let mut world = World::default();
    world.tell(&firing(NOW + 500), NOW);
    assert!(matches!(world.tell(&resolved(NOW + 500, NOW + 600), NOW + 100), Step::Close(_)));
    // It begins anew, by a clock that stands right again, after a person has closed it.
    let mut world = World::default();
    world.tell(&firing(NOW + 500), NOW);
    world.open.clear();
    assert!(matches!(world.tell(&firing(NOW + 50), NOW + 100), Step::Declare(_)));
}

#[test]
fn the_ledger_is_bounded_and_forgets_what_is_over_first() {
    let mut ledger = Ledger::default();
    let mut of = |n: usize, over: bool| {
        let alert = if over { resolved(10, 20) } else { firing(10) };
        let fingerprint = format!("{n}");
        ledger.take(&Alert { fingerprint, ..alert }, &BTreeSet::new(), NOW + i64::try_from(n).unwrap());
    };
    of(0, false);
    (1..MOST + 50).for_each(|n| of(n, true));
    assert!(ledger.0.len() == MOST && ledger.0.contains_key("0"));
}

proptest! {
    /// Episodes of one alert one after the other, each delivery any number of times and in any order: in the end an incident is
    /// open if, and only if, the last episode goes on; each was declared once at most.
    #[test]
    fn the_order_does_not_matter(
        gaps in proptest::collection::vec((0_i64..5, 1_i64..5), 1..6),
        goes_on in any::<bool>(),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
        shuffle in any::<u64>(),
    ) {
        let (mut deliveries, mut at) = (Vec::new(), 10);
        for (n, (gap, length)) in gaps.iter().enumerate() {
            let (starts, ends) = (at + gap, at + gap + length);
            deliveries.push(firing(starts));
            if !(goes_on && n + 1 == gaps.len()) {
                deliveries.push(resolved(starts, ends));
            }
            at = ends;
        }
        let mut told: Vec<Alert> = order.iter().map(|index| index.get(&deliveries).clone()).collect();
        // Each at least once, in some order.
        let mut all = deliveries.clone();
        let turn = usize::try_from(shuffle % all.len() as u64).unwrap();
        all.rotate_left(turn);
        if shuffle % 2 == 0 {
            all.reverse();
        }
        told.extend(all);
        let mut world = World::default();
        for alert in &told {
            world.tell(alert, NOW);
        }
        prop_assert_eq!(!world.open.is_empty(), goes_on, "{:?}", told);
        prop_assert!(world.open.len() <= 1 && world.declared.len() <= gaps.len());
    }
}

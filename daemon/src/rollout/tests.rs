//! The stages as a state machine, searched exhaustively against the real rules: every act from every state that can be reached.
//! Each promise is seen to fail when its rule is broken.

use std::collections::{BTreeSet, HashSet, VecDeque};

use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{
    Criterion, CriterionState, FreezeView, Operation, ReconcileView, ReverseView, Ring, RolloutName, Side,
    Stage,
};
use cutover_shared::status::Health;

use super::advance::{Wanted, conditions, destination};
use super::bucket::{ALGORITHM, Bucketing};
use super::criteria::{Facts, Proof, Rules, is_open};
use super::decide::{Plan, decide};
use super::router::{Hold, Router};
use super::stages::{Illegal, Place, Track};
use super::state::{Killed, ListRef, Lists, State};
use super::step::{Lowest, Rings, by_name, side};
use crate::run::Brake;

const NAME: RolloutName = RolloutName::GithubAuth;
const FLAG: Operation = Operation::Import;

/// Three in the morning, a month after everything began.
const NOW: i64 = 30 * 86_400_000 + 3 * 3_600_000;

/// The rules that are searched. A mutant has one of them broken.
#[derive(Clone, Copy)]
struct Ruled {
    destination: fn(&Track, &State, Wanted) -> Result<Place, Illegal>,
    conditions: fn(&State, Facts, Place, bool) -> Vec<Criterion>,
    back: fn(&Track, &State, Stage) -> Result<(), Illegal>,
    names: fn(&Plan, Place) -> Option<BTreeSet<TenantId>>,
    plan: fn(&World) -> Plan,
    kept: fn(&Plan, Stage) -> Option<HashSet<String>>,
}

const REAL: Ruled = Ruled {
    destination: |track, state, wanted| destination(track, state, wanted, |_| true),
    conditions: |state, facts, to, stopped| conditions(state, &Rules::default(), facts, to, stopped, NOW),
    back: |track, state, to| track.back(state.stage, to),
    names: |plan, to| by_name(plan, to, &rings()),
    plan: World::shown,
    kept: Plan::kept,
};

/// Lists by number that somebody asks for.
const EXACT: [u32; 2] = [2, 4];

/// A tenant of these buckets.
fn tenant(prefix: &str, buckets: std::ops::Range<u16>) -> String {
    let bucketing = Bucketing::new(ALGORITHM, NAME.word()).unwrap();
    let mut names = (0..).map(|n| format!("{prefix}-{n}"));
    names.find(|name| buckets.contains(&bucketing.bucket(name))).unwrap()
}

/// One in each ring; by their buckets they would come last.
fn ringed() -> [String; 2] {
    ["internal", "beta"].map(|prefix| tenant(prefix, 5_000..10_000))
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort();
    names
}

fn list(names: &[String]) -> ListRef {
    ListRef { digest: String::new(), count: names.len() as u64 }
}

fn rings() -> Rings {
    let lists = ringed().into_iter().zip(Ring::LISTED);
    lists.map(|(tenant, ring)| (TenantId(tenant), ring)).collect()
}

/// One of each ring, and one of each share.
fn tenants() -> Vec<String> {
    let shares = [0..1_000, 1_000..5_000, 5_000..10_000].map(|buckets| tenant("other", buckets));
    ringed().into_iter().chain(shares).collect()
}

/// A rollout with all that decides about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    place: Place,
    roster: Option<(Vec<String>, bool)>,
    killed: bool,
    frozen: bool,
    flag: bool,
    incident: bool,
    /// The way back was walked.
    proven: bool,
    /// Everything is killed.
    brake: bool,
    /// Ways back that hold in memory and are not stored: a stage, or a kill.
    owed: Vec<Option<Stage>>,
}

impl World {
    fn begin() -> Self {
        Self {
            place: Place::all(Stage::Off),
            roster: None,
            killed: false,
            frozen: false,
            flag: true,
            incident: false,
            proven: false,
            brake: false,
            owed: Vec::new(),
        }
    }

    fn state(&self) -> State {
        let mut state = State::begin(NAME, self.place.stage, 0);
        state.ring = self.place.ring;
        state.roster = self.roster.as_ref().map(|(names, _)| list(names));
        state.roster_and_share = self.roster.as_ref().is_some_and(|(_, and_share)| *and_share);
        if self.killed {
            state.kill(Killed { at: 0, by: "ana".to_owned(), reason: String::new() });
        }
        if self.frozen {
            state.freeze(FreezeView { reason: String::new(), by: "ana".into(), at: 0 });
        }
        state.flag(FLAG, self.flag);
        state
    }

    /// What a state became.
    fn after(&self, state: &State, names: Option<Vec<String>>) -> Self {
        Self {
            place: state.place(),
            roster: state.roster.as_ref().map(|_| (names.unwrap_or_default(), state.roster_and_share)),
            killed: state.killed.is_some(),
            frozen: state.freeze.is_some(),
            flag: !state.off.contains(&FLAG),
            ..self.clone()
        }
    }

    fn names(&self) -> Option<Vec<String>> {
        self.roster.as_ref().map(|(names, _)| names.clone())
    }

    /// The store takes a way back to a stage.
    fn went(&self, to: Stage, kept: Option<HashSet<String>>) -> Self {
        let mut state = self.state();
        let names = kept.map(sorted);
        if state.back(to, names.as_deref().map(list), 0) { self.after(&state, names) } else { self.clone() }
    }

    fn stored(&self) -> Plan {
        let roster = self.names().map(HashSet::from_iter);
        self.state().plan(NAME, 1, Lists { roster, listed: None }, 10_000).unwrap()
    }

    fn router(&self) -> Router {
        let brake = Brake::pulled();
        if !self.brake {
            brake.release(brake.newest().unwrap());
        }
        let router = Router::new(brake);
        router.publish(self.stored());
        for way in &self.owed {
            router.hold(NAME, way.map_or(Hold::Killed, Hold::Back));
        }
        router
    }

    /// What decides, with what holds in memory.
    fn shown(&self) -> Plan {
        (*self.router().plan(NAME).unwrap()).clone()
    }

    fn facts(&self) -> Facts {
        let proof = Proof { at: NOW, ok: true, text: String::new() };
        Facts {
            verdict: Some((CriterionState::Holds, String::new())),
            reverse: self.proven.then(|| ReverseView { at: NOW, ok: true, text: String::new(), tenants: 1 }),
            armed: Some(proof.clone()),
            preflight: Some(proof),
            baseline_at: Some(0),
            incident: self.incident.then(String::new),
            reconciled: Some(ReconcileView {
                at: NOW,
                since: 0,
                compared: 1,
                missing: 0,
                extra: 0,
                different: 0,
                lagging: 0,
                later: Some(0),
                mismatch_ppm: 0,
                repaired: 0,
                unrecorded: 0,
                health: Health::Ok,
                examples: Vec::new(),
            }),
            ..Facts::default()
        }
    }

    fn is_killed(&self) -> bool {
        self.brake || self.killed || self.owed.contains(&None)
    }
}

/// What was searched.
#[derive(Debug, Default)]
struct Searched {
    worlds: usize,
    places: usize,
    transitions: usize,
    forward: usize,
    refused: usize,
    back: usize,
}

struct Search {
    rules: Ruled,
    track: Track,
    tenants: Vec<String>,
    searched: Searched,
}

fn hold(yes: bool, what: &str, worlds: &[&World]) -> Result<(), String> {
    if yes { Ok(()) } else { Err(format!("{what}: {worlds:#?}")) }
}

impl Search {
    /// Everything that can be reached; the first promise that is broken, with where.
    fn run(rules: Ruled) -> Result<Searched, String> {
        let track = Track::new(&[10, 50, 100]).unwrap();
        let mut search = Self { rules, track, tenants: tenants(), searched: Searched::default() };
        let (mut seen, mut next) = (HashSet::from([World::begin()]), VecDeque::from([World::begin()]));
        while let Some(world) = next.pop_front() {
            search.decisions(&world)?;
            let mut reached = search.acts(&world)?;
            reached.extend(search.backs(&world)?);
            reached.extend(search.forwards(&world)?);
            search.searched.transitions += reached.len();
            next.extend(reached.into_iter().filter(|one| seen.insert(one.clone())));
        }
        search.searched.worlds = seen.len();
        search.searched.places = seen.iter().map(|world| world.place).collect::<HashSet<_>>().len();
        Ok(search.searched)
    }

    fn inside(&self, plan: &Plan, killed: bool) -> HashSet<&str> {
        let on = |name: &&String| decide(plan, FLAG, name, killed).side == Side::Target;
        self.tenants.iter().filter(on).map(String::as_str).collect()
    }

    /// What must be so in every state.
    fn decisions(&self, world: &World) -> Result<(), String> {
        let plan = (self.rules.plan)(world);
        let inside = self.inside(&plan, world.brake);
        hold(!world.is_killed() || inside.is_empty(), "killed, and not legacy", &[world])?;
        hold(world.flag || inside.is_empty(), "its flag is off, and not legacy", &[world])?;
        hold(
            world.place.stage.opens_target() || inside.is_empty(),
            "no stage for it, and not legacy",
            &[world],
        )?;
        for name in world.is_killed().then_some(&self.tenants).into_iter().flatten() {
            let decision = decide(&plan, Operation::List, name, world.brake);
            let reaches = decision.shadow || decision.second_write || decision.side == Side::Target;
            hold(!reaches, "killed, and a call may reach the target", &[world])?;
        }
        Ok(())
    }

    /// Acts that go neither forward nor back.
    fn acts(&self, world: &World) -> Result<Vec<World>, String> {
        let names = || world.names();
        let changed = |change: &dyn Fn(&mut State) -> bool| {
            let mut state = world.state();
            change(&mut state);
            world.after(&state, names())
        };
        let freeze = FreezeView { reason: String::new(), by: "ana".into(), at: 0 };
        let mut reached = vec![
            changed(&|state| state.freeze(freeze.clone())),
            changed(&|state| state.unfreeze()),
            changed(&|state| state.flag(FLAG, true)),
            changed(&|state| state.flag(FLAG, false)),
            World { incident: true, ..world.clone() },
            World { incident: false, ..world.clone() },
            World { proven: true, ..world.clone() },
            World { proven: false, ..world.clone() },
            World { brake: true, ..world.clone() },
            World { brake: false, ..world.clone() },
        ];
        if world.owed.is_empty() {
            // What is owed is stored before a kill is let go.
            reached.push(changed(&|state| state.unkill(0)));
        } else {
            // The store takes the oldest.
            let kill =
                |state: &mut State| state.kill(Killed { at: 0, by: "ana".to_owned(), reason: String::new() });
            let taken = match world.owed[0] {
                None => changed(&kill),
                Some(to) => world.went(to, (self.rules.kept)(&world.stored(), to)),
            };
            let taken = World { owed: world.owed[1..].to_vec(), ..taken };
            let [before, after] = [world, &taken].map(|of| self.inside(&(self.rules.plan)(of), of.brake));
            hold(after.is_subset(&before), "a way back was stored, and somebody came in", &[world, &taken])?;
            reached.push(taken);
        }
        Ok(reached)
    }

    /// Kill, abort and rollback: legal everywhere, and in effect before anything is stored.
    fn backs(&mut self, world: &World) -> Result<Vec<World>, String> {
        let mut reached = Vec::new();
        let state = world.state();
        let owing = |way| World { owed: world.owed.iter().copied().chain([way]).collect(), ..world.clone() };
        for to in self.track.stages().iter().copied().filter(|to| *to < state.stage) {
            let legal = (self.rules.back)(&self.track, &state, to);
            hold(legal.is_ok(), &format!("no way back to {to}"), &[world])?;
            self.searched.back += 1;
            let back = owing(Some(to));
            let most = World { place: Place::all(to), roster: None, ..world.clone() };
            let (was, is, may) = ((self.rules.plan)(world), (self.rules.plan)(&back), most.stored());
            let [was, is, may] = [was, is, may].map(|plan| self.inside(&plan, world.brake));
            hold(is.is_subset(&was), "back, and somebody came in", &[world, &back])?;
            // An earlier way back that holds, too, may lead further than this one.
            let first = world.owed.is_empty();
            hold(!first || is.is_subset(&may), "back, and still on the target", &[world, &back])?;
            reached.push(back);
        }
        let killed = owing(None);
        let plan = (self.rules.plan)(&killed);
        hold(self.inside(&plan, killed.brake).is_empty(), "a kill did not take effect", &[world, &killed])?;
        reached.push(killed);
        // A kill behind a way back is all that matters of several: more are stored one by one in the same way.
        reached.retain(|one| matches!(one.owed[..], [_] | [Some(_), None]));
        Ok(reached)
    }

    /// Every step forward that somebody can ask for.
    fn forwards(&mut self, world: &World) -> Result<Vec<World>, String> {
        let state = world.state();
        let stages = self.track.stages().iter().copied().map(Some).chain([None]);
        let rings = || Ring::ALL.iter().copied().map(Some).chain([None]);
        let share = |(stage, ring)| (Wanted { stage, ring, exact: false }, None);
        let shares = stages.flat_map(|stage| rings().map(move |ring| (stage, ring))).map(share);
        let number = |count| (Wanted { stage: None, ring: None, exact: true }, Some(count));
        let asked: Vec<_> = shares.chain(EXACT.into_iter().map(number)).collect();
        let (mut reached, mut tried) = (Vec::new(), HashSet::new());
        for (wanted, exact) in asked {
            let Ok(to) = (self.rules.destination)(&self.track, &state, wanted) else {
                self.searched.refused += 1;
                continue;
            };
            let by_number = matches!(to.stage, Stage::Canary(_)) && to.ring.is_all();
            if !tried.insert((to, exact)) || (exact.is_some() && !by_number) {
                continue;
            }
            let criteria =
                (self.rules.conditions)(&state, world.facts(), to, world.brake || !world.owed.is_empty());
            for passed in [false, true] {
                if !is_open(&criteria, passed) {
                    self.searched.refused += 1;
                    continue;
                }
                let plan = world.stored();
                let names = match exact {
                    Some(count) => Some(self.lowest(&plan, count)),
                    None => (self.rules.names)(&plan, to),
                };
                let names = names.map(|names| sorted(names.into_iter().map(|name| name.0)));
                let mut moved = state.clone();
                moved.placed(to, names.as_deref().map(list), exact.is_none() && to.ring.is_all(), 0);
                let after = world.after(&moved, names);
                let on = |of: &World| {
                    let plan = of.stored();
                    self.tenants
                        .iter()
                        .filter(|name| side(&plan, name) == Side::Target)
                        .collect::<HashSet<_>>()
                };
                if exact.is_some() && !on(world).is_subset(&on(&after)) {
                    // A shorter list is refused.
                    self.searched.refused += 1;
                    continue;
                }
                self.step(world, &after, exact.is_some())?;
                self.searched.forward += 1;
                reached.push(after);
            }
        }
        Ok(reached)
    }

    fn lowest(&self, plan: &Plan, count: u32) -> BTreeSet<TenantId> {
        let mut lowest = Lowest::new(count);
        for tenant in &self.tenants {
            lowest.add(plan, &rings(), TenantId(tenant.clone()));
        }
        lowest.names()
    }

    /// What must be so of every step that is taken.
    fn step(&self, world: &World, after: &World, by_number: bool) -> Result<(), String> {
        let (from, to) = (world.place, after.place);
        let next = self.track.stages().iter().position(|stage| *stage == from.stage).map(|n| n + 1);
        let is_next = next.and_then(|n| self.track.stages().get(n)) == Some(&to.stage) && from.ring.is_all();
        let is_wider = from.stage == to.stage && to.ring > from.ring;
        hold(is_next || is_wider, "a stage was skipped", &[world, after])?;
        hold(world.proven, "forward without a proven way back", &[world, after])?;
        let stopped = world.is_killed() || !world.owed.is_empty();
        hold(!stopped && !world.frozen && !world.incident, "forward all the same", &[world, after])?;
        let (before, then) = (self.inside(&world.stored(), false), self.inside(&after.stored(), false));
        hold(before.is_subset(&then), "forward, and somebody moved back", &[world, after])?;
        let [internal, beta] = [&self.tenants[0], &self.tenants[1]].map(|name| then.contains(name.as_str()));
        let shut = !to.stage.opens_target() || !world.flag || by_number;
        hold(
            shut || (internal && (beta || to.ring < Ring::Beta)),
            "the share is open, and a ring is not",
            &[world, after],
        )
    }
}

#[test]
fn every_act_from_every_state_keeps_the_promises() {
    let searched = Search::run(REAL).unwrap();
    assert!(searched.worlds > 5_000 && searched.transitions > 60_000, "{searched:?}");
    // Few steps forward are open at all, and each place of the track is reached by one.
    assert!(searched.forward > 30 && searched.refused > 100_000 && searched.back > 20_000, "{searched:?}");
    assert_eq!(searched.places, 10, "eight stages, and two rings of the first share");
}

/// The search finds what is broken: each rule is broken once, and the promise it keeps is the one that is told.
#[test]
fn a_broken_rule_is_found() {
    let skips = Ruled {
        destination: |track, state, wanted| {
            let to = wanted.stage.filter(|to| *to > state.stage && track.stages().contains(to));
            to.map(Place::all).ok_or(Illegal::Last(state.stage))
        },
        ..REAL
    };
    let unproven = Ruled {
        conditions: |state, facts, to, stopped| {
            let mut all = (REAL.conditions)(state, facts, to, stopped);
            all.retain(|one| one.name != "reverse");
            all
        },
        ..REAL
    };
    let frozen_shut = Ruled {
        back: |track, state, to| match &state.freeze {
            Some(_) => Err(Illegal::Same(to)),
            None => track.back(state.stage, to),
        },
        ..REAL
    };
    let unkillable = Ruled { plan: |world| Plan { killed: false, ..world.shown() }, ..REAL };
    let memoryless = Ruled { plan: World::stored, ..REAL };
    let forgetful = Ruled { names: |_, _| None, ..REAL };
    // A list by name that a way back drops: the buckets say again who is in, and nobody has approved them.
    let dropped = |world: &World| {
        let (stored, shown) = (world.stored(), world.shown());
        let roster = if shown.stage == stored.stage { shown.roster.clone() } else { None };
        Plan { roster, ..shown }
    };
    let dropping = Ruled { plan: dropped, ..REAL };
    let dropping_at_last = Ruled { kept: |_, _| None, ..REAL };
    for (rules, told) in [
        (skips, "a stage was skipped"),
        (unproven, "forward without a proven way back"),
        (frozen_shut, "no way back to"),
        (unkillable, "killed, and a call may reach the target"),
        (memoryless, "killed, and a call may reach the target"),
        (forgetful, "the share is open, and a ring is not"),
        (dropping, "back, and somebody came in"),
        (dropping_at_last, "a way back was stored, and somebody came in"),
    ] {
        let found = Search::run(rules).unwrap_err();
        assert!(found.starts_with(told), "{told}, but it found {found}");
    }
}

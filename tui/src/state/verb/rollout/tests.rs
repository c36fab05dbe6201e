//! What the console asks before a rollout moves, and that the way back is always there.

use cutover_shared::rollout::{RolloutAnswer, RolloutName, Stage};
use cutover_shared::rpc::Answer;

use super::*;
use crate::app::event::Event;
use crate::bench::{Bench, World};
use crate::rollout_sample;
use crate::state::Screen;
use crate::state::dialog::Want;
use crate::state::verb::intend;

const AUTH: RolloutName = RolloutName::GithubAuth;

/// A console that stands on `github-auth`, as somebody of this role; `killed`: it is.
fn bench(role: Role, killed: bool) -> Bench {
    let mut bench = Bench::new(World { role, ..World::default() });
    bench.connect();
    bench.calm();
    bench.event(Event::Line(Action::of_screen(Screen::Rollouts).binding().name.to_owned()));
    for _ in 0..20 {
        for (ask, query) in std::mem::take(&mut bench.asks) {
            let mut answer = bench.world.answer(&query);
            if let Ok(Answer::Rollout(RolloutAnswer::List(lines))) = &mut answer {
                lines.iter_mut().for_each(|line| line.killed = killed);
            }
            bench.event(Event::Answered { ask, result: Box::new(answer) });
        }
    }
    assert_eq!(bench.state.rollout_name(), Some(AUTH));
    bench
}

fn dialog(intent: Intent) -> Dialog {
    match intent {
        Intent::Ask(dialog) => *dialog,
        _ => panic!("it is not asked"),
    }
}

fn asked(role: Role, step: &StepView) -> Dialog {
    dialog(stepped(&bench(role, false).state, step))
}

#[test]
fn a_step_is_taken_as_it_was_shown_by_who_types_the_name() {
    let step = rollout_sample::step(AUTH, true);
    let dialog = asked(Role::Operator, &step);
    assert_eq!((dialog.tier, &dialog.blocked), (Tier::Live, &None));
    assert_eq!(dialog.fields.len(), 1);
    assert!(matches!(&dialog.fields[0].want, Want::Exactly(text) if text == "github-auth"));
    let [Step::Act(Act::Rollout(RolloutAct::Stage { name, to, exact, digest, override_reason, .. }))] =
        &dialog.plan.steps[..]
    else {
        panic!("{:?}", dialog.plan)
    };
    assert_eq!((*name, *to, *exact, override_reason), (AUTH, step.to, None, &None));
    assert_eq!(*digest, step.digest);
}

#[test]
fn what_nobody_may_pass_nobody_passes_and_the_rest_an_approver_with_a_reason() {
    let step = rollout_sample::step(AUTH, false);
    let refused = asked(Role::Operator, &step);
    assert!(refused.blocked.as_ref().is_some_and(|why| why.starts_with("soak")), "{refused:?}");
    let passed = asked(Role::Approver, &step);
    assert_eq!(passed.blocked, None);
    let wants: Vec<_> = passed.fields.iter().map(|field| field.want == Want::Something).collect();
    assert_eq!(wants, [false, true], "the name, and why");

    let mut frozen = step.clone();
    frozen.criteria[0].state = CriterionState::Fails;
    for role in [Role::Operator, Role::Approver, Role::Admin] {
        let why = asked(role, &frozen).blocked.unwrap_or_default();
        assert!(why.starts_with("freeze does not hold, and nobody may pass it"), "{role:?}: {why}");
    }
}

#[test]
fn the_way_back_leads_to_the_last_good_stage_and_wants_no_text_killed_or_not() {
    for killed in [false, true] {
        let bench = bench(Role::Operator, killed);
        let dialog = dialog(intend(&bench.state, Action::RolloutBack).unwrap());
        assert_eq!((dialog.tier, &dialog.blocked, dialog.fields.len()), (Tier::Reversible, &None, 0));
        let [Step::Act(Act::Rollout(RolloutAct::Rollback { name, to, .. }))] = &dialog.plan.steps[..] else {
            panic!("{:?}", dialog.plan)
        };
        assert_eq!((*name, *to), (AUTH, Some(Stage::Shadow)));
        assert_eq!(dialog.effect.iter().any(|line| line.contains("It is killed")), killed);
    }
}

#[test]
fn a_step_names_the_stage_that_a_rollback_leads_to() {
    let bench = bench(Role::Operator, false);
    // From a share of the tenants `r` goes back to where legacy answers for all, and not to the share.
    let step = rollout_sample::step(AUTH, true);
    assert_eq!(step.from.to_string(), "canary-10");
    let question = dialog(stepped(&bench.state, &step));
    assert!(question.undo.contains("goes back to shadow at once"), "{}", question.undo);
    let rollback = dialog(intend(&bench.state, Action::RolloutBack).unwrap());
    assert!(rollback.plan.title.ends_with("back to shadow"), "{}", rollback.plan.title);
    // From a stage in which legacy answers for all it goes there.
    let first = StepView { from: Stage::DualWrite, to: Stage::Shadow, ..step.clone() };
    assert!(dialog(stepped(&bench.state, &first)).undo.contains("goes back to dual-write at once"));
    // Before the track has come only the daemon knows.
    let empty = Bench::new(World::default());
    assert!(dialog(stepped(&empty.state, &step)).undo.contains("goes back to the last good stage at once"));
}

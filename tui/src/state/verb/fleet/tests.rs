//! What the fleet's keys ask before they do something, and what they refuse.

use cutover_shared::fleet::FleetAnswer;
use cutover_shared::rpc::Answer;

use super::*;
use crate::app::event::Event;
use crate::bench::{Bench, World};
use crate::fleet_sample as sample;
use crate::state::dialog::Want;
use crate::state::verb::intend;

/// A console that stands on the instance of this number; `change` is what the daemon says otherwise.
fn bench(row: u64, change: impl Fn(&mut cutover_shared::fleet::FleetStatus)) -> Bench {
    let mut bench = Bench::new(World::default());
    bench.connect();
    bench.calm();
    bench.event(Event::Line("fleet".to_owned()));
    for _ in 0..20 {
        for (ask, query) in std::mem::take(&mut bench.asks) {
            let mut answer = bench.world.answer(&query);
            if let Ok(Answer::Fleet(FleetAnswer::Status(status))) = &mut answer {
                change(status);
            }
            bench.event(Event::Answered { ask, result: Box::new(answer) });
        }
    }
    bench.event(Event::Line((row + 1).to_string()));
    assert_eq!(bench.state.instance().unwrap().tenant, sample::instance(row).tenant);
    bench
}

fn on(row: u64) -> Bench {
    bench(row, |_| {})
}

fn dialog(intent: Result<Intent, RpcError>) -> Dialog {
    match intent {
        Ok(Intent::Ask(dialog)) => *dialog,
        other => panic!("it is not asked: {other:?}"),
    }
}

fn plan(intent: Result<Intent, RpcError>) -> Plan {
    match intent {
        Ok(Intent::Now(plan)) => plan,
        other => panic!("it is not begun: {other:?}"),
    }
}

fn refusal(intent: Result<Intent, RpcError>) -> String {
    match intent {
        Err(error) => format!("{}; {}", error.message, error.hint),
        other => panic!("it is not refused: {other:?}"),
    }
}

#[test]
fn a_dry_run_here_is_one_of_the_fleet() {
    let bench = on(5);
    let here = plan(intend(&bench.state, Action::DryRun));
    assert_eq!(here.twin, "cutover fleet plan --tenant tenant-00005");
    let wanted = FleetScope::Tenant("tenant-00005".into());
    assert_eq!(
        here.steps,
        [Step::Act(Act::Fleet(FleetAct::Plan { scope: wanted, to: None, refresh: false }))]
    );
    let Ok(Intent::Open(Layer::Scope { choices, .. })) = intend(&bench.state, Action::DryRunScope) else {
        panic!()
    };
    let twins: Vec<String> = choices.iter().map(|choice| choice.plan(true).twin).collect();
    assert_eq!(
        twins,
        [
            "cutover fleet plan --tenant tenant-00005 --refresh",
            "cutover fleet plan --wave 1 --refresh",
            "cutover fleet plan --wave 2 --refresh",
            "cutover fleet plan --wave 3 --refresh",
            "cutover fleet plan --wave 4 --refresh",
            "cutover fleet plan --all --refresh",
        ]
    );
    assert_eq!(choices[0].refreshes().0, "every ledger");
}

#[test]
fn a_dry_run_of_a_run_of_the_fleet_goes_its_way_again() {
    use cutover_shared::run::RunState;
    let mut run = sample::run(RunState::Expired);
    assert_eq!(again(&run).unwrap().twin, "cutover fleet plan --all");
    run.scope = "wave:3".into();
    assert_eq!(again(&run).unwrap().twin, "cutover fleet plan --wave 3");
    run.scope = "tenant:a:b".into();
    run.summary["way"] = "down".into();
    assert_eq!(again(&run).unwrap().twin, "cutover fleet rollback --tenant a:b --to 4");
    run.scope = "canary".into();
    assert_eq!(again(&run), None, "there is no such scope");
    // On the list of runs too, where the mapping has a scope of the same name.
    let on_runs = |run: &RunView| {
        let bench = Bench::ready(World::default());
        super::super::plan::selected(&bench.state, Some(&Subject::Run(Box::new(run.clone()))))
    };
    assert!(refusal(on_runs(&run)).contains("can't be planned again"));
    run.scope = "tenant:acme".into();
    assert_eq!(plan(on_runs(&run)).twin, "cutover fleet rollback --tenant acme --to 4");
    run.kind = "map".into();
    run.scope = "all".into();
    assert_eq!(again(&run), None);
}

#[test]
fn the_way_back_is_planned_by_who_types_the_name_and_only_by_one_version() {
    let bench = on(7);
    let asked = dialog(intend(&bench.state, Action::FleetBack));
    assert_eq!(asked.tier, Tier::Live);
    assert_eq!(asked.fields[0].want, Want::Exactly("tenant-00007".into()));
    assert_eq!(asked.plan.twin, "cutover fleet rollback --tenant tenant-00007 --to 2");
    let [Step::Act(Act::Fleet(FleetAct::Rollback { to: 2, .. }))] = &asked.plan.steps[..] else {
        panic!("{asked:?}")
    };
    assert!(refusal(intend(&on(11).state, Action::FleetBack)).contains("has no migration"));
}

#[test]
fn a_retry_says_how_many_and_why_and_takes_the_group_of_the_row() {
    let asked = dialog(intend(&on(6).state, Action::FleetRetry));
    assert_eq!(asked.tier, Tier::Reversible);
    assert!(asked.effect[0].starts_with("6 tenants failed at 0003_add_slug: column"), "{:?}", asked.effect);
    assert_eq!(asked.plan.twin, format!("cutover fleet retry {} --group b1946ac9", sample::RUN));
    let asked = dialog(intend(&on(7).state, Action::FleetRetry));
    assert!(asked.plan.twin.ends_with("--group 591785b7"), "{}", asked.plan.twin);
    assert!(refusal(intend(&on(0).state, Action::FleetRetry)).contains("acme did not fail: it is completed"));
    // Two groups of one migration and one class: a tenant whose error is neither's is not guessed into one.
    let twin = bench(6, |status| {
        status.failures[0].text = "another".into();
        let mut second = status.failures[0].clone();
        second.group = "second".into();
        status.failures.push(second);
    });
    assert!(refusal(intend(&twin.state, Action::FleetRetry)).contains("can't be told"));
    // The run where they failed, whatever is the newest by now.
    let later = bench(6, |status| {
        status.run = None;
        status.failures[0].run = "0198cbcf-11aa-7cc1-9d6e-2f1d8a5b7c3e".into();
    });
    let asked = dialog(intend(&later.state, Action::FleetRetry));
    let run = "0198cbcf-11aa-7cc1-9d6e-2f1d8a5b7c3e";
    assert_eq!(asked.plan.twin, format!("cutover fleet retry {run} --group b1946ac9"));
    assert_eq!(asked.plan.run.unwrap().as_str(), run);
}

#[test]
fn hold_and_end_are_about_the_run_that_is_live_and_apply_about_the_newest_plan() {
    let bench = on(5);
    let asked = dialog(intend(&bench.state, Action::Hold));
    assert_eq!(asked.plan.twin, format!("cutover run resume {}", sample::RUN));
    assert!(dialog(intend(&bench.state, Action::Cancel)).plan.twin.starts_with("cutover run cancel"));
    let Ok(Intent::Look { filter, .. }) = intend(&bench.state, Action::Apply) else { panic!() };
    assert_eq!(filter, "kind:fleet state:planned,approved");
    let over = self::bench(5, |status| {
        status.run = Some(Box::new(sample::run(cutover_shared::run::RunState::Done)));
    });
    assert!(refusal(intend(&over.state, Action::Hold)).contains("no run of the fleet moves"));
    // A plan that somebody makes meanwhile takes nothing from the keys of the run that is halted.
    let planned = self::bench(5, |status| {
        status.plan = Some(Box::new(sample::run(cutover_shared::run::RunState::Planned)));
    });
    let asked = dialog(intend(&planned.state, Action::Hold));
    assert_eq!(asked.plan.twin, format!("cutover run resume {}", sample::RUN));
}

#[test]
fn applying_says_what_is_run_where_and_what_is_lost() {
    use cutover_shared::run::RunState;
    let bench = on(0);
    let asked = dialog(with_run(&bench.state, Action::Apply, &sample::run(RunState::Planned)));
    let all = asked.effect.join("\n");
    assert!(all.contains("9,890 tenants would get 19,780 steps") && all.contains("DATA GONE"), "{all}");
    assert_eq!(asked.tier, Tier::Fleet);
    assert!(
        asked.plan.twin.starts_with("cutover fleet apply 0198cbd0-6b40-7cc1-9d6e-2f1d8a5b7c3e --approve "),
        "{}",
        asked.plan.twin
    );
    let taken = dialog(with_run(&bench.state, Action::Undo, &sample::run(RunState::Done)));
    assert!(taken.effect[0].contains("taken back by their `down`"), "{:?}", taken.effect);
}

#[test]
fn a_test_asks_the_marked_ones_and_not_too_many() {
    let mut bench = on(8);
    assert_eq!(
        plan(intend(&bench.state, Action::InstanceTest)).twin,
        "cutover fleet instance test tenant-00008"
    );
    bench.keys(&["space", "space"]);
    let two = plan(intend(&bench.state, Action::InstanceTest));
    assert_eq!(
        two.twin,
        "cutover fleet instance test tenant-00008 && cutover fleet instance test tenant-00009"
    );
    assert_eq!(two.steps.len(), 2);
    assert!(refusal(intend(&bench.state, Action::DryRun)).contains("a wave or all"));
    for _ in 0..TESTED {
        bench.keys(&["space"]);
    }
    assert!(refusal(intend(&bench.state, Action::InstanceTest)).contains("20 at most"));
}

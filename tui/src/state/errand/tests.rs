use cutover_shared::mapping::{MapAct, MapScope};
use cutover_shared::run::{Counts, EffectClass, Progress, Reversibility, RunView};

use super::*;

const STANDING: &[RunState] = &[RunState::Paused, RunState::Done];

fn id() -> RunId {
    RunId::from("0198cbd0-6b28-7cc1-9d6e-2f1d8a5b7c3e")
}

fn pause() -> Act {
    Act::Run(RunAct::Pause { id: id() })
}

fn undo() -> Act {
    Act::Run(RunAct::Undo { id: id(), rate: None })
}

fn rollback() -> Plan {
    Plan {
        title: "roll back".to_owned(),
        twin: "cutover run pause && cutover run undo".to_owned(),
        steps: vec![Step::Act(pause()), Step::Until(id(), STANDING), Step::Act(undo())],
        run: Some(id()),
    }
}

fn receipt(state: RunState) -> Receipt {
    Receipt::Run(Box::new(RunView {
        id: id(),
        kind: "map".into(),
        scope: "all".into(),
        state,
        digest: "ab".into(),
        effect: EffectClass::Local,
        reversibility: Reversibility::Reversible,
        author: "alice".into(),
        planned_at: 0,
        approved_by: None,
        approved_at: None,
        self_approved: false,
        expires_at: 0,
        started_at: None,
        ended_at: None,
        rate: None,
        progress: Progress { counts: Counts::default(), per_second: 0.0, seconds_left: None },
        reason: None,
        summary: serde_json::Value::Null,
    }))
}

fn error(code: ErrorCode) -> RpcError {
    RpcError::new(code, "no", "wait")
}

fn outcome(errands: &Errands) -> &Outcome {
    &errands.get(0).unwrap().outcome
}

#[test]
fn steps_come_in_order_and_wait_for_the_run() {
    let mut errands = Errands::default();
    assert_eq!(errands.begin(rollback(), 10, 1), Next::Act(1, pause()));
    assert_eq!(errands.seen(&id(), RunState::Paused, 11, 2), None, "nobody waits yet");
    let (next, errand) = errands.acted(1, Ok(receipt(RunState::Pausing)), 12, 2).unwrap();
    assert_eq!((next, errand.is_going()), (Next::Wait, true));
    assert_eq!(errand.awaited(), Some((&id(), STANDING)));
    assert_eq!(errands.seen(&id(), RunState::Pausing, 13, 3), None, "not yet");
    assert_eq!(errands.seen(&RunId::from("other"), RunState::Paused, 13, 3), None, "another run");
    assert_eq!(errands.seen(&id(), RunState::Paused, 14, 4), Some(Next::Act(4, undo())));
    assert_eq!(errands.seen(&id(), RunState::Paused, 14, 5), None, "the same news goes on only once");
    let (next, _) = errands.acted(4, Ok(receipt(RunState::Undoing)), 15, 6).unwrap();
    assert_eq!(next, Next::Ended);
    assert!(matches!(outcome(&errands), Outcome::Done(text) if text.contains("undoing")));
    assert_eq!(errands.get(0).unwrap().ended, Some(15));
}

#[test]
fn a_failure_stops_the_steps() {
    let mut errands = Errands::default();
    errands.begin(rollback(), 10, 1);
    let (next, _) = errands.acted(1, Err(error(ErrorCode::WrongState)), 12, 2).unwrap();
    assert_eq!(next, Next::Ended);
    assert!(matches!(outcome(&errands), Outcome::Failed(_)));
    assert_eq!(errands.seen(&id(), RunState::Paused, 13, 3), None);
    assert_eq!(errands.repeat(0), None, "a no is not asked again");
}

#[test]
fn not_known_keeps_its_number_so_that_a_repeat_does_nothing_twice() {
    let mut errands = Errands::default();
    errands.begin(rollback(), 10, 7);
    errands.acted(7, Err(error(ErrorCode::NotReached)), 12, 8).unwrap();
    assert!(matches!(outcome(&errands), Outcome::NotKnown(_)));
    assert_eq!(errands.going(), 0);
    assert_eq!(
        errands.seen(&id(), RunState::Paused, 12, 9),
        None,
        "it stands still until somebody asks again"
    );
    assert_eq!(errands.repeat(0), Some((7, pause())));
    assert_eq!((errands.going(), errands.get(0).unwrap().ended), (1, None));
    assert_eq!(errands.repeat(0), None, "it is under way");
    let (next, _) = errands.acted(7, Ok(receipt(RunState::Pausing)), 14, 9).unwrap();
    assert_eq!(next, Next::Wait, "what was confirmed goes on: half a rollback is none");
    assert_eq!(errands.seen(&id(), RunState::Paused, 15, 10), Some(Next::Act(10, undo())));
}

#[test]
fn an_answer_that_nobody_waits_for_is_dropped() {
    let mut errands = Errands::default();
    errands.begin(rollback(), 10, 1);
    assert!(errands.acted(2, Ok(receipt(RunState::Paused)), 12, 3).is_none());
    errands.acted(1, Err(error(ErrorCode::Busy)), 12, 3).unwrap();
    assert!(errands.acted(1, Ok(receipt(RunState::Paused)), 13, 4).is_none(), "a second answer");
}

#[test]
fn receipts_are_bounded_but_what_is_under_way_is_kept() {
    let one = || Plan {
        title: "dry-run".to_owned(),
        twin: String::new(),
        steps: vec![Step::Act(Act::Map(MapAct::Plan { scope: MapScope::All, refresh: false }))],
        run: None,
    };
    let mut errands = Errands::default();
    errands.begin(rollback(), 0, 1);
    for number in 2..500 {
        errands.begin(one(), 0, number);
        errands.acted(number, Err(error(ErrorCode::Busy)), 1, 0).unwrap();
    }
    assert!(errands.all().any(|errand| errand.act == 1), "the one that is under way was forgotten");
    errands.acted(1, Err(error(ErrorCode::Busy)), 2, 0).unwrap();
    errands.begin(one(), 3, 1000);
    assert_eq!(errands.all().len(), KEPT);
}

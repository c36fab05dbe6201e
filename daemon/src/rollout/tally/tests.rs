use super::*;

#[test]
fn a_call_is_counted_once_whatever_becomes_of_it() {
    let (clock, counted) = (Clock::manual(0), Arc::new(Counted::default()));
    let tally: Arc<dyn Tally> = counted.clone();
    let call = || Call::begin(&tally, &clock, Operation::Import, &"acme".into(), Side::Target);
    let of = |outcome, answered| counted.calls(Operation::Import, Side::Target, outcome, answered);
    call().end(Outcome::Ok, true);
    call().end(Outcome::Error, false);
    assert_eq!((of(Outcome::Ok, true), of(Outcome::Error, false)), (1, 1));
    // Its caller goes away at once, then after a long wait.
    drop(call());
    assert_eq!((of(Outcome::Ok, true), of(Outcome::Gross, true)), (2, 0));
    let waiting = call();
    clock.advance(PATIENT);
    drop(waiting);
    assert_eq!(of(Outcome::Gross, true), 1);
    // What may take longer hangs only after that.
    let slow = || call().patient(PATIENT * 4);
    let waiting = slow();
    clock.advance(PATIENT * 3);
    drop(waiting);
    assert_eq!((of(Outcome::Ok, true), of(Outcome::Gross, true)), (3, 1));
    let waiting = slow();
    clock.advance(PATIENT * 4);
    drop(waiting);
    assert_eq!((of(Outcome::Ok, true), of(Outcome::Gross, true)), (3, 2));
    assert_eq!((counted.answered(Operation::Import), counted.beside(Operation::Import)), (5, 1));
    assert_eq!(counted.answered(Operation::List), 0);
}

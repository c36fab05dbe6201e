use std::time::Duration;

use std::sync::atomic::AtomicBool;

use super::*;

fn sample(operation: Operation, side: Side, tenant: &str, outcome: Outcome, us: u64) -> Sample<'_> {
    Sample { operation, side, tenant, outcome, latency: Duration::from_micros(us), answered: true }
}

/// The promise: each call once, whatever flushes in between.
#[test]
fn every_call_is_taken_exactly_once_while_flushes_come_in_between() {
    const THREADS: usize = 4;
    const CALLS: usize = 50_000;
    let recorder = Recorder::new();
    let done = AtomicBool::new(false);
    let (
        mut calls,
        mut errors,
        mut gross,
        mut answered,
        mut of_tenants,
        mut compared,
        mut shed,
        mut over_budget,
    ) = (0, 0, 0, 0, 0, 0, 0, 0);
    let mut takes = 0;
    let mut take = |recorder: &Recorder| {
        for delta in recorder.take() {
            assert!(
                delta.errors <= delta.histogram.total() && delta.gross <= delta.errors,
                "half a call was seen"
            );
            calls += delta.histogram.total();
            errors += delta.errors;
            gross += delta.gross;
            answered += delta.answered;
            compared += delta.compared;
            shed += delta.shed;
            over_budget += delta.over_budget;
        }
        recorder.take_tenants(|_, _, _, sum| of_tenants += sum.calls);
        takes += 1;
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let recorder = recorder.clone();
                scope.spawn(move || {
                    for call in 0..CALLS {
                        let operation = Operation::ALL[(call + thread) % Operation::ALL.len()];
                        let side = Side::ALL[call % 2];
                        let outcome = OUTCOMES[call % 3];
                        let tenant = ["a", "b", "c", "d", "e"][call % 5];
                        let mut sample = sample(operation, side, tenant, outcome, (call * 37) as u64);
                        sample.answered = call % 4 != 0;
                        recorder.record(&sample);
                        recorder.compared(operation, call % 7 != 0);
                        recorder.shed(operation);
                        recorder.over_budget(operation);
                    }
                })
            })
            .collect();
        let done = &done;
        scope.spawn(move || {
            for thread in threads {
                thread.join().unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) {
            take(&recorder);
        }
    });
    take(&recorder);
    let all = (THREADS * CALLS) as u64;
    let third = |n: usize| (THREADS * (0..CALLS).filter(|call| call % 3 >= n).count()) as u64;
    assert_eq!((calls, errors, gross), (all, third(1), third(2)));
    assert_eq!(answered, (THREADS * (0..CALLS).filter(|call| call % 4 != 0).count()) as u64);
    assert_eq!((of_tenants, compared, shed, recorder.beyond_tenants()), (all, all, all, 0));
    assert_eq!(over_budget, all);
    assert!(takes > 2, "no flush came in between");
}

#[test]
fn arms_and_outcomes_are_kept_apart() {
    let recorder = Recorder::new();
    recorder.record(&sample(Operation::List, Side::Legacy, "a", Outcome::Ok, 100));
    recorder.record(&sample(Operation::List, Side::Target, "a", Outcome::Gross, 100_000));
    recorder.record(&sample(Operation::List, Side::Target, "a", Outcome::Error, 10));
    recorder.compared(Operation::List, true);
    recorder.compared(Operation::List, false);
    let taken = recorder.take();
    let of = |delta: &Delta| {
        (delta.side, delta.histogram.total(), delta.errors, delta.gross, delta.compared, delta.mismatched)
    };
    let all: Vec<_> = taken.iter().map(of).collect();
    assert_eq!(all, [(Side::Legacy, 1, 0, 0, 0, 0), (Side::Target, 2, 2, 1, 2, 1)]);
    assert_eq!(taken[1].histogram.count_above(1_000), 1);
    assert!(recorder.take().is_empty());
}

#[test]
fn only_answers_of_the_target_make_or_end_a_run_of_gross_failures() {
    let recorder = Recorder::new();
    let name = RolloutName::GitSandbox;
    let told = recorder.gross_runs(name);
    let gross = |tenant| recorder.record(&sample(Operation::Clone, Side::Target, tenant, Outcome::Gross, 1));
    for n in 0..10 {
        gross(["a", "b", "c"][n % 3]);
        // None of these is an answer of this rollout's target.
        recorder.record(&sample(Operation::Clone, Side::Legacy, "a", Outcome::Ok, 1));
        recorder.record(&sample(Operation::List, Side::Target, "a", Outcome::Ok, 1));
        let beside =
            Sample { answered: false, ..sample(Operation::Clone, Side::Target, "a", Outcome::Ok, 1) };
        recorder.record(&beside);
    }
    assert_eq!(*told.borrow(), GrossRun { calls: 10, tenants: 3 });
    assert_eq!(recorder.gross_run(RolloutName::GithubAuth), GrossRun::default());
    recorder.record(&sample(Operation::Pull, Side::Target, "a", Outcome::Error, 1));
    assert_eq!(recorder.gross_run(name), GrossRun::default(), "an error is an answer");
}

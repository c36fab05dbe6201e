//! Applying, watching, undoing: a run is followed until it ends, and its end is the exit code.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use std::collections::VecDeque;

use cutover_shared::error::ErrorCode;
use cutover_shared::ids::{Digest, RunId};
use cutover_shared::page::Page;
use cutover_shared::rpc::{Act, Answer, Changes, Query, Receipt, Topic};
use cutover_shared::run::{Counts, RunAct, RunAnswer, RunQuery, RunState, RunView};
use support::{Daemon, Reply, sample};

fn shown(view: RunView) -> Reply<Answer> {
    Reply::Say(Answer::Run(RunAnswer::Show(Box::new(view))))
}

/// A daemon whose `run show` answers these views in turn, the last again and again.
fn showing(views: impl IntoIterator<Item = RunView>) -> Daemon {
    let mut views: VecDeque<RunView> = views.into_iter().collect();
    Daemon::start().answers(move |query| {
        assert!(matches!(query, Query::Run(RunQuery::Show { .. })), "{query:?}");
        shown(if views.len() > 1 { views.pop_front().unwrap() } else { views[0].clone() })
    })
}

fn runs_changed(version: u64, moving: Vec<RunView>) -> Reply<Changes> {
    let versions = vec![(Topic::Audit, 100 + version), (Topic::Runs, version)];
    Reply::Say(Changes { epoch: 5, versions, moving })
}

fn ended(state: RunState, counts: Counts, reason: Option<&str>) -> RunView {
    let mut view = sample::done();
    view.state = state;
    view.progress.counts = counts;
    view.reason = reason.map(Into::into);
    view
}

#[tokio::test]
async fn apply_approves_applies_and_follows_by_changes() {
    let mut version = 0;
    let daemon = showing([sample::planned(), sample::applying(0), sample::done()])
        .obeys(|act| match act {
            Act::Run(RunAct::Approve { .. } | RunAct::Apply { .. }) => {
                Reply::Say(Receipt::Run(Box::new(sample::applying(0))))
            }
            other => panic!("{other:?}"),
        })
        .changes(move |_| {
            version += 1;
            let moving = if version < 4 { vec![sample::applying(500 * version)] } else { Vec::new() };
            runs_changed(version, moving)
        });
    let args = ["map", "apply", sample::ID, "--approve", sample::DIGEST, "--rate", "500", "--key", "k"];
    let ran = daemon.run(&args).await;
    assert_eq!(ran.code, 0, "{ran:?}");

    let state = daemon.state.lock().unwrap();
    let id = RunId::from(sample::ID);
    let acts: Vec<_> = state.acts.iter().map(|(key, act)| (key.as_str(), act.clone())).collect();
    let digest = Digest::from(sample::DIGEST);
    assert_eq!(
        acts,
        [
            ("k/approve", Act::Run(RunAct::Approve { id: id.clone(), digest, override_reason: None })),
            ("k/apply", Act::Run(RunAct::Apply { id, rate: Some(500) })),
        ]
    );
    // Nothing known first, then what the answer before said of runs, and of nothing else.
    let runs = |version| (5, vec![(Topic::Runs, version)]);
    assert_eq!(state.changes, [(0, Vec::new()), runs(1), runs(2), runs(3)]);
    // Figures of a moving run come with the changes; it is asked for only at the start and at the end.
    assert_eq!(state.queries.len(), 3);
    // Off a terminal each state is one line, not each figure.
    assert_eq!(ran.err.lines().count(), 2, "{}", ran.err);
}

#[tokio::test]
async fn on_a_terminal_progress_rewrites_one_line() {
    let mut version = 0;
    let daemon = showing([sample::applying(0), sample::done()]).changes(move |_| {
        version += 1;
        let moving = if version < 3 { vec![sample::applying(500 * version)] } else { Vec::new() };
        runs_changed(version, moving)
    });
    let mut env = daemon.env();
    env.live = true;
    let ran = daemon.run_in(&env, &["watch", sample::ID], b"").await;
    assert_eq!(ran.code, 0);
    insta::assert_snapshot!("progress_on_a_terminal", ran.err.replace('\r', "<CR>").replace('\x1b', "<ESC>"));
    let ran = daemon.run_in(&env, &["watch", sample::ID, "--json"], b"").await;
    assert_eq!((ran.err.as_str(), ran.json()["state"].as_str()), ("", Some("done")));
}

#[tokio::test]
async fn the_end_of_a_run_is_the_exit_code() {
    let all = Counts { done: 2000, ..Counts::default() };
    let with = |f: fn(&mut Counts)| {
        let mut counts = all.clone();
        f(&mut counts);
        counts
    };
    let undone = Counts { undone: 2000, ..Counts::default() };
    for (code, view) in [
        (0, ended(RunState::Done, all.clone(), None)),
        (0, ended(RunState::Done, with(|c| c.skipped = 5), None)),
        (1, ended(RunState::Done, with(|c| c.stale = 1), None)),
        (1, ended(RunState::Done, with(|c| c.failed = 1), None)),
        (1, ended(RunState::Done, with(|c| c.unknown = 1), None)),
        (1, ended(RunState::Done, all.clone(), Some("verification: 2 mappings are not as written"))),
        (0, ended(RunState::Undone, undone.clone(), None)),
        (0, ended(RunState::Undone, Counts { stale: 4, ..undone.clone() }, None)),
        (1, ended(RunState::Undone, Counts { superseded: 1, ..undone }, None)),
        (3, ended(RunState::Expired, all.clone(), None)),
        (6, ended(RunState::Failed, all.clone(), Some("the store is full"))),
        (6, ended(RunState::Cancelled, all, Some("by bob"))),
    ] {
        let daemon = showing([view.clone()]);
        let ran = daemon.run(&["watch", sample::ID]).await;
        assert_eq!(ran.code, code, "{view:?} {ran:?}");
        let json = daemon.run(&["watch", sample::ID, "--json"]).await;
        if code <= 1 {
            assert_eq!(json.json(), serde_json::to_value(&view).unwrap());
        } else {
            assert!(json.error()["message"].as_str().unwrap().contains(sample::ID));
        }
    }
}

#[tokio::test]
async fn a_pause_ends_what_started_the_run_but_not_a_watch() {
    let paused =
        || ended(RunState::Paused, Counts { pending: 5, done: 5, ..Counts::default() }, Some("kill switch"));
    let started = |_| Reply::Say(Receipt::Run(Box::new(sample::applying(0))));
    let daemon = showing([paused()]).obeys(started);
    for args in
        [&["map", "apply", sample::ID][..], &["run", "resume", sample::ID], &["run", "undo", sample::ID]]
    {
        let ran = daemon.run(args).await;
        assert_eq!(ran.code, 5, "{ran:?}");
        assert!(ran.err.contains("was paused: kill switch") && ran.err.contains("run resume"), "{ran:?}");
    }
    let mut version = 0;
    let daemon = showing([paused(), sample::applying(9), sample::done()]).changes(move |_| {
        version += 1;
        runs_changed(version, Vec::new())
    });
    assert_eq!(daemon.run(&["watch", sample::ID]).await.code, 0);
}

#[tokio::test]
async fn following_outlives_a_restart_of_the_daemon() {
    let mut calls = 0;
    let daemon =
        showing([sample::applying(0), sample::applying(900), sample::done()]).changes(move |(epoch, _)| {
            calls += 1;
            match calls {
                1 => runs_changed(1, vec![sample::applying(700)]),
                2 => Reply::HangUp,
                _ => {
                    assert_eq!(epoch, 0, "a new daemon has another epoch: everything is asked for again");
                    runs_changed(1, Vec::new())
                }
            }
        });
    let ran = daemon.run(&["watch", sample::ID]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("trying to reach the daemon again"), "{ran:?}");
    assert_eq!(daemon.state.lock().unwrap().hellos.len(), 2);
    assert_eq!(daemon.state.lock().unwrap().hellos[0].purpose, "watch");
}

#[tokio::test]
async fn a_daemon_that_goes_right_after_the_act_is_no_failure_of_the_run() {
    let mut asked = 0;
    let daemon = Daemon::start().obeys(|_| Reply::Say(Receipt::Run(Box::new(sample::applying(0))))).answers(
        move |_| {
            asked += 1;
            if asked < 3 { Reply::HangUp } else { shown(sample::done()) }
        },
    );
    let mut env = daemon.env();
    env.patience = std::time::Duration::from_secs(20);
    let ran = daemon.run_in(&env, &["map", "apply", sample::ID], b"").await;
    assert_eq!((ran.code, daemon.acts().len()), (0, 1), "{ran:?}");
}

#[tokio::test]
async fn a_daemon_that_never_answered_is_told_at_once() {
    let daemon = Daemon::absent();
    let mut env = daemon.env();
    env.patience = std::time::Duration::from_secs(600);
    assert_eq!(daemon.run_in(&env, &["watch", sample::ID], b"").await.code, 4);
}

#[tokio::test]
async fn detached_acts_return_at_once() {
    let daemon = Daemon::start().obeys(|_| Reply::Say(Receipt::Run(Box::new(sample::applying(0)))));
    for args in [
        &["map", "apply", sample::ID, "--detach"][..],
        &["run", "undo", sample::ID, "--detach", "--rate", "5"],
        &["run", "resume", sample::ID, "--detach"],
        &["run", "retry", sample::ID, "--detach"],
    ] {
        let ran = daemon.run(args).await;
        assert_eq!(ran.code, 0);
        assert!(ran.err.contains(&format!("cutover watch {}", sample::ID)), "{ran:?}");
        assert!(ran.out.contains("applying"), "{ran:?}");
    }
    assert!(daemon.state.lock().unwrap().changes.is_empty());
}

#[tokio::test]
async fn an_approval_that_is_refused_applies_nothing() {
    let daemon = showing([sample::planned()]).obeys(|act| match act {
        Act::Run(RunAct::Approve { .. }) => Reply::code(ErrorCode::WrongDigest),
        other => panic!("{other:?}"),
    });
    let ran = daemon.run(&["map", "apply", sample::ID, "--approve", "other"]).await;
    assert_eq!((ran.code, daemon.acts().len()), (3, 1), "{ran:?}");
}

#[tokio::test]
async fn a_plan_that_is_approved_already_is_not_approved_again() {
    let mut approved = sample::planned();
    approved.state = RunState::Approved;
    let daemon = showing([approved, sample::done()])
        .obeys(|_| Reply::Say(Receipt::Run(Box::new(sample::applying(0)))));
    let ran = daemon.run(&["map", "apply", sample::ID, "--approve", sample::DIGEST]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(matches!(daemon.acts()[..], [Act::Run(RunAct::Apply { .. })]));
}

#[tokio::test]
async fn a_run_is_named_by_its_beginning_or_as_the_latest() {
    let other = "0198cbd0-6b28-7cc1-ffff-000000000000";
    let third = "0198aaaa-0000-7000-8000-000000000000";
    let daemon = Daemon::start().answers(move |query| {
        let page = |ids: &[&str], next: Option<&str>| {
            let rows = ids.iter().map(|id| RunView { id: RunId::from(*id), ..sample::done() }).collect();
            Reply::Say(Answer::Run(RunAnswer::List(Page { rows, next: next.map(Into::into) })))
        };
        match query {
            Query::Run(RunQuery::List { page: ask, .. }) if ask.limit == 1 => page(&[other], Some("1")),
            Query::Run(RunQuery::List { page: ask, .. }) if ask.after.is_none() => {
                page(&[other, sample::ID], Some("2"))
            }
            Query::Run(RunQuery::List { .. }) => page(&[third], None),
            Query::Run(RunQuery::Show { id }) => shown(RunView { id, ..sample::done() }),
            other => panic!("{other:?}"),
        }
    });
    for (text, wanted) in [
        ("latest", Ok(other)),
        (third, Ok(third)),
        ("0198aaaa", Ok(third)),
        ("0198cbd0-6b28-7cc1-f", Ok(other)),
        ("0198cbd0-6b28", Err("several runs")),
        ("0198bbbb", Err("no run's id begins")),
        ("0198", Err("too short")),
    ] {
        let ran = daemon.run(&["run", "show", text]).await;
        match wanted {
            Ok(id) => assert!(ran.code == 0 && ran.out.contains(id), "{text} {ran:?}"),
            Err(why) => assert!(ran.code == 2 && ran.err.contains(why), "{text} {ran:?}"),
        }
    }
}

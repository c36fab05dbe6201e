//! Each class of exit code, and the shape of errors.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use std::time::Duration;

use cutover_shared::audit::AuditAnswer;
use cutover_shared::error::ErrorCode;
use cutover_shared::mapping::{MapAnswer, MapReceipt};
use cutover_shared::page::Page;
use cutover_shared::rpc::{Answer, Query, Receipt, Role};
use cutover_shared::run::{RunAnswer, RunQuery};
use support::{Daemon, Reply, sample};

const CODES: [(ErrorCode, u8); 18] = [
    (ErrorCode::Usage, 2),
    (ErrorCode::NotFound, 2),
    (ErrorCode::Role, 3),
    (ErrorCode::Gate, 3),
    (ErrorCode::NotApproved, 3),
    (ErrorCode::WrongDigest, 3),
    (ErrorCode::StalePlan, 3),
    (ErrorCode::Busy, 3),
    (ErrorCode::WrongState, 3),
    (ErrorCode::Killed, 3),
    (ErrorCode::BadUpload, 3),
    (ErrorCode::Version, 4),
    (ErrorCode::NotReached, 4),
    (ErrorCode::StillGoing, 5),
    (ErrorCode::GitHub, 6),
    (ErrorCode::Store, 6),
    (ErrorCode::Outside, 6),
    (ErrorCode::Internal, 6),
];

#[tokio::test]
async fn each_refusal_of_the_daemon_has_its_exit_code_and_shape() {
    for (code, exit) in CODES {
        let daemon = Daemon::start().answers(move |_| Reply::code(code)).obeys(move |_| Reply::code(code));
        for args in [&["status"][..], &["mode", "set", "off"], &["run", "list"], &["token", "refresh", "1"]] {
            let text = daemon.run(args).await;
            assert_eq!((text.code, text.out.as_str()), (exit, ""), "{code:?} {args:?} {text:?}");
            assert_eq!(
                text.err,
                format!("error: refused as {code:?}\n  the mend\n  runbook: runbooks/x.md\n"),
                "{args:?}"
            );
            let json = daemon.run(&[&["--json"], args].concat()).await;
            assert_eq!(json.code, exit);
            let error = json.error();
            assert_eq!(error["code"], serde_json::to_value(code).unwrap());
            assert_eq!(error["hint"], "the mend");
            assert_eq!(error["runbook"], "runbooks/x.md");
        }
    }
}

#[tokio::test]
async fn what_was_found_is_exit_1() {
    let daemon = Daemon::start().answers(|query| {
        Reply::Say(match query {
            Query::Doctor => Answer::Doctor(sample::checks()),
            _ => Answer::Audit(AuditAnswer::Check(sample::audit_check(false))),
        })
    });
    assert_eq!(daemon.run(&["doctor"]).await.code, 1);
    assert_eq!(daemon.run(&["audit", "verify"]).await.code, 1);
    let daemon = Daemon::start().answers(|query| {
        Reply::Say(match query {
            Query::Doctor => Answer::Doctor(sample::health_ok()),
            _ => Answer::Audit(AuditAnswer::Check(sample::audit_check(true))),
        })
    });
    assert_eq!(daemon.run(&["doctor"]).await.code, 0, "a warning is not bad");
    assert_eq!(daemon.run(&["audit", "verify"]).await.code, 0);

    for passed in [true, false] {
        let daemon = Daemon::start().obeys(move |_| {
            Reply::Say(Receipt::Map(MapReceipt::SpotCheck(Box::new(sample::spot_check(passed)))))
        });
        assert_eq!(daemon.run(&["map", "spot-check"]).await.code, u8::from(!passed));
    }
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_exit_2_and_reach_nobody() {
    let daemon = Daemon::start();
    for args in [
        &[][..],
        &["frob"],
        &["map"],
        &["map", "plan", "--all", "--canary"],
        &["mode", "set"],
        &["mode", "set", "--canary-file", "/nowhere/tenants"],
        &["run", "show", "0198"],
        &["run", "list", "--state", "gone"],
        &["run", "settle", sample::ID, "item"],
        &["catalog", "import", "/nowhere/catalog.csv"],
        &["catalog", "import", "/nowhere/catalog"],
        &["--timeout", "0", "status"],
        &["--timeout", "400d", "status"],
        &["--key", "two words", "mode", "set", "off"],
        &["map", "plan", "--csv", "-", "--json"],
    ] {
        let text = daemon.run(args).await;
        assert_eq!((text.code, text.out.as_str()), (2, ""), "{args:?} {text:?}");
        assert!(!text.err.is_empty());
        let json = daemon.run(&[args, &["--json"]].concat()).await;
        assert_eq!(json.code, 2, "{args:?}");
        assert_eq!(json.error()["code"], "usage", "{args:?}");
    }
    let state = daemon.state.lock().unwrap();
    assert!(state.acts.is_empty() && state.queries.is_empty(), "{:?} {:?}", state.acts, state.queries);
}

#[tokio::test]
async fn no_daemon_is_exit_4_with_the_mend() {
    let daemon = Daemon::absent();
    let ran = daemon.run(&["--json", "status"]).await;
    assert_eq!(ran.code, 4);
    assert_eq!(ran.error()["code"], "not_reached");
    assert!(ran.error()["hint"].as_str().unwrap().contains("is cutoverd running?"), "{ran:?}");

    // A socket that nobody listens on any more.
    drop(std::os::unix::net::UnixListener::bind(daemon.socket()).unwrap());
    let ran = daemon.run(&["status"]).await;
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("Connection refused") && ran.err.contains("is cutoverd running?"), "{ran:?}");
}

#[tokio::test]
async fn another_protocol_is_exit_4() {
    let daemon = Daemon::start().greets(|hello| {
        let mut welcome = support::welcome(&hello);
        welcome.protocol += 1;
        Reply::Say(welcome)
    });
    let ran = daemon.run(&["--json", "status"]).await;
    assert_eq!((ran.code, ran.error()["code"].as_str()), (4, Some("version")));
    let message = ran.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("cutoverd 9.9.9 speaks protocol 2"), "{message}");
}

#[tokio::test]
async fn a_daemon_that_hangs_up_is_exit_4_and_an_act_says_that_it_may_be_done() {
    let daemon = Daemon::start().answers(|_| Reply::HangUp).obeys(|_| Reply::HangUp);
    assert_eq!(daemon.run(&["status"]).await.code, 4);
    let ran = daemon.run(&["mode", "set", "off"]).await;
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("whether the act was done is not known"), "{ran:?}");
    let daemon = Daemon::start().greets(|_| Reply::HangUp);
    assert_eq!(daemon.run(&["status"]).await.code, 4);
}

#[tokio::test]
async fn the_end_of_timeout_is_exit_5_and_says_how_to_look() {
    let daemon = Daemon::start().answers(|_| Reply::Hang).obeys(|_| Reply::Hang);
    let ran = daemon.run(&["--timeout", "60ms", "--json", "status"]).await;
    assert_eq!((ran.code, ran.error()["code"].as_str()), (5, Some("still_going")));

    let ran = daemon.run(&["--timeout", "60ms", "--key", "k-1", "map", "plan"]).await;
    assert_eq!(ran.code, 5);
    assert!(ran.err.contains("map.plan was still going") && ran.err.contains("--key k-1"), "{ran:?}");

    let daemon = Daemon::start()
        .answers(|_| Reply::Say(Answer::Run(RunAnswer::Show(Box::new(sample::applying(3))))))
        .changes(|_| Reply::Hang);
    let ran = daemon.run(&["--timeout", "60ms", "watch", sample::ID]).await;
    assert_eq!(ran.code, 5);
    assert!(ran.err.contains(&format!("`cutover watch {}`", sample::ID)), "{ran:?}");
}

#[tokio::test]
async fn the_wanted_role_is_in_the_hello() {
    let daemon = Daemon::start().answers(|_| Reply::Say(Answer::Doctor(Vec::new())));
    for (args, role) in [
        (&["doctor"][..], None),
        (&["--role", "viewer", "doctor"], Some(Role::Viewer)),
        (&["doctor", "--role", "approver"], Some(Role::Approver)),
        (&["--read-only", "doctor"], Some(Role::Viewer)),
        (&["--role", "admin", "doctor", "--read-only"], Some(Role::Viewer)),
    ] {
        assert_eq!(daemon.run(args).await.code, 0);
        let hello = daemon.state.lock().unwrap().hellos.pop().unwrap();
        assert_eq!((hello.role, hello.purpose.as_str()), (role, "cli"), "{args:?}");
    }
}

#[tokio::test]
async fn an_act_has_a_fresh_key_or_the_one_that_was_named() {
    let daemon = Daemon::start().obeys(|_| Reply::Say(Receipt::Map(MapReceipt::Mode(sample::mode()))));
    for args in [
        &["mode", "set", "off"][..],
        &["mode", "set", "off"],
        &["mode", "set", "off", "--key", "deploy-7"],
        &["mode", "set", "off", "--key", "deploy-7"],
    ] {
        assert_eq!(daemon.run(args).await.code, 0);
    }
    let keys: Vec<String> = daemon.state.lock().unwrap().acts.iter().map(|(key, _)| key.0.clone()).collect();
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[2..], ["deploy-7", "deploy-7"]);
}

#[tokio::test]
async fn a_list_that_does_not_move_on_ends_with_an_error() {
    let daemon = Daemon::start().answers(|_| {
        Reply::Say(Answer::Run(RunAnswer::List(Page { rows: Vec::new(), next: Some("same".into()) })))
    });
    let ran = daemon.run(&["run", "list", "--all-rows"]).await;
    assert_eq!(ran.code, 6, "{ran:?}");
}

#[tokio::test]
async fn an_answer_of_another_kind_is_an_error() {
    let daemon = Daemon::start().answers(|query| {
        Reply::Say(match query {
            Query::Run(RunQuery::Show { .. }) => Answer::Doctor(Vec::new()),
            _ => Answer::Map(MapAnswer::Counts(Default::default())),
        })
    });
    for args in [&["status"][..], &["run", "show", sample::ID], &["mode", "get"], &["tenant", "list"]] {
        assert_eq!(daemon.run(args).await.code, 6, "{args:?}");
    }
}

#[tokio::test]
async fn a_connection_is_tried_only_as_long_as_patience_lasts() {
    let daemon = Daemon::start()
        .answers(|_| Reply::Say(Answer::Run(RunAnswer::Show(Box::new(sample::applying(3))))))
        .changes(|_| Reply::HangUp)
        .greets({
            let mut greeted = 0;
            move |hello| {
                greeted += 1;
                if greeted == 1 { Reply::Say(support::welcome(&hello)) } else { Reply::HangUp }
            }
        });
    let mut env = daemon.env();
    env.patience = Duration::from_millis(250);
    let ran = daemon.run_in(&env, &["watch", sample::ID], b"").await;
    assert_eq!(ran.code, 4, "{ran:?}");
}

//! Rollouts on the command line: what is asked, what is printed, how it ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::TenantId;
use cutover_shared::mapping::MapScope;
use cutover_shared::rollout::{
    IncidentOutcome, Operation, ReconcileView, Ring, RingChange, RolloutAct, RolloutAnswer, RolloutName,
    RolloutQuery, RolloutReceipt, Side, Stage, StepView, WorthDecision,
};
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use support::rollout::measured;
use support::{Daemon, Reply, rollout, sample};

const AUTH: RolloutName = RolloutName::GithubAuth;

fn daemon() -> Daemon {
    Daemon::start()
        .answers(|query| match query {
            Query::Rollout(query) => Reply::Say(Answer::Rollout(rollout::answer(&query))),
            other => panic!("{other:?}"),
        })
        .obeys(|act| match act {
            Act::Rollout(act) => Reply::Say(Receipt::Rollout(Box::new(rollout::receipt(&act)))),
            Act::Kill { rollout: Some(name), reason } => {
                let act = RolloutAct::Rollback { name, to: None, reason };
                Reply::Say(Receipt::Rollout(Box::new(rollout::receipt(&act))))
            }
            other => panic!("{other:?}"),
        })
}

fn acted(daemon: &Daemon) -> RolloutAct {
    match daemon.acts().pop() {
        Some(Act::Rollout(act)) => act,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn texts_fit_a_terminal_of_80_columns() {
    let daemon = daemon();
    let mut env = daemon.env();
    env.columns = Some(80);
    for (name, args) in [
        ("list", &["list"][..]),
        ("show", &["show", "github-auth"]),
        ("show_begun", &["show", "git-sandbox"]),
        ("stage", &["stage", "github-auth"]),
        ("members", &["members", "github-auth", "--side", "target"]),
        ("changes", &["changes", "github-auth"]),
        ("timeline", &["timeline", "github-auth"]),
        ("ring", &["ring", "internal"]),
        ("ring_add", &["ring", "beta", "add", "acme", "globex"]),
        ("flag", &["flag"]),
        ("flag_one", &["flag", "git.push.use_service_layer"]),
        ("flag_off", &["flag", "import", "off", "--reason", "imports fail"]),
        ("overrides", &["overrides", "github-auth"]),
        ("override", &["override", "github-auth", "acme", "legacy", "--reason", "their trial"]),
        ("freeze", &["freeze", "github-auth", "--reason", "the quarter closes"]),
        ("unfreeze", &["unfreeze", "github-auth"]),
        ("explain", &["explain", "acme", "import"]),
        ("mismatches", &["mismatches", "github-auth"]),
        ("repairs", &["repairs", "github-auth"]),
        ("repair", &["repair", "github-auth"]),
        ("repair_drop", &["repair", "github-auth", "17", "--drop", "the project is gone"]),
        ("repair_none", &["repair", "git-sandbox"]),
        ("reconcile", &["reconcile", "git-sandbox"]),
        ("reconciliation", &["reconciliation", "github-auth"]),
        ("reconciliation_none", &["reconciliation", "git-sandbox"]),
        ("baseline", &["baseline", "github-auth"]),
        ("worth", &["worth"]),
        ("decide", &["decide", "github-auth", "not-needed", "--reason", "it is fast enough"]),
        ("drill", &["drill", "github-auth"]),
        ("preflight", &["preflight", "github-auth"]),
        ("records_list", &["records", "list"]),
        ("records_plan", &["records", "plan", "--all"]),
    ] {
        let args = [&["rollout"], args].concat();
        let ran = daemon.run_in(&env, &args, b"").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
        for line in ran.out.lines() {
            assert!(line.contains("--approve") || cutover_tui::plain::width(line) <= 80, "{line}");
        }
        insta::assert_snapshot!(format!("rollout_{name}"), ran.out);
        daemon.run(&[&args[..], &["--json"]].concat()).await.json();
    }
    for (name, args) in [
        ("rollback", &["rollback", "github-auth", "--reason", "imports fail"][..]),
        ("kill_one", &["kill", "github-auth", "--reason", "imports fail"]),
        ("unkill", &["unkill", "--all", "--reason", "it was a drill"]),
        ("incident_declare", &["incident", "declare", "--all", "--text", "wrong files in imports of acme"]),
        ("incident_close", &["incident", "close", "inc-7"]),
        ("incident_close_again", &["incident", "close", "inc-6"]),
        ("incident_list", &["incident", "list"]),
    ] {
        let ran = daemon.run_in(&env, args, b"").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
        insta::assert_snapshot!(name, ran.out);
        daemon.run(&[args, &["--json"]].concat()).await.json();
    }
}

#[tokio::test]
async fn documents_are_what_the_daemon_said() {
    let daemon = daemon();
    let show = daemon.run(&["rollout", "show", "github-auth", "--json"]).await.json();
    assert_eq!(show, serde_json::to_value(rollout::view(AUTH)).unwrap());
    let step = daemon.run(&["rollout", "stage", "github-auth", "--json"]).await.json();
    assert_eq!(step, serde_json::to_value(rollout::step(AUTH, true)).unwrap());
    let list = daemon.run(&["rollout", "list", "--json"]).await.json();
    assert_eq!(list["rows"][0], serde_json::to_value(rollout::line(AUTH)).unwrap());
    let members = daemon.run(&["rollout", "members", "github-auth", "--limit", "9", "--json"]).await.json();
    assert_eq!((members["rows"].as_array().unwrap().len(), members["next"].as_str()), (9, Some("wayne")));
    let mismatches = daemon.run(&["rollout", "mismatches", "github-auth", "--json"]).await.json();
    assert_eq!(mismatches["rows"], serde_json::to_value(measured::mismatches()).unwrap());
    let repairs = daemon.run(&["rollout", "repairs", "github-auth", "--json"]).await.json();
    assert_eq!(repairs["rows"], serde_json::to_value(measured::repairs()).unwrap());
    let last = daemon.run(&["rollout", "reconciliation", "github-auth", "--json"]).await.json();
    assert_eq!(last, serde_json::to_value(measured::reconciled(AUTH)).unwrap());
    let none = daemon.run(&["rollout", "reconciliation", "git-sandbox", "--json"]).await.json();
    assert!(none.is_null(), "{none}");
    let records = daemon.run(&["rollout", "records", "list", "--tenant", "acme", "--json"]).await.json();
    assert_eq!(records["rows"], serde_json::to_value(measured::records()).unwrap());
    let planned = daemon.run(&["rollout", "records", "plan", "--tenant", "acme", "--json"]).await.json();
    assert_eq!(planned, serde_json::to_value(measured::records_planned()).unwrap());
    assert_eq!(acted(&daemon), RolloutAct::PlanRecords { scope: MapScope::Tenant("acme".into()) });
    let incidents = daemon.run(&["incident", "list", "--json"]).await.json();
    assert_eq!(incidents["rows"], serde_json::to_value([measured::incident(None)]).unwrap());
    for (args, act) in [
        (&["rollout", "drill", "github-auth"][..], RolloutAct::Drill { name: AUTH }),
        (&["rollout", "reconcile", "github-auth"], RolloutAct::Reconcile { name: AUTH }),
        (
            &["rollout", "baseline", "github-auth", "--since", "2h"],
            RolloutAct::Baseline { name: AUTH, since_ms: sample::NOW - 7_200_000 },
        ),
        (&["incident", "close", "inc-7"], RolloutAct::Close { id: "inc-7".into() }),
    ] {
        let ran = daemon.run(&[args, &["--json"]].concat()).await;
        assert_eq!(ran.json(), serde_json::to_value(rollout::receipt(&act)).unwrap());
        assert_eq!(acted(&daemon), act);
    }
}

/// Scripts stop at what has to be looked at.
#[tokio::test]
async fn what_was_found_is_told_by_the_exit_code() {
    let daemon = daemon();
    for (args, code, told) in [
        (["rollout", "reconcile", "github-auth"], 1, "DIFFER"),
        (["rollout", "reconcile", "git-sandbox"], 0, "agree"),
        (["rollout", "drill", "git-sandbox"], 1, "FAILED"),
        (["rollout", "drill", "github-auth"], 0, "passed"),
        (["rollout", "preflight", "git-sandbox"], 1, "FAILED"),
        (["rollout", "preflight", "github-auth"], 0, "passed"),
    ] {
        let ran = daemon.run(&args).await;
        assert_eq!((ran.code, ran.err.as_str()), (code, ""), "{args:?}");
        assert!(ran.out.contains(told), "{}", ran.out);
        assert_eq!(daemon.run(&[&args[..], &["--json"]].concat()).await.code, code);
    }
    let healthy_but_one = ReconcileView { different: 1, ..measured::reconciled(RolloutName::GitSandbox) };
    let daemon = Daemon::start().obeys(move |_| {
        let reconciled = Some(healthy_but_one.clone());
        Reply::Say(Receipt::Rollout(Box::new(RolloutReceipt { reconciled, ..RolloutReceipt::default() })))
    });
    assert_eq!(daemon.run(&["rollout", "reconcile", "git-sandbox"]).await.code, 1);
}

/// A way back that is not stored, and one that was not gone, have to be looked at.
#[tokio::test]
async fn a_declared_incident_tells_what_went_back_what_did_not_and_how_to_close_it() {
    let run = async |outcome: IncidentOutcome| {
        let daemon = Daemon::start().obeys(move |act| {
            let Act::Rollout(act) = act else { panic!("{act:?}") };
            let mut receipt = rollout::receipt(&act);
            receipt.effects[0].outcome = outcome.clone();
            Reply::Say(Receipt::Rollout(Box::new(receipt)))
        });
        let args = ["--socket", "/F/s", "incident", "declare", "--all", "--text", "x"];
        let socket = daemon.folder.path().join("d.sock").display().to_string();
        let args = args.map(|arg| if arg == "/F/s" { socket.as_str() } else { arg });
        daemon.run(&args).await
    };
    let effects = measured::effects();
    let went = run(effects[0].outcome.clone()).await;
    assert_eq!(went.code, 0, "{went:?}");
    for words in [
        "github-auth: canary-10 to shadow, version 8",
        "import: 12 of 120 tenants left the target",
        "list: on legacy before, the flag is off",
        "git-sandbox, in shadow: in this stage the target answers for nobody",
        "`cutover --socket /F/d.sock incident close inc-7`",
    ] {
        let told = went.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(words), "{words}: {}", went.out);
    }
    let IncidentOutcome::RolledBack { from, to, operations, off, .. } = effects[0].outcome.clone() else {
        panic!("{effects:?}")
    };
    let (tenants, stored) = (None, false);
    let owed = run(IncidentOutcome::RolledBack { from, to, operations, off, tenants, stored }).await;
    assert_eq!(owed.code, 1, "{owed:?}");
    assert!(owed.out.contains("not stored yet") && owed.out.contains("could not be counted"), "{}", owed.out);
    let failed = run(IncidentOutcome::Failed { why: "it is not read".into() }).await;
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.out.contains("NOT BACK") && failed.out.contains("`cutover kill github-auth`"));
}

#[tokio::test]
async fn a_step_changes_nothing_before_its_digest_is_named() {
    let daemon = daemon();
    let dry = daemon.run(&["rollout", "stage", "github-auth", "--exact", "3"]).await;
    assert_eq!((dry.code, daemon.acts().len()), (0, 0));
    let command = format!(
        "cutover rollout stage github-auth --to canary-50 --exact 3 \\\n    --approve {}",
        rollout::DIGEST
    );
    assert!(dry.out.contains(&command), "{}", dry.out);
    let ran = daemon
        .run(&[
            "rollout",
            "stage",
            "github-auth",
            "--to",
            "canary-50",
            "--exact",
            "3",
            "--approve",
            "abc",
            "--override",
            "we know",
        ])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        acted(&daemon),
        RolloutAct::Stage {
            name: AUTH,
            to: "canary-50".parse().unwrap(),
            exact: Some(3),
            ring: None,
            digest: "abc".into(),
            override_reason: Some("we know".into()),
        }
    );
    let ran = daemon.run(&["rollout", "stage", "github-auth", "--override", "we know"]).await;
    assert_eq!(ran.code, 2, "an override without an approval approves nothing");
}

#[tokio::test]
async fn what_the_daemon_refuses_is_told_by_the_exit_code() {
    for (code, exit) in
        [(ErrorCode::Gate, 3), (ErrorCode::StalePlan, 3), (ErrorCode::WrongState, 3), (ErrorCode::Store, 6)]
    {
        let daemon = Daemon::start().obeys(move |_| Reply::code(code));
        let ran = daemon.run(&["rollout", "stage", "github-auth", "--to", "live", "--approve", "abc"]).await;
        assert_eq!(ran.code, exit, "{ran:?}");
        let ran = daemon.run(&["rollback", "github-auth", "--reason", "x", "--json"]).await;
        assert_eq!(ran.code, exit);
        assert_eq!(ran.error()["hint"], "the mend");
    }
    for args in [
        &["rollout", "show", "nothing"][..],
        &["rollout", "stage", "github-auth", "--to", "canary-0"],
        &["rollout", "stage", "github-auth", "--exact", "0"],
        &["rollout", "flag", "import", "off"],
        &["rollout", "flag", "import", "--reason", "x"],
        &["rollout", "explain", "acme", "fly"],
        &["rollout", "explain", "acme", "import", "--at", "yesterday"],
        &["rollback", "github-auth"],
        &["unkill", "--reason", "x"],
        &["unkill", "github-auth", "--all", "--reason", "x"],
        &["rollout", "repair", "github-auth", "--drop", "x"],
        &["rollout", "repair", "github-auth", "0"],
        &["rollout", "baseline", "github-auth", "--since", "yesterday"],
        &["rollout", "decide", "github-auth", "not_needed", "--reason", "x"],
        &["rollout", "decide", "github-auth", "migrate"],
        &["incident", "declare", "--text", "x"],
        &["incident", "declare", "github-auth"],
        &["incident", "declare", "github-auth", "--all", "--text", "x"],
        &["kill", "github-auth", "--local"],
        &["kill", "github-auth", "--all"],
    ] {
        let ran = Daemon::absent().run(args).await;
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
    }
}

#[tokio::test]
async fn each_verb_says_what_is_meant() {
    let daemon = daemon();
    for (args, wanted) in [
        (
            &["rollout", "flag", "git.push.use_service_layer", "on", "--reason", "x"][..],
            RolloutAct::Flag { operation: Operation::Push, on: true, reason: "x".into() },
        ),
        (
            &["rollout", "override", "github-auth", "acme", "none", "--reason", "x"],
            RolloutAct::Override {
                name: AUTH,
                tenant: TenantId::from("acme"),
                side: None,
                reason: "x".into(),
            },
        ),
        (
            &["rollout", "override", "github-auth", "acme", "target", "--reason", "x"],
            RolloutAct::Override {
                name: AUTH,
                tenant: TenantId::from("acme"),
                side: Some(Side::Target),
                reason: "x".into(),
            },
        ),
        (&["rollout", "unfreeze", "github-auth"], RolloutAct::Unfreeze { name: AUTH }),
        (
            &["rollback", "github-auth", "--to", "off", "--reason", "x"],
            RolloutAct::Rollback { name: AUTH, to: Some(Stage::Off), reason: "x".into() },
        ),
        (
            &["unkill", "github-auth", "--reason", "x"],
            RolloutAct::Unkill { name: Some(AUTH), reason: "x".into() },
        ),
        (&["unkill", "--all", "--reason", "x"], RolloutAct::Unkill { name: None, reason: "x".into() }),
        (&["rollout", "repair", "github-auth"], RolloutAct::Repair { name: AUTH, seq: None, drop: None }),
        (
            &["rollout", "repair", "github-auth", "17", "--drop", "x"],
            RolloutAct::Repair { name: AUTH, seq: Some(17), drop: Some("x".into()) },
        ),
        (
            &["rollout", "baseline", "github-auth"],
            RolloutAct::Baseline { name: AUTH, since_ms: sample::NOW - 86_400_000 },
        ),
        (
            &["rollout", "decide", "github-auth", "migrate", "--reason", "x"],
            RolloutAct::Decide { name: AUTH, decision: WorthDecision::Migrate, reason: "x".into() },
        ),
        (&["rollout", "preflight", "github-auth"], RolloutAct::Preflight { name: AUTH }),
        (
            &["incident", "declare", "github-auth", "--text", "x"],
            RolloutAct::Declare { name: Some(AUTH), text: "x".into() },
        ),
        (
            &["incident", "declare", "--all", "--text", "x"],
            RolloutAct::Declare { name: None, text: "x".into() },
        ),
    ] {
        assert_eq!(daemon.run(args).await.code, 0, "{args:?}");
        assert_eq!(acted(&daemon), wanted);
    }
    assert_eq!(daemon.run(&["kill", "github-auth"]).await.code, 0);
    assert_eq!(daemon.acts().pop(), Some(Act::Kill { reason: "not given".into(), rollout: Some(AUTH) }));
}

#[tokio::test]
async fn a_time_is_a_moment_or_how_long_ago() {
    let daemon = daemon();
    for (at, wanted) in [("2h", sample::NOW - 7_200_000), ("2026-08-21T14:03:05Z", sample::NOW)] {
        assert_eq!(
            daemon
                .run(&["rollout", "explain", "acme", "github.import.use_installation", "--at", at])
                .await
                .code,
            0
        );
        let asked = daemon.state.lock().unwrap().queries.pop();
        let Some(Query::Rollout(RolloutQuery::Explain { operation, at, .. })) = asked else {
            panic!("{asked:?}")
        };
        assert_eq!((operation, at), (Operation::Import, Some(wanted)));
    }
}

/// A step that nobody may take says so, and prints no command that would be refused.
#[tokio::test]
async fn a_closed_step_names_what_is_in_the_way() {
    for (hard, told) in [(true, "CLOSED: soak"), (false, "an approver may pass")] {
        let daemon = Daemon::start().answers(move |_| {
            let mut step = rollout::step(AUTH, false);
            step.criteria[2].may_override = !hard;
            Reply::Say(Answer::Rollout(RolloutAnswer::Step(Box::new(step))))
        });
        let ran = daemon.run(&["rollout", "stage", "github-auth"]).await;
        assert_eq!(ran.code, 0, "it is a dry-run");
        assert!(ran.out.contains(told), "{}", ran.out);
        assert_eq!(ran.out.contains("--approve"), !hard);
        assert_eq!(ran.out.contains("--override REASON"), !hard);
    }
}

/// A kill that the daemon could not store has taken effect all the same; its refusal says so, and no local kill is needed.
#[tokio::test]
async fn what_is_owed_to_the_store_is_told() {
    let daemon = Daemon::start().obeys(|_| {
        Reply::Refuse(RpcError::new(
            ErrorCode::Store,
            "the way back is not stored yet",
            "every decision is as you asked",
        ))
    });
    let ran = daemon.run(&["kill", "github-auth"]).await;
    assert_eq!(ran.code, 6);
    assert!(ran.err.contains("every decision is as you asked"), "{}", ran.err);
    assert!(!ran.err.contains("NOTHING WAS KILLED"), "{}", ran.err);
}

/// The standby and what a way back leaves out are told where people look.
#[tokio::test]
async fn a_rollout_in_live_shows_its_standby_and_a_way_back_from_complete_warns() {
    let daemon = Daemon::start()
        .answers(|_| Reply::Say(Answer::Rollout(RolloutAnswer::Show(Box::new(rollout::live())))))
        .obeys(|act| match act {
            Act::Rollout(act) => {
                let mut receipt = rollout::receipt(&act);
                receipt.changes[0].detail = serde_json::json!({
                    "named": ["rollback authority"],
                    "warning": "legacy was not written from 2026-08-18 to 2026-08-21",
                });
                Reply::Say(Receipt::Rollout(Box::new(receipt)))
            }
            other => panic!("{other:?}"),
        });
    let mut env = daemon.env();
    env.columns = Some(80);
    let ran = daemon.run_in(&env, &["rollout", "show", "github-auth"], b"").await;
    let told = ran.out.split("Track").next().unwrap().to_owned();
    for words in ["hot standby, 3 writes behind, the oldest 4 s", "Legacy lacks", "Lead", "On call"] {
        assert!(told.contains(words), "{told}");
    }
    assert!(ran.out.lines().all(|line| cutover_tui::plain::width(line) <= 80), "{}", ran.out);
    let ran = daemon.run(&["rollback", "github-auth", "--reason", "wrong"]).await;
    assert!(ran.out.contains("legacy was not written from 2026-08-18"), "{}", ran.out);
    assert!(ran.out.contains("rollback authority"), "{}", ran.out);
}

#[tokio::test]
async fn a_ring_is_asked_for_and_its_list_is_changed_by_name() {
    let daemon = daemon();
    daemon.run(&["rollout", "ring", "beta", "remove", "acme"]).await;
    let (ring, change) = (Ring::Beta, RingChange::Remove);
    assert_eq!(acted(&daemon), RolloutAct::Ring { ring, change, tenants: vec!["acme".into()] });
    for bad in [&["rollout", "ring", "all"][..], &["rollout", "ring", "beta", "add"]] {
        assert_eq!(daemon.run(bad).await.code, 2, "{bad:?}");
    }
    let both = ["rollout", "stage", "github-auth", "--ring", "beta", "--exact", "3"];
    assert_eq!(daemon.run(&both).await.code, 2);
    daemon
        .run(&["rollout", "stage", "github-auth", "--to", "canary-10", "--ring", "beta", "--approve", "0"])
        .await;
    assert!(matches!(acted(&daemon), RolloutAct::Stage { ring: Some(Ring::Beta), .. }));
}

/// Without the ring the daemon would take the next one that has tenants: another step, refused for ever.
#[tokio::test]
async fn a_ring_that_was_asked_for_is_asked_for_again_by_the_printed_command() {
    for (asked, of, told) in [
        (Some("all"), Ring::All, " --ring all "),
        (Some("beta"), Ring::Beta, " --ring beta "),
        (None, Ring::Internal, " --ring internal "),
        (None, Ring::All, ""),
    ] {
        let daemon = Daemon::start().answers(move |_| {
            let step = StepView { ring: of, ..rollout::step(AUTH, true) };
            Reply::Say(Answer::Rollout(RolloutAnswer::Step(Box::new(step))))
        });
        let ring = asked.map_or(Vec::new(), |ring| vec!["--ring", ring]);
        let ran = daemon.run(&[&["rollout", "stage", "github-auth"], &ring[..]].concat()).await;
        let printed = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(printed.contains(" --ring "), !told.is_empty(), "{printed}");
        assert!(printed.contains(told), "{printed}");
    }
}

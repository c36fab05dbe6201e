//! The fleet on the command line: what is asked, what is printed, how it ends, and that no credential shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use std::os::unix::fs::PermissionsExt as _;

use cutover_shared::error::ErrorCode;
use cutover_shared::fleet::{
    DriverKind, FleetAct, FleetAnswer, FleetQuery, FleetReceipt, FleetScope, LintReport, NewInstance, Way,
};
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use cutover_shared::run::{Counts, RunAct, RunAnswer, RunQuery, RunState, RunView};
use support::fleet_daemon as fleet;
use support::sample::{DIGEST, ID};
use support::{Daemon, Reply};

fn daemon() -> Daemon {
    Daemon::start()
        .answers(|query| match query {
            Query::Fleet(query) => Reply::Say(Answer::Fleet(fleet::answer(&query))),
            other => panic!("{other:?}"),
        })
        .obeys(|act| match act {
            Act::Fleet(act) => Reply::Say(Receipt::Fleet(fleet::receipt(&act))),
            other => panic!("{other:?}"),
        })
}

/// A daemon whose run ends so, with such a result.
fn ending(run: RunView, failed: bool) -> Daemon {
    let shown = run.clone();
    Daemon::start()
        .answers(move |query| match query {
            Query::Run(RunQuery::Show { .. }) => {
                Reply::Say(Answer::Run(RunAnswer::Show(Box::new(shown.clone()))))
            }
            Query::Fleet(FleetQuery::Result { .. }) => {
                Reply::Say(Answer::Fleet(FleetAnswer::Result(fleet::result(failed))))
            }
            other => panic!("{other:?}"),
        })
        .obeys(move |act| match act {
            Act::Run(RunAct::Apply { .. }) => Reply::Say(Receipt::Run(Box::new(run.clone()))),
            Act::Fleet(act) => Reply::Say(Receipt::Fleet(fleet::receipt(&act))),
            other => panic!("{other:?}"),
        })
}

fn ended(state: RunState, counts: Counts) -> RunView {
    fleet::run(state, Way::Up, counts)
}

fn acted(daemon: &Daemon) -> FleetAct {
    match daemon.acts().pop() {
        Some(Act::Fleet(act)) => act,
        other => panic!("{other:?}"),
    }
}

fn asked(daemon: &Daemon) -> FleetQuery {
    match daemon.state.lock().unwrap().queries.last() {
        Some(Query::Fleet(query)) => query.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn texts_fit_a_terminal_of_80_columns() {
    let daemon = daemon();
    let mut env = daemon.env();
    env.columns = Some(80);
    for (name, code, args) in [
        ("plan", 0, &["plan", "--to", "5"][..]),
        ("plan_sql", 0, &["plan", "--sql"]),
        ("rollback", 0, &["rollback", "--to", "3", "--all"]),
        ("status", 0, &["status"]),
        ("instances", 0, &["status", "--instances"]),
        ("history", 0, &["history", "beta"]),
        ("lint", 1, &["lint"]),
        ("registry", 0, &["registry"]),
        ("instance_list", 0, &["instance", "list"]),
        ("instance_show", 0, &["instance", "show", "beta"]),
        ("instance_test", 0, &["instance", "test", "acme"]),
        ("instance_test_all", 1, &["instance", "test"]),
        ("instance_accept", 0, &["instance", "accept", "acme"]),
        ("instance_remove", 0, &["instance", "remove", "acme"]),
        ("instance_rotate_key", 0, &["instance", "rotate-key"]),
        ("instance_from_application", 1, &["instance", "from-application"]),
    ] {
        let args = [&["fleet"], args].concat();
        let ran = daemon.run_in(&env, &args, b"").await;
        assert_eq!((ran.code, ran.err.as_str()), (code, ""), "{args:?}");
        for line in ran.out.lines() {
            // What is copied stays whole.
            let is_command = line.contains("--approve") || line.contains("again: ");
            assert!(is_command || cutover_tui::plain::width(line) <= 80, "{line}");
        }
        insta::assert_snapshot!(format!("fleet_{name}"), ran.out);
        daemon.run(&[&args[..], &["--json"]].concat()).await.json();
    }
}

#[tokio::test]
async fn what_is_planned_is_what_was_asked_for() {
    let daemon = daemon();
    let plan = |scope, to, refresh| FleetAct::Plan { scope, to, refresh };
    let back = |scope, to| FleetAct::Rollback { scope, to, refresh: false };
    for (args, act) in [
        (&["plan"][..], plan(FleetScope::All, None, false)),
        (&["plan", "--all", "--to", "0005_drop_slug", "--refresh"], plan(FleetScope::All, Some(5), true)),
        (&["plan", "--tenant", "acme"], plan(FleetScope::Tenant("acme".into()), None, false)),
        (&["plan", "--wave", "2"], plan(FleetScope::Wave(2), None, false)),
        (&["rollback", "--to", "0003", "--tenant", "acme"], back(FleetScope::Tenant("acme".into()), 3)),
        (&["rollback", "--to", "0", "--all"], back(FleetScope::All, 0)),
        (&["rollback", "--to", "3", "--wave", "1"], back(FleetScope::Wave(1), 3)),
    ] {
        let ran = daemon.run(&[&["fleet"], args, &["--json"]].concat()).await;
        let json = ran.json();
        let way = if args[0] == "plan" { Way::Up } else { Way::Down };
        let id = if args[0] == "plan" { ID } else { fleet::BACK };
        assert_eq!((json["id"].as_str(), json["digest"].as_str()), (Some(id), Some(DIGEST)));
        assert_eq!(json["groups"], serde_json::to_value(fleet::groups(way)).unwrap());
        assert_eq!(acted(&daemon), act, "{args:?}");
    }
    for args in [
        &["rollback", "--to", "3"][..],
        &["rollback", "--all"],
        &["rollback", "--to", "3", "--all", "--tenant", "acme"],
        &["plan", "--tenant", "acme", "--wave", "1"],
        &["plan", "--wave", "0"],
        &["plan", "--to", "newest"],
        // What it names is not what the registry calls so.
        &["plan", "--to", "0005_tags"],
        &["rollback", "--to", "0003_tags", "--all"],
    ] {
        assert_eq!(daemon.run(&[&["fleet"], args].concat()).await.code, 2, "{args:?}");
    }
}

#[tokio::test]
async fn a_run_ends_with_how_its_tenants_fared() {
    let all = Counts { done: 578, ..Counts::default() };
    let some = Counts { done: 574, failed: 2, skipped: 2, ..Counts::default() };
    for (name, run, failed, code) in [
        ("done", ended(RunState::Done, all), false, 0),
        ("found", ended(RunState::Done, some.clone()), true, 1),
    ] {
        let daemon = ending(run, failed);
        let ran = daemon.run(&["fleet", "apply", ID]).await;
        assert_eq!(ran.code, code, "{ran:?}");
        insta::assert_snapshot!(format!("fleet_apply_{name}"), ran.out);
        let json = daemon.run(&["fleet", "apply", ID, "--json"]).await.json();
        assert_eq!(json["result"], serde_json::to_value(fleet::result(failed)).unwrap());
        assert_eq!(json["run"]["id"], ID);
    }
    // What halted it is told where a person looks, and a script gets one error.
    let reason = Some("wave 2 halted: 2 of 30 tenants failed".to_owned());
    let daemon = ending(RunView { reason, ..ended(RunState::Paused, some) }, true);
    let ran = daemon.run(&["fleet", "apply", ID]).await;
    assert_eq!((ran.code, ran.out.as_str()), (5, ""));
    insta::assert_snapshot!("fleet_apply_halted", ran.err);
    let halted = daemon.run(&["fleet", "apply", ID, "--json"]).await;
    assert!(halted.error()["message"].as_str().unwrap().contains("wave 2 halted"), "{halted:?}");
    let ran = daemon.run(&["fleet", "apply", ID, "--detach", "--json"]).await;
    assert_eq!((ran.code, ran.json()["result"].is_null()), (0, true));
    let ran = daemon.run(&["fleet", "retry", ID, "--group", "9f3c", "--detach"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(acted(&daemon), FleetAct::Retry { run: ID.into(), group: "9f3c".into() });
}

#[tokio::test]
async fn documents_are_what_the_daemon_said() {
    let daemon = daemon();
    let status = daemon.run(&["fleet", "status", "--json"]).await.json();
    assert_eq!(status, serde_json::to_value(fleet::status()).unwrap());
    let detail = daemon.run(&["fleet", "instance", "show", "beta", "--json"]).await.json();
    assert_eq!(detail, serde_json::to_value(fleet::detail()).unwrap());
    let registry = daemon.run(&["fleet", "registry", "--json"]).await.json();
    assert_eq!(registry["rows"], serde_json::to_value(fleet::registry()).unwrap());
    let lint = daemon.run(&["fleet", "lint", "--json"]).await.json();
    assert_eq!(lint["findings"], serde_json::to_value(fleet::findings(false)).unwrap());
    for args in [
        &["status", "--filter", "status:failed", "--sort", "-version"][..],
        &["instance", "list", "--filter", "status:failed", "--sort", "-version"],
    ] {
        let rows = daemon.run(&[&["fleet"], args, &["--json"]].concat()).await.json();
        assert_eq!(rows["rows"], serde_json::to_value(fleet::instances()).unwrap());
        let FleetQuery::Instances { ask } = asked(&daemon) else { panic!("{args:?}") };
        assert_eq!((ask.filter.trim(), ask.sort.unwrap().descending), ("status:failed", true));
    }
    let ran = daemon.run(&["fleet", "status", "--filter", "colour:red"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    let history = daemon.run(&["fleet", "history", "beta", "--limit", "3", "--json"]).await.json();
    assert_eq!(history["rows"].as_array().unwrap().len(), 3);
    let FleetQuery::History { tenant, page } = asked(&daemon) else { panic!("no history") };
    assert_eq!((tenant, page.limit), (Some("beta".into()), 3));
    for (args, act) in [
        (&["instance", "accept", "acme"][..], FleetAct::Accept { tenant: "acme".into() }),
        (&["instance", "remove", "acme"], FleetAct::Remove { tenant: "acme".into() }),
        (&["instance", "rotate-key"], FleetAct::RotateKey),
        (&["instance", "from-application"], FleetAct::FromApplication),
    ] {
        daemon.run(&[&["fleet"], args, &["--json"]].concat()).await.json();
        assert_eq!(acted(&daemon), act);
    }
}

#[tokio::test]
async fn a_folder_is_linted_where_it_is() {
    let daemon = daemon();
    let folder = daemon.folder.path().join("migrations");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.to_str().unwrap();
    assert_eq!(daemon.run(&["fleet", "lint", path]).await.code, 2, "a folder without migrations");
    for (name, text) in [("0002_b.up.sql", "b"), ("0001_a.up.toml", "a"), ("README.md", "no")] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let ran = daemon.run(&["fleet", "lint", path]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let FleetQuery::Lint { files: Some(files) } = asked(&daemon) else { panic!("nothing was sent") };
    let names: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect();
    assert_eq!(names, [("0001_a.up.toml", "a"), ("0002_b.up.sql", "b")]);

    // What the daemon's own folder would be told of is told of this one.
    std::fs::create_dir_all(folder.join("old.sql")).unwrap();
    std::fs::write(folder.join("0004_D.UP.SQL"), "d").unwrap();
    std::fs::write(folder.join("0005_e.up.sql"), b"SELECT 1;\n-- \xff").unwrap();
    let ran = daemon.run(&["fleet", "lint", path]).await;
    assert!(
        ran.code == 3 && ran.err.contains("0005_e.up.sql:2: mistake: text: this is not UTF-8"),
        "{ran:?}"
    );
    let FleetQuery::Lint { files: Some(files) } = asked(&daemon) else { panic!("nothing was sent") };
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["0001_a.up.toml", "0002_b.up.sql", "0004_D.UP.SQL", "0005_e.up.sql", "old.sql"]);
    std::fs::remove_file(folder.join("0005_e.up.sql")).unwrap();
    std::fs::write(daemon.folder.path().join("outside.sql"), "x").unwrap();
    std::os::unix::fs::symlink("../outside.sql", folder.join("0006_f.up.sql")).unwrap();
    let out = daemon.run(&["fleet", "lint", path]).await;
    assert!(out.code == 2 && out.err.contains("leads out of the folder"), "{out:?}");
    std::fs::remove_file(folder.join("0006_f.up.sql")).unwrap();
    std::fs::write(folder.join("0003_c.up.sql"), vec![b' '; 3 * 1024 * 1024]).unwrap();
    let large = daemon.run(&["fleet", "lint", path]).await;
    assert!(large.code == 2 && large.err.contains("more than 3 MiB"), "{large:?}");
    assert_eq!(daemon.run(&["fleet", "lint", "/nowhere"]).await.code, 2);

    let clean =
        Daemon::start().answers(|_| Reply::Say(Answer::Fleet(FleetAnswer::Lint(LintReport::default()))));
    assert_eq!(clean.run(&["fleet", "lint"]).await.code, 0);
    let refused =
        Daemon::start().answers(|_| Reply::Say(Answer::Fleet(FleetAnswer::Lint(fleet::report(true)))));
    let ran = refused.run(&["fleet", "lint"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    insta::assert_snapshot!("fleet_lint_refused", ran.err);
    let error = refused.run(&["fleet", "lint", "--json"]).await.error();
    assert_eq!(error["code"], "bad_upload");
    // The same objects as where nothing is refused.
    assert_eq!(error["mistakes"], serde_json::to_value(fleet::findings(true)).unwrap());
}

fn added(daemon: &Daemon) -> Vec<NewInstance> {
    match acted(daemon) {
        FleetAct::Add { rows } => rows,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_credential_comes_from_a_file_or_from_standard_input_and_is_never_printed() {
    let daemon = daemon();
    let file = daemon.folder.path().join("credential");
    std::fs::write(&file, "postgres://ana:hush@db/acme\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let path = file.to_str().unwrap();
    let add = ["fleet", "instance", "add"];
    let from_file = [&add[..], &["acme", "--driver", "postgres", "--from-file", path]].concat();
    let ran = daemon.run(&from_file).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!("fleet_instance_add", ran.out);
    let rows = added(&daemon);
    assert_eq!((rows[0].url.0.as_str(), rows[0].key.is_none()), ("postgres://ana:hush@db/acme", true));
    let ran = daemon
        .run_in(
            &daemon.env(),
            &[&add[..], &["beta", "--driver", "http", "--stdin", "--external-user", "u1", "--json"]].concat(),
            b"{\"url\": \"https://b.convex.cloud\", \"key\": \"hush\"}",
        )
        .await;
    assert_eq!(ran.json(), serde_json::to_value(FleetReceipt::Added { added: 0, replaced: 1 }).unwrap());
    let rows = added(&daemon);
    assert_eq!((rows[0].driver, rows[0].external_user.as_deref()), (DriverKind::Http, Some("u1")));
    assert_eq!(rows[0].key.as_ref().unwrap().0, "hush");
    let told = format!("{:?}", daemon.acts());
    assert!(!told.contains("hush") && told.contains("(hidden)"), "{told}");

    // A mistake is told without the credential, and nothing is sent.
    let before = daemon.acts().len();
    for (args, stdin) in [
        (&["acme", "--driver", "http", "--stdin"][..], "https://hush"),
        (&["acme", "--driver", "postgres", "--stdin"], "mysql://hush"),
        (&["acme", "--driver", "postgres", "--stdin"], ""),
        (&["acme", "--driver", "postgres", "--from-file", "/nowhere"], ""),
        (&["acme", "--driver", "postgres"], ""),
        (&["acme", "--stdin"], "postgres://hush"),
        (&["--driver", "postgres", "--stdin"], "postgres://hush"),
        (&["acme", "--driver", "postgres", "--stdin", "--from-file", "x"], "postgres://hush"),
        (&["acme", "--driver", "postgres", "--file", "x.csv"], ""),
    ] {
        let ran = daemon.run_in(&daemon.env(), &[&add[..], args].concat(), stdin.as_bytes()).await;
        assert!(ran.code == 2 && !ran.err.contains("hush"), "{args:?}: {ran:?}");
    }
    let long = vec![b'x'; 70_000];
    let ran = daemon
        .run_in(&daemon.env(), &[&add[..], &["a", "--driver", "sqlite", "--stdin"]].concat(), &long)
        .await;
    assert!(ran.code == 2 && ran.err.contains("too long"), "{ran:?}");
    assert_eq!(daemon.acts().len(), before);
}

#[tokio::test]
async fn a_file_of_many_goes_in_calls_of_two_hundred_or_not_at_all() {
    let daemon = daemon();
    let file = daemon.folder.path().join("all.csv");
    let path = file.to_str().unwrap();
    let mut text = String::from("tenant,driver,url\n");
    for n in 0..401 {
        text += &format!("t{n:03},postgres,postgres://ana:hush@db/t{n}\n");
    }
    std::fs::write(&file, &text).unwrap();
    let ran = daemon.run(&["fleet", "instance", "add", "--file", path, "--json"]).await;
    assert_eq!(ran.json(), serde_json::to_value(FleetReceipt::Added { added: 398, replaced: 3 }).unwrap());
    let sizes: Vec<usize> = daemon
        .acts()
        .iter()
        .map(|act| match act {
            Act::Fleet(FleetAct::Add { rows }) => rows.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sizes, [200, 200, 1]);

    let before = daemon.acts().len();
    std::fs::write(&file, format!("{text}t001,postgres,postgres://ana:hush@db/x\nx,http,https://hush\n"))
        .unwrap();
    let ran = daemon.run(&["fleet", "instance", "add", "--file", path]).await;
    assert!(ran.code == 3 && !ran.err.contains("hush"), "{ran:?}");
    assert!(ran.err.contains("all.csv:403: the tenant stands in an earlier row, too"), "{ran:?}");
    assert_eq!(daemon.acts().len(), before, "nothing was sent");
    assert!(ran.err.contains("mend these rows and hand the file in again"), "{ran:?}");
    assert!(!ran.err.contains("--skip-bad"), "{ran:?}");

    // What only the daemon could refuse before, in a later part: the whole file is refused, with the line.
    let rows = [
        ("b1,sqlite,tenant.db", "the path is not whole"),
        ("b2,sqlite,/var/lib/t.db?mode=ro", "what follows ? is not obeyed"),
        ("b3,http,http://other.example.com", "it has no deploy key"),
        ("b4,postgres,postgres://ana:hush@db", "the address names no database"),
    ];
    for (row, problem) in rows {
        std::fs::write(&file, format!("{text}{row}\n")).unwrap();
        let ran = daemon.run(&["fleet", "instance", "add", "--file", path]).await;
        assert!(ran.code == 3 && !ran.err.contains("hush"), "{ran:?}");
        assert!(ran.err.contains(&format!("all.csv:403: {problem}")), "{ran:?}");
        assert_eq!(daemon.acts().len(), before, "nothing was sent");
    }
    std::fs::write(
        &file,
        format!("tenant,driver,url,key\n{},postgres,postgres://db/a,\nb,http,http://other.example.com,k\nc,http,https://c.example.com,kéy\n", "x".repeat(300)),
    )
    .unwrap();
    let ran = daemon.run(&["fleet", "instance", "add", "--file", path]).await;
    for problem in [
        "2: this is no id of a tenant",
        "3: the address does not begin with https://",
        "4: its deploy key can't be one",
    ] {
        assert!(ran.err.contains(&format!("all.csv:{problem}")), "{problem}: {ran:?}");
    }
    assert_eq!(daemon.acts().len(), before, "nothing was sent");

    // The second call fails: what was taken before is told.
    let mut calls = 0;
    let broken = Daemon::start().obeys(move |act| {
        calls += 1;
        match act {
            Act::Fleet(act) if calls == 1 => Reply::Say(Receipt::Fleet(fleet::receipt(&act))),
            _ => Reply::code(ErrorCode::Store),
        }
    });
    std::fs::write(&file, &text).unwrap();
    let ran = broken.run(&["fleet", "instance", "add", "--file", path]).await;
    assert!(ran.code == 6 && ran.err.contains("200 of 401 were taken before"), "{ran:?}");
}

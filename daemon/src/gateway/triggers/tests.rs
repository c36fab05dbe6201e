use std::sync::Arc;

use cutover_shared::workflow::Rule;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn rule(trigger: Value) -> Rule {
    serde_json::from_value(trigger).unwrap()
}

fn trigger(value: Value) -> Trigger {
    Compiler::default().trigger("wf", "A workflow", rule(value)).unwrap()
}

fn event(name: &str, payload: Value) -> Event {
    Event::read(name, payload.to_string().as_bytes()).unwrap()
}

fn push(branch: &str, files: &[&str]) -> Event {
    event(
        "push",
        json!({
            "ref": format!("refs/heads/{branch}"),
            "repository": { "full_name": "Acme/Web" },
            "installation": { "id": 7 },
            "sender": { "login": "Ana", "type": "User" },
            "commits": [{ "id": "c1", "added": [], "modified": files, "removed": [] }],
        }),
    )
}

#[test]
fn facts_are_read_out_of_each_kind_of_event() {
    let pushed = push("feature/x", &["src/a.rs", "b.md", "src/a.rs"]);
    assert_eq!(pushed.branches, ["feature/x"]);
    assert_eq!(pushed.paths, Paths::Known(vec!["b.md".into(), "src/a.rs".into()]));
    assert_eq!((pushed.installation, pushed.commits.as_slice()), (Some(7), &["c1".to_owned()][..]));
    let tag = event("push", json!({ "ref": "refs/tags/v1" }));
    assert_eq!(tag.branches, Vec::<String>::new(), "a tag is no branch");
    let pull = event(
        "pull_request",
        json!({
            "action": "labeled",
            "pull_request": { "number": 5, "base": { "ref": "main" }, "head": { "ref": "topic" },
                "labels": [{ "name": "bug" }] },
            "label": { "name": "Urgent" },
            "sender": { "login": "dependabot[bot]" },
        }),
    );
    assert_eq!((pull.branches.as_slice(), &pull.paths), (&["main".to_owned()][..], &Paths::AtGitHub));
    assert_eq!((pull.pull_request, pull.labels), (Some(5), vec!["Urgent".to_owned(), "bug".to_owned()]));
    assert!(pull.sender.unwrap().is_bot);
    for (name, payload) in [
        ("workflow_run", json!({ "workflow_run": { "head_branch": "main" } })),
        ("check_suite", json!({ "check_suite": { "head_branch": "main" } })),
        ("check_run", json!({ "check_run": { "check_suite": { "head_branch": "main" } } })),
        ("release", json!({ "release": { "target_commitish": "main" } })),
        ("deployment", json!({ "deployment": { "ref": "main" } })),
        ("create", json!({ "ref_type": "branch", "ref": "main" })),
        ("status", json!({ "branches": [{ "name": "main" }] })),
    ] {
        assert_eq!(event(name, payload).branches, ["main"], "{name}");
    }
    assert!(event("create", json!({ "ref_type": "tag", "ref": "main" })).branches.is_empty());
}

#[test]
fn a_payload_of_other_types_is_an_event_without_facts() {
    let odd = json!({ "action": 1, "ref": [], "repository": "x", "installation": [], "sender": 3, "commits": { "a": 1 },
        "pull_request": 5, "label": null, "branches": 7 });
    for name in ["push", "pull_request", "status", "create", "release"] {
        let event = event(name, odd.clone());
        assert!(event.branches.is_empty() && event.labels.is_empty() && event.repository.is_none());
    }
    assert!(
        Event::read("push", b"[]").is_ok_and(|event| event.repository.is_none())
            || Event::read("push", b"[]").is_err()
    );
    assert!(Event::read("push", b"{").is_err());
}

#[test]
fn the_last_pattern_that_fits_decides() {
    let with = |branches: Value| {
        trigger(json!({ "repository": "acme/web", "events": ["push"], "branches": branches }))
    };
    let matches = |branches: Value, branch: &str| with(branches).matches(&push(branch, &[]));
    assert!(matches(json!(["main"]), "main") && !matches(json!(["main"]), "Main"));
    assert!(matches(json!(["release/*"]), "release/1") && !matches(json!(["release/*"]), "release/1/a"));
    assert!(matches(json!(["release/**"]), "release/1/a"));
    let taken_back = json!(["**", "!release/**", "release/keep"]);
    assert!(matches(taken_back.clone(), "topic") && matches(taken_back.clone(), "release/keep"));
    assert!(!matches(taken_back, "release/1"));
    // A tag has no branch, so that a rule about branches fails.
    let tag = Event { branches: Vec::new(), ..push("x", &[]) };
    assert!(!with(json!(["**"])).matches(&tag) && with(json!([])).matches(&tag));
}

#[test]
fn paths_authors_labels_actions_and_bots() {
    let base = |more: Value| {
        let mut value = json!({ "repository": "ACME/*", "events": ["push", "issues"] });
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        trigger(value)
    };
    let paths = base(json!({ "paths": ["src/**", "!**/*.md"] }));
    assert!(paths.matches(&push("m", &["src/a.md", "src/b.rs"])));
    assert!(!paths.matches(&push("m", &["src/a.md", "docs/b.rs"])) && !paths.matches(&push("m", &[])));
    assert!(base(json!({ "author_filter": ["ANA"] })).matches(&push("m", &[])));
    assert!(!base(json!({ "author_filter": ["*", "!ana"] })).matches(&push("m", &[])));
    let bot = |login: &str| Event {
        sender: event("push", json!({ "sender": { "login": login } })).sender,
        ..push("m", &[])
    };
    let only_bot = base(json!({ "author_filter": ["dependabot[bot]"], "ignore_bots": false }));
    assert!(only_bot.matches(&bot("Dependabot[bot]")) && !only_bot.matches(&bot("dependabotb")));
    assert!(
        base(json!({ "author_filter": ["*[bot]"], "ignore_bots": false })).matches(&bot("renovate[bot]"))
    );
    assert!(!base(json!({})).matches(&bot("renovate[bot]")), "bots are ignored unless said otherwise");
    let issue = event(
        "issues",
        json!({ "action": "opened", "repository": { "full_name": "acme/x" }, "issue": { "labels": [{ "name": "Bug" }] } }),
    );
    assert!(base(json!({ "label_filter": ["nope", "bug"] })).matches(&issue));
    assert!(!base(json!({ "label_filter": ["nope"] })).matches(&issue));
    assert!(base(json!({ "action_filter": ["opened"] })).matches(&issue));
    assert!(!base(json!({ "action_filter": ["closed"] })).matches(&issue));
    assert!(!base(json!({ "github_app_installation_id": 8 })).matches(&push("m", &[])));
    assert!(base(json!({ "github_app_installation_id": 7 })).matches(&push("m", &[])));
}

#[test]
fn what_can_not_be_seen_of_a_large_push_counts_as_a_match_and_is_said() {
    let commits: Vec<Value> =
        (0..2_048).map(|n| json!({ "id": n.to_string(), "added": ["docs/x"] })).collect();
    let large = event("push", json!({ "repository": { "full_name": "a/b" }, "commits": commits }));
    let rule = trigger(json!({ "repository": "a/b", "events": ["push"], "paths": ["src/**"] }));
    let explained = rule.explain(&large);
    assert!(explained.matched);
    let step = explained.steps.iter().find(|step| step.rule == "paths").unwrap();
    assert_eq!(step.found, "unknown: the push has more than 2048 commits");
    assert!(matches!(large.paths, Paths::Partly { .. }));
}

#[test]
fn files_are_asked_for_only_when_nothing_else_decides() {
    let pull = |action: &str| {
        event(
            "pull_request",
            json!({ "action": action, "repository": { "full_name": "a/b" }, "pull_request": { "number": 1, "base": { "ref": "m" } } }),
        )
    };
    let rule = trigger(
        json!({ "repository": "a/b", "events": ["pull_request"], "paths": ["x"], "action_filter": ["opened"] }),
    );
    assert!(rule.wants_files(&pull("opened")) && !rule.wants_files(&pull("closed")));
    let without = trigger(json!({ "repository": "a/b", "events": ["pull_request"] }));
    assert!(!without.wants_files(&pull("opened")) && without.matches(&pull("opened")));
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let refuse = |value: Value| {
        let error = Compiler::default().trigger("wf", "x", rule(value)).unwrap_err();
        error.place
    };
    let base = |more: Value| {
        let mut value = json!({ "repository": "a/b", "events": ["push"] });
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value
    };
    assert_eq!(refuse(base(json!({ "branches": ["ok", "a["] }))), "trigger.branches[1]");
    assert_eq!(refuse(base(json!({ "paths": ["!docs/**"] }))), "trigger.paths[0]");
    assert_eq!(refuse(base(json!({ "repository": "justaname" }))), "trigger.repository");
    assert_eq!(refuse(base(json!({ "repository": "!a/b" }))), "trigger.repository");
    assert_eq!(refuse(base(json!({ "repository": "a/" }))), "trigger.repository");
    assert_eq!(refuse(base(json!({ "events": [] }))), "trigger.events");
    assert_eq!(refuse(base(json!({ "events": ["push", "Pull Request"] }))), "trigger.events[1]");
    assert_eq!(refuse(base(json!({ "label_filter": [""] }))), "trigger.label_filter[0]");
    for id in ["", "-x", "a b", "@scheduler:1", "ä", &"x".repeat(129)] {
        assert!(check_id(id).is_err(), "{id}");
    }
    assert!(check_id("wf-1.a_B:c").is_ok());
}

#[test]
fn ten_thousand_workflows_are_not_all_looked_at() {
    let mut compiler = Compiler::default();
    let mut make = |n: usize, repository: String, event: &str| {
        let rule =
            rule(json!({ "repository": repository, "events": [event], "branches": ["main", "release/**"] }));
        Arc::new(compiler.trigger(&format!("wf-{n}"), "x", rule).unwrap())
    };
    let all: Vec<Arc<Trigger>> = (0..10_000)
        .map(|n| match n % 10 {
            0 => make(n, format!("owner-{}/*", n % 100), "push"),
            1 => make(n, format!("*/repo-{}", n % 50), "push"),
            2 => make(n, format!("owner-{}/repo-{n}", n % 100), "issues"),
            _ => make(n, format!("owner-{}/repo-{n}", n % 100), "push"),
        })
        .collect();
    let index = Index::new(all.iter().cloned(), None);
    assert_eq!(index.len(), 10_000);
    let pushed = Event { repository: Some("Owner-43/Repo-143".into()), ..push("main", &[]) };
    let candidates = index.candidates("push", Some("Owner-43/Repo-143"));
    let scanned: Vec<&str> = all.iter().filter(|t| t.matches(&pushed)).map(|t| t.id.as_str()).collect();
    let found: Vec<String> = index.matching(&pushed).iter().map(|t| t.id.clone()).collect();
    assert_eq!(found, scanned);
    assert_eq!(found, ["wf-143"]);
    assert!(candidates.len() <= 2, "{} were looked at", candidates.len());
    let owned = index.candidates("push", Some("owner-10/other"));
    assert_eq!(owned.len(), 100, "all that wait for any repository of the owner, and no other");
    // Built again after a change, the sets of globs are taken over.
    let again = Index::new(all.iter().cloned(), Some(&index));
    assert_eq!(again.matching(&pushed).len(), 1);
}

fn repositories() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a/x", "A/X", "a/y", "b/x", "a/*", "b/**", "*/x", "**", "*", "a/{x,y}", "*/*", "?/y", "c*/z",
    ])
    .prop_map(str::to_owned)
}

fn rules() -> impl Strategy<Value = Rule> {
    let some = |all: &'static [&'static str]| {
        prop::collection::vec(prop::sample::select(all.to_vec()).prop_map(str::to_owned), 0..3)
    };
    let events =
        prop::collection::vec(prop::sample::select(vec!["push", "issues"]).prop_map(str::to_owned), 1..3);
    (
        repositories(),
        events,
        some(&["main", "**", "r/*"]),
        some(&["src/**", "*.md"]),
        some(&["opened"]),
        any::<bool>(),
    )
        .prop_map(|(repository, events, branches, paths, action_filter, ignore_bots)| Rule {
            repository,
            events,
            branches,
            paths,
            action_filter,
            author_filter: Vec::new(),
            label_filter: Vec::new(),
            ignore_bots,
            github_app_installation_id: None,
        })
}

fn events() -> impl Strategy<Value = Event> {
    let repository = prop::option::of(prop::sample::select(vec!["a/x", "A/x", "a/y", "b/x", "cc/z", "odd"]));
    let paths = prop::collection::vec(prop::sample::select(vec!["src/a", "b.md", "x/b.md"]), 0..3);
    (
        repository,
        prop::sample::select(vec!["push", "issues", "fork"]),
        prop::sample::select(vec!["main", "r/1", "t"]),
        paths,
        any::<bool>(),
    )
        .prop_map(|(repository, name, branch, paths, is_bot)| {
            let kind = if is_bot { "Bot" } else { "User" };
            event(
                name,
                json!({ "ref": format!("refs/heads/{branch}"), "repository": { "full_name": repository },
                    "sender": { "login": "ana", "type": kind }, "commits": [{ "added": paths }] }),
            )
        })
}

proptest! {
    #[test]
    fn the_index_finds_what_a_look_at_all_finds(all in prop::collection::vec(rules(), 0..40), event in events()) {
        let mut compiler = Compiler::default();
        let all: Vec<Arc<Trigger>> = all.into_iter().enumerate()
            .map(|(n, rule)| Arc::new(compiler.trigger(&format!("wf-{n:02}"), "x", rule).unwrap())).collect();
        let before = Index::new(all.iter().skip(1).cloned(), None);
        let index = Index::new(all.iter().cloned(), Some(&before));
        let scan: Vec<&str> = all.iter().filter(|t| t.matches(&event)).map(|t| t.id.as_str()).collect();
        let found = index.matching(&event);
        let found: Vec<&str> = found.iter().map(|t| t.id.as_str()).collect();
        prop_assert_eq!(found, scan);
        let repository = event.repository.as_deref();
        let candidates = index.candidates(&event.name, repository);
        prop_assert_eq!(index.awaits(&event.name, repository), !candidates.is_empty());
    }

    #[test]
    fn to_match_is_to_pass_every_step_that_is_explained(rule in rules(), event in events()) {
        let trigger = Compiler::default().trigger("wf", "x", rule).unwrap();
        let explained = trigger.explain(&event);
        prop_assert_eq!(explained.matched, trigger.matches(&event));
        prop_assert_eq!(explained.matched, explained.steps.iter().all(|step| step.passed));
        prop_assert_eq!(explained.steps.len(), 9);
    }

    #[test]
    fn no_rule_and_no_payload_panics(patterns in prop::collection::vec(".{0,20}", 0..4), name in ".{0,12}", body in ".{0,60}") {
        let value = json!({ "repository": "a/b", "events": ["push"], "branches": patterns, "author_filter": patterns });
        if let Ok(trigger) = Compiler::default().trigger("wf", "x", rule(value)) {
            let _ = trigger.explain(&push(&name, &[&body]));
        }
        let _ = Event::read(&name, body.as_bytes());
    }
}

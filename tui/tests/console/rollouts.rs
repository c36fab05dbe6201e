//! The screen of rollouts: what its keys ask, do and refuse.

use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{
    ChangeView, DrillView, KilledView, ReverseView, RolloutAct, RolloutAnswer, RolloutName, RolloutQuery,
    RolloutView, Stage,
};
use cutover_shared::rpc::{Act, Answer, Query, Role};
use cutover_shared::verdict::{Firing, ReadingState, Verdict};
use cutover_tui::app::effect::Effect;
use cutover_tui::keymap::Tier;
use cutover_tui::plain::timeline;
use cutover_tui::state::dialog::Dialog;
use cutover_tui::state::{Layer, Screen, Slot};

use crate::daemon::{Console, Fake, NOW, SECOND};
use crate::paint::{frame, text};
use crate::world::world;

fn open(fake: Fake, size: (u16, u16)) -> Console {
    Console::open(fake, size, Screen::Rollouts)
}

fn normal(size: (u16, u16)) -> Console {
    open(world(), size)
}

fn dialog(console: &Console) -> &Dialog {
    match console.state.layers.top() {
        Some(Layer::Dialog(dialog)) => dialog,
        other => panic!("no question: {other:?}"),
    }
}

fn acts(console: &Console) -> Vec<&Act> {
    console
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Act { what, .. } => Some(what),
            _ => None,
        })
        .collect()
}

fn shown(console: &Console) -> String {
    text(&frame(&console.state))
}

fn killed() -> KilledView {
    KilledView { at: NOW - 5 * 60 * SECOND, by: "alice".into(), reason: "imports fail".into() }
}

/// As the runbook of a rollback leaves it: killed, then an exception for one tenant after the other.
fn crowded(query: &Query) -> Option<Answer> {
    let Query::Rollout(RolloutQuery::Show { name }) = query else { return None };
    let mut view = crate::rollout::view(*name);
    let [_, fallen, ..] = &crate::rollout::changes()[..] else { return None };
    view.moved = Some(Box::new(fallen.clone()));
    view.changes =
        (0..10).map(|n| ChangeView { version: 40 - n, act: "override".into(), ..fallen.clone() }).collect();
    view.changes.iter_mut().for_each(|change| change.from = change.to);
    (view.line.killed, view.killed) = (true, Some(killed()));
    Some(Answer::Rollout(RolloutAnswer::Show(Box::new(view))))
}

/// A daemon whose rollout was killed by a breach, with an incident.
fn breached(query: &Query) -> Option<Answer> {
    let Query::Rollout(RolloutQuery::Show { name }) = query else { return None };
    let mut view = crate::rollout::view(*name);
    view.line.killed = true;
    view.killed = Some(killed());
    view.incident = Some("imports answer 500".into());
    if let Some(judgement) = view.judgement.as_mut() {
        judgement.verdict = Verdict::Breach;
        let mut reading = judgement.readings[0].clone();
        reading.state = ReadingState::Fired;
        (reading.value, reading.distance_permille, reading.missing) = (300_000, 0, 0);
        judgement.readings[0] = reading.clone();
        judgement.fired = Some(Firing { at_ms: NOW - 30 * SECOND, reading });
    }
    Some(Answer::Rollout(RolloutAnswer::Show(Box::new(view))))
}

#[test]
fn the_step_is_looked_at_first_and_its_digest_is_sent() {
    let mut console = normal((120, 40));
    console.press(&["p"]);
    console.wait(SECOND);
    let question = dialog(&console);
    assert_eq!(question.tier, Tier::Live);
    assert!(question.blocked.is_none() && !question.is_complete());
    let twin =
        format!("cutover rollout stage github-auth --to canary-50 --approve {}", crate::rollout::DIGEST);
    assert_eq!(question.plan.twin, twin);
    assert!(
        question.effect[0].starts_with("48 tenants move to the target: acme, globex,"),
        "{:?}",
        question.effect
    );
    insta::assert_snapshot!("rollout_advance", shown(&console));
    // Nothing happens before the name is typed.
    console.press(&["tab", "tab", "y"]);
    assert!(acts(&console).is_empty());
    console.write("github-auth");
    console.press(&["tab", "y"]);
    let all = acts(&console);
    let [Act::Rollout(RolloutAct::Stage { name, digest, override_reason: None, .. })] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!((*name, digest.as_str()), (RolloutName::GithubAuth, crate::rollout::DIGEST));
}

#[test]
fn what_does_not_hold_is_passed_with_a_reason_by_an_approver_alone() {
    let mut fake = world();
    fake.rollouts = Some(false);
    let mut console = open(fake.clone(), (80, 24));
    console.press(&["p"]);
    console.wait(SECOND);
    console.write("github-auth");
    console.press(&["tab"]);
    console.write("we know");
    console.press(&["tab", "y"]);
    let all = acts(&console);
    let [Act::Rollout(RolloutAct::Stage { override_reason: Some(reason), .. })] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(reason, "we know");

    fake.welcome.role = Role::Operator;
    let mut console = open(fake, (80, 24));
    console.press(&["p"]);
    console.wait(SECOND);
    assert!(dialog(&console).blocked.as_deref().is_some_and(|why| why.contains("an approver may pass it")));
    console.write("github-auth");
    console.press(&["tab", "y"]);
    assert!(acts(&console).is_empty(), "a blocked step is shown and never sent");
    insta::assert_snapshot!("rollout_advance_blocked", shown(&console));
}

#[test]
fn a_rollback_says_where_to_and_takes_one_letter() {
    let mut console = normal((80, 24));
    console.press(&["r"]);
    console.wait(SECOND);
    assert_eq!(
        (dialog(&console).tier, dialog(&console).title.as_str()),
        (Tier::Reversible, "Roll back github-auth: canary-10 to shadow")
    );
    insta::assert_snapshot!("rollout_back", shown(&console));
    console.press(&["y"]);
    let all = acts(&console);
    let [Act::Rollout(RolloutAct::Rollback { name, to, .. })] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((*name, *to), (RolloutName::GithubAuth, Some(Stage::Shadow)));
}

#[test]
fn a_rollback_is_offered_before_anything_but_the_line_is_known() {
    let mut console = normal((80, 24));
    console.state.feeds.forget(&Slot::Rollout(RolloutName::GithubAuth));
    console.fake.mute = true;
    console.press(&["r"]);
    console.wait(SECOND);
    assert!(dialog(&console).title.ends_with("canary-10 to the last good stage"));
    console.press(&["y"]);
    assert!(matches!(acts(&console)[..], [Act::Rollout(RolloutAct::Rollback { to: None, .. })]));
}

#[test]
fn a_freeze_wants_a_reason_and_is_let_go_by_the_same_key() {
    let mut console = normal((80, 24));
    console.press(&["z"]);
    console.wait(SECOND);
    console.press(&["tab", "tab", "y"]);
    assert!(acts(&console).is_empty(), "no reason was given");
    console.write("the quarter closes");
    assert_eq!(
        dialog(&console).clone().with_reason().twin,
        "cutover rollout freeze github-auth --reason 'the quarter closes'"
    );
    console.press(&["tab", "y"]);
    assert!(
        matches!(acts(&console)[..], [Act::Rollout(RolloutAct::Freeze { reason, .. })] if reason == "the quarter closes")
    );

    let mut console = normal((80, 24));
    console.press(&["down", "z"]);
    console.wait(SECOND);
    console.press(&["y"]);
    assert!(matches!(
        acts(&console)[..],
        [Act::Rollout(RolloutAct::Unfreeze { name: RolloutName::GitSandbox })]
    ));
}

#[test]
fn who_is_in_leads_to_the_tenant() {
    let mut console = normal((80, 24));
    console.press(&["i"]);
    console.wait(SECOND);
    insta::assert_snapshot!("rollout_members", shown(&console));
    console.press(&["down", "down", "enter"]);
    assert_eq!(console.state.screen, Screen::Tenants);
    assert_eq!(console.state.table().unwrap().filter, "tenant:\"hooli\"");
    assert!(console.state.layers.is_empty());
}

#[test]
fn why_tells_rule_value_threshold_and_distance_of_each_trigger() {
    let mut console = normal((120, 40));
    console.press(&["w"]);
    insta::assert_snapshot!("rollout_why", shown(&console));
    console.press(&["esc", "enter"]);
    insta::assert_snapshot!("rollout_detail", shown(&console));
}

#[test]
fn what_holds_a_rollout_stands_before_all_else() {
    let mut all = String::new();
    for size in [(80, 24), (120, 40), (40, 12)] {
        let mut fake = world();
        fake.made = breached;
        let console = open(fake, size);
        all += &shown(&console);
    }
    insta::assert_snapshot!("rollout_killed", all);
}

/// The layer shows what `rollout timeline` prints, from the same answer.
#[test]
fn the_timeline_is_that_of_the_command_line() {
    for (size, name) in [((80, 24), "rollout_timeline_80x24"), ((120, 40), "rollout_timeline_120x40")] {
        let mut console = normal(size);
        console.press(&["t"]);
        console.wait(SECOND);
        let page = PageAsk { after: None, limit: timeline::STAYS };
        let query = RolloutQuery::Timeline { name: RolloutName::GithubAuth, page };
        let slot = Slot::Timeline(RolloutName::GithubAuth);
        assert!(console.state.needs().contains(&(slot, Query::Rollout(query))));
        insta::assert_snapshot!(name, shown(&console));
    }
    let mut console = normal((120, 60));
    console.press(&["t"]);
    console.wait(SECOND);
    let (view, shown) = (crate::rollout::timeline(), shown(&console));
    let now = NOW + SECOND;
    let told = timeline::ahead(&view, now).into_iter().chain(timeline::behind(&view, now));
    for (key, text, _) in told {
        // The rest of a long line stands below.
        let begin: String = text.chars().take(60).collect();
        assert!(shown.contains(&key) && shown.contains(&begin), "{key}: {text}\n{shown}");
    }
    assert!(shown.contains("`cutover rollout timeline github-auth --after 6:1787248985000`"), "{shown}");
}

/// Rows below the list, by their first word.
fn rows(console: &Console) -> Vec<String> {
    let shown = shown(console);
    let below = shown.lines().skip_while(|line| !line.contains("╭ github-auth")).skip(1);
    let first = |line: &str| line.trim_start_matches(['│', ' ']).split(' ').next().unwrap().to_owned();
    below.take_while(|line| line.starts_with('│')).map(first).collect()
}

/// The last drill, how it went and the next are told in every size; a line of its own never costs another one.
#[test]
fn the_drill_is_told_and_pushes_no_other_line_off() {
    fn without(query: &Query) -> Option<Answer> {
        let Query::Rollout(RolloutQuery::Show { name }) = query else { return None };
        let view = RolloutView { drill: None, ..crate::rollout::view(*name) };
        Some(Answer::Rollout(RolloutAnswer::Show(Box::new(view))))
    }
    fn overdue(query: &Query) -> Option<Answer> {
        let Query::Rollout(RolloutQuery::Show { name }) = query else { return None };
        let mut view = crate::rollout::view(*name);
        view.drill = Some(DrillView { due_at: NOW - 50 * 3_600 * SECOND, overdue: true });
        view.reverse = view.reverse.map(|walked| ReverseView { ok: false, ..walked });
        Some(Answer::Rollout(RolloutAnswer::Show(Box::new(view))))
    }
    let of = |made: fn(&Query) -> Option<Answer>, size| {
        let mut fake = world();
        fake.made = made;
        open(fake, size)
    };
    let low = of(|_| None, (80, 24));
    assert_eq!(rows(&low), rows(&of(without, (80, 24))));
    assert!(!rows(&low).contains(&"drill".to_owned()), "{:?}", rows(&low));
    assert!(shown(&low).contains("drill ✓ passed 20 min ago, next in 6 d"), "{}", shown(&low));
    let high = of(|_| None, (120, 40));
    let mut kept = rows(&high);
    kept.retain(|word| word != "drill");
    assert_eq!(rows(&high).len(), kept.len() + 1);
    assert!(shown(&high).contains("drill     ✓ passed 20 min ago   next in 6 d"), "{}", shown(&high));
    let late = of(overdue, (120, 40));
    assert!(shown(&late).contains("✗ FAILED 20 min ago   next OVERDUE, due 2 d ago"), "{}", shown(&late));
    assert!(shown(&of(without, (120, 40))).contains("no next one is planned"));
}

#[test]
fn there_is_nothing_to_filter_sort_or_export() {
    let mut console = normal((80, 24));
    for key in ["/", "s", "S", "e", "o", "space"] {
        console.press(&[key]);
        assert!(console.state.layers.is_empty(), "{key}");
        let table = console.state.table().unwrap();
        assert!(table.sort.is_none() && table.marks.is_empty() && table.filter.is_empty(), "{key}");
    }
    let lists =
        console.state.needs().into_iter().filter(|(_, query)| *query == Query::Rollout(RolloutQuery::List));
    assert_eq!(lists.count(), 1);
}

/// Old figures are told as old, and nothing is done on them.
#[test]
fn on_old_figures_no_key_does_anything_but_the_kill_switch() {
    let mut console = crate::frame::stale((80, 24), Screen::Rollouts);
    for key in ["p", "r", "z"] {
        console.press(&[key]);
        assert!(matches!(console.state.layers.top(), Some(Layer::Refusal { .. })), "{key}");
        console.press(&["esc"]);
    }
    assert!(acts(&console).is_empty());
    console.press(&["K"]);
    assert!(matches!(console.state.layers.top(), Some(Layer::Kill(_))));
}

#[test]
fn what_holds_a_rollout_is_told_however_much_was_changed_since() {
    let mut fake = world();
    fake.made = crowded;
    let shown = shown(&open(fake, (120, 40)));
    assert!(shown.contains("KILLED 5 min ago by alice: imports fail"), "{shown}");
    assert!(shown.contains("rolled back 20 h ago from canary-10 to shadow: error rate"), "{shown}");
}

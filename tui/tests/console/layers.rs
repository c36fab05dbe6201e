//! Each layer as it comes to be in use, as text.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::hooks::{HooksSummary, LeftOut};
use cutover_shared::ids::{Digest, InstallationId, LinkKey, OperatorName, RunId, TenantId};
use cutover_shared::mapping::{
    MapReceipt, MappingCounts, Mode, PlanSummary, Reason, SpotCheckReport, SpotCheckRow, SpotOutcome,
};
use cutover_shared::rpc::{KillReceipt, Receipt, Role};
use cutover_shared::run::{Counts, EffectClass, GateView, Progress, Reversibility, RunState, RunView};
use cutover_shared::status::{Attention, Health};
use cutover_shared::webhook::WebhookReceipt;
use cutover_tui::app::effect::Effect;
use cutover_tui::app::event::Event;
use cutover_tui::glyphs::GlyphSet;
use cutover_tui::keymap::Action;
use cutover_tui::state::layer::KillLayer;
use cutover_tui::state::{Layer, Screen};
use cutover_tui::theme::ThemeName;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::daemon::{Console, Fake, HOUR, MINUTE, NOW, SECOND};
use crate::paint::{frame, look, text};

const ID: &str = "0198cbd0-6b28-7cc1-9d6e-2f1d8a5b7c3e";
const DIGEST: &str = "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea";

fn plan(scope: &str) -> RunView {
    let summary = PlanSummary {
        counts: MappingCounts { mapped: 1800, pending: 150, unmappable: 50, unplanned: 0 },
        reasons: vec![(Reason::IdListed, 1700), (Reason::RequestPending, 150)],
        index_epoch: 12,
        index_at: Some(NOW - 3 * MINUTE),
        installations: 50,
        repositories: 3120,
        probes_made: 12,
        probes_stored: 108,
        probes_owed: 3,
        changes: 1950,
    };
    RunView {
        id: RunId::from(ID),
        kind: "map".into(),
        scope: scope.into(),
        state: RunState::Planned,
        digest: Digest::from(DIGEST),
        effect: EffectClass::Local,
        reversibility: Reversibility::Reversible,
        author: OperatorName::from("alice"),
        planned_at: NOW - 3 * MINUTE,
        approved_by: None,
        approved_at: None,
        self_approved: false,
        expires_at: NOW + 24 * HOUR,
        started_at: None,
        ended_at: None,
        rate: None,
        progress: Progress {
            counts: Counts { pending: 2000, ..Counts::default() },
            per_second: 0.0,
            seconds_left: None,
        },
        reason: None,
        summary: serde_json::to_value(summary).unwrap(),
    }
}

fn fake() -> Fake {
    let mut fake = Fake::empty();
    fake.status.tenants = 50;
    fake.status.repositories = 2000;
    fake.status.mode.mode = Mode::Canary;
    fake.status.mode.canary = vec![TenantId::from("acme"), TenantId::from("globex")];
    fake.status.attention = vec![Attention {
        health: Health::Warning,
        text: "installation 31 (globex) has 120 of 5,000 calls left".into(),
        run: None,
        command: Some("cutover token list".into()),
        runbook: Some("github_rate_limit.md".into()),
        why: "warned below 5 % of an hour's calls: 120 of 5,000 are 2.4 %".into(),
    }];
    fake.gate = GateView {
        closed: None,
        facts: vec!["index is 3 min old, at most 6 h allowed".into(), "50 installations answered".into()],
    };
    fake.runs = vec![plan("all")];
    fake
}

/// The same as a plan to remove old webhooks.
fn old_hooks(run: RunView) -> RunView {
    let undo = "irreversible for 3 hooks: GitHub masks their secret";
    let summary = HooksSummary {
        repositories: 1_990,
        hooks: 1_940,
        irreversible: 3,
        left_out: vec![(LeftOut::HookPermissionMissing, 50)],
        undo: undo.into(),
        mend: "let the owners accept repository_hooks".into(),
    };
    RunView {
        kind: "old_hooks".into(),
        effect: EffectClass::Remote,
        reversibility: Reversibility::IrreversibleFor("3 hooks: GitHub masks their secret".into()),
        summary: serde_json::to_value(summary).unwrap(),
        ..run
    }
}

fn runs(size: (u16, u16)) -> Console {
    runs_of(fake(), size)
}

fn runs_of(fake: Fake, size: (u16, u16)) -> Console {
    Console::open(fake, size, Screen::Runs)
}

fn moving(fake: &mut Fake, runs: usize) {
    let mut run = plan("all");
    run.state = RunState::Applying;
    fake.moving = (0..runs).map(|i| RunView { id: RunId(format!("{ID}{i}")), ..run.clone() }).collect();
}

fn gone() -> RpcError {
    RpcError::new(ErrorCode::NotReached, "the daemon hung up", "look whether it runs")
}

/// The number of the last act that was sent.
fn sent(console: &Console) -> u64 {
    let last = console.effects.iter().rev().find_map(|effect| match effect {
        Effect::Act { act, .. } => Some(*act),
        _ => None,
    });
    last.unwrap()
}

fn report() -> SpotCheckReport {
    let row = |key: &str, outcome, detail: &str| SpotCheckRow {
        key: LinkKey(key.into()),
        tenant: TenantId::from("acme"),
        installation: InstallationId(31),
        confidence: 100,
        outcome,
        detail: detail.into(),
    };
    SpotCheckReport {
        seed: 4711,
        at: NOW - MINUTE,
        population: 1800,
        rows: vec![
            row("acme/web", SpotOutcome::Match, "same"),
            row(
                "acme/api",
                SpotOutcome::Mismatch,
                "stored id 7001, installation 31 sees id 9402 under this name",
            ),
            row("acme/ios", SpotOutcome::Unreachable, "GitHub answered 502 three times"),
        ],
        passed: false,
        verdict: "1 of 3 does not match".into(),
    }
}

/// Only what lies on top, so that a change of a screen changes none of these.
fn top(console: &Console) -> String {
    let (columns, rows) = console.state.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let look = look(ThemeName::Sixteen, GlyphSet::Unicode);
    terminal.draw(|frame| cutover_tui::screens::layers::draw(&console.state, &look, frame)).unwrap();
    text(terminal.backend().buffer())
}

/// Every layer, by its name, in a terminal of this size.
pub fn all(size: (u16, u16)) -> Vec<(&'static str, Console)> {
    let mut all = Vec::new();
    let mut add = |name: &'static str, console: Console| all.push((name, console));

    let mut console = runs(size);
    console.press(&["a"]);
    add("dialog_fleet", console.clone());
    console.wait(SECOND);
    console.write("apply all 2000");
    console.press(&["tab", "enter"]);
    add("dialog_ready", console.clone());
    console.lose(gone());
    console.wait(12 * SECOND);
    add("dialog_stale", console);

    let mut hooks = fake();
    hooks.runs = vec![old_hooks(plan("all"))];
    let mut console = runs_of(hooks, size);
    console.press(&["a"]);
    add("dialog_old_hooks", console);

    let mut closed = fake();
    closed.runs = vec![RunView { planned_at: NOW - 5 * HOUR, ..plan("tenant:acme") }];
    closed.gate.closed = Some("the index is 7 h old; at most 6 h are allowed".into());
    let mut console = runs_of(closed, size);
    console.press(&["a"]);
    console.wait(SECOND);
    console.write("acme");
    console.press(&["tab", "y"]);
    console.write("we looked by hand");
    add("dialog_closed_gate", console);

    let mut holding = fake();
    holding.runs[0].state = RunState::Applying;
    moving(&mut holding, 1);
    let mut console = runs_of(holding.clone(), size);
    console.press(&["h"]);
    add("dialog_reversible", console);

    moving(&mut holding, 2);
    let mut console = runs_of(holding, size);
    console.press(&["K"]);
    add("kill_armed", console.clone());
    console.press(&["K"]);
    add("kill_asked", console.clone());
    let receipt = KillReceipt {
        at: NOW,
        marker: true,
        stored: true,
        paused: vec![RunId::from(ID)],
        owed: String::new(),
        replicas: Vec::new(),
    };
    let act = sent(&console);
    let mut fired = console.clone();
    fired.event(Event::Acted { act, result: Box::new(Ok(Receipt::Kill(receipt))) });
    add("kill_fired", fired);
    console.lose(gone());
    add("kill_marking", console.clone());
    console.event(Event::Marked(Err("there is no state folder /var/lib/cutover".into())));
    add("kill_failed", console);
    let mut console = runs(size);
    console.state.options.state_dir = "/var/lib/cutover".into();
    console.lose(gone());
    console.press(&["K"]);
    add("kill_without_daemon", console);

    let mut console = runs(size);
    console.press(&["?"]);
    add("help", console.clone());
    console.press(&["end"]);
    add("help_end", console);
    let mut viewer = fake();
    viewer.welcome.role = Role::Viewer;
    let mut console = runs_of(viewer.clone(), size);
    console.press(&[":"]);
    console.write("ap");
    add("palette_viewer", console);
    let mut console = runs(size);
    console.press(&[":"]);
    add("palette", console);

    let mut console = runs(size);
    console.press(&["w"]);
    add("why", console.clone());
    let subject = Box::new(console.state.selected().unwrap());
    console.state.layers.clear();
    console.state.layers.push(Layer::Detail { subject, scroll: 0 });
    add("detail", console);
    let mut console = Console::open(fake(), size, Screen::Overview);
    console.press(&["b"]);
    add("runbook", console);

    let mut console = runs(size);
    console.press(&["L"]);
    add("receipts_empty", console.clone());
    console.press(&["esc", "d"]);
    let act = sent(&console);
    console.event(Event::Acted {
        act,
        result: Box::new(Ok(Receipt::Map(MapReceipt::Planned(Box::new(plan("all")))))),
    });
    console.press(&["4", "d"]);
    let act = sent(&console);
    console.wait(3 * MINUTE);
    console.event(Event::Acted { act, result: Box::new(Err(gone())) });
    console.press(&["d", "L", "down"]);
    add("receipts", console);

    let mut console = runs_of(viewer, size);
    console.press(&["a"]);
    add("refusal", console);
    let mut console = runs(size);
    console.press(&["d"]);
    let act = sent(&console);
    let error =
        RpcError::new(ErrorCode::GitHub, "GitHub's limit is used up until 15:00", "wait for the full hour")
            .with_runbook("runbooks/github_rate_limit.md");
    console.event(Event::Acted { act, result: Box::new(Err(error)) });
    add("refusal_runbook", console);

    let mut console = runs(size);
    console.press(&["/"]);
    add("filter", console.clone());
    console.write("scope:all stat:done");
    add("filter_problem", console);
    let mut console = runs(size);
    console.press(&["o", "down", "down", "space"]);
    add("columns", console);
    let mut console = runs(size);
    console.press(&["D", "space"]);
    add("scope", console);
    let mut killed = fake();
    killed.status.mode.killed = true;
    let mut console = runs_of(killed, size);
    console.press(&["m", "down"]);
    add("mode", console);
    let mut console = runs(size);
    console.press(&["e"]);
    add("export", console);

    let mut console = Console::open(fake(), size, Screen::Audit);
    console.fake.chain.records = 1204;
    console.fake.chain.signed_head_seq = Some(1200);
    console.press(&["V"]);
    add("chain", console.clone());
    console.press(&["esc"]);
    console.fake.chain.intact = false;
    console.fake.chain.problem = Some("record 917 does not hold the hash of record 916".into());
    console.press(&["V"]);
    add("chain_broken", console);
    let mut console = Console::open(fake(), size, Screen::Overview);
    console.press(&["v"]);
    let act = sent(&console);
    let receipt = Receipt::Map(MapReceipt::SpotCheck(Box::new(report())));
    console.event(Event::Acted { act, result: Box::new(Ok(receipt)) });
    add("spot_check", console);
    gateway(size, &mut add);
    all
}

/// What lies on deliveries, installations and workflows.
fn gateway(size: (u16, u16), add: &mut impl FnMut(&'static str, Console)) {
    let on = |screen: Screen, keys: &[&str]| {
        let mut console = Console::open(crate::world::world(), size, screen);
        console.press(keys);
        console
    };
    add("delivery", on(Screen::Webhooks, &["down", "enter"]));
    add("delivery_dead", on(Screen::Webhooks, &["down", "down", "down", "down", "down", "enter"]));
    let mut console = on(Screen::Webhooks, &[]);
    console.fake.mute = true;
    console.press(&["down", "enter"]);
    console.wait(3 * SECOND);
    add("delivery_loading", console);
    add("payload", on(Screen::Webhooks, &["down", "p"]));
    add("explain", on(Screen::Webhooks, &["down", "down", "E"]));
    add("explain_last", on(Screen::Workflows, &["E"]));
    let mut console = on(Screen::Workflows, &["down", "T"]);
    console.write("2b79");
    add("guid", console.clone());
    console.press(&["enter"]);
    add("explain_missing", console);
    add("replay", on(Screen::Webhooks, &["down", "r"]));
    let mut console = on(Screen::Webhooks, &[]);
    console.event(Event::Line("filter state:dead".into()));
    console.press(&["A"]);
    add("replay_all", console);
    let mut console = on(Screen::Webhooks, &["M"]);
    let receipt = WebhookReceipt { replayed: 0, recovery: Some(crate::sample::recovery(17)) };
    let act = sent(&console);
    console.event(Event::Acted { act, result: Box::new(Ok(Receipt::Webhook(receipt))) });
    add("recover", console);
    add("why_installation", on(Screen::Installations, &["enter"]));
    add("workflow", on(Screen::Workflows, &["down", "down", "enter"]));
    add("replay_dispatches", on(Screen::Workflows, &["r"]));
    add("remove_workflow", on(Screen::Workflows, &["x"]));
}

#[test]
fn every_layer_at_80x24() {
    for (name, console) in all((80, 24)) {
        assert!(console.state.layers.top().is_some(), "{name} is not open");
        insta::assert_snapshot!(format!("layer_{name}"), top(&console));
    }
}

#[test]
fn the_kill_switch_fits_into_any_terminal() {
    for size in [(20, 3), (40, 12)] {
        for (name, mut console) in all((80, 24)).into_iter().filter(|(name, _)| name.starts_with("kill")) {
            console.resize(size.0, size.1);
            let name = format!("layer_{name}_{}x{}", size.0, size.1);
            insta::assert_snapshot!(name, top(&console));
        }
    }
}

#[test]
fn every_layer_survives_every_size() {
    let mut consoles = all((80, 24));
    for columns in [1, 2, 3, 5, 8, 13, 20, 31, 39, 40, 41, 55, 56, 59, 60, 80, 200] {
        for rows in [1, 2, 3, 5, 8, 11, 12, 13, 19, 20, 24, 60] {
            for (_, console) in &mut consoles {
                console.state.size = (columns, rows);
                frame(&console.state);
            }
        }
    }
}

#[test]
fn what_lies_on_top_never_covers_the_banner() {
    for (name, console) in all((80, 24)) {
        let mut bare = console.state.clone();
        bare.layers.clear();
        let (with, without) = (frame(&console.state), frame(&bare));
        for x in 0..80 {
            assert_eq!(with[(x, 0)], without[(x, 0)], "{name}");
        }
    }
}

#[test]
fn no_scroll_goes_past_the_end() {
    let mut console = runs((80, 24));
    console.press(&["?", "end"]);
    let bottom = top(&console);
    console.press(&["pgdn", "down", "down", "down", "up"]);
    assert_ne!(top(&console), bottom, "one key up moves at once");
    console.press(&["down"]);
    assert_eq!(top(&console), bottom);
}

#[test]
fn a_question_that_can_not_be_read_is_not_answered() {
    let mut holding = fake();
    holding.runs[0].state = RunState::Applying;
    let mut console = runs_of(holding, (80, 24));
    console.press(&["h"]);
    console.wait(SECOND);
    console.resize(30, 8);
    console.press(&["y"]);
    assert!(console.state.layers.top().is_some() && console.effects.is_empty());
    console.resize(80, 24);
    console.press(&["y"]);
    assert_eq!(console.effects.len(), 1);
}

/// Not a test of anything: pictures to look at, where `CUTOVER_PICTURES` names a folder.
#[test]
fn pictures() {
    let Some(folder) = std::env::var_os("CUTOVER_PICTURES") else { return };
    for size in [(80, 24), (120, 40), (40, 12), (20, 3)] {
        for (name, console) in all(size) {
            let file = format!("{name}_{}x{}.ansi", size.0, size.1);
            std::fs::write(
                std::path::Path::new(&folder).join(file),
                crate::paint::ansi(&frame(&console.state)),
            )
            .unwrap();
        }
    }
}

#[test]
fn the_kill_layer_tells_who_is_asked() {
    let mut console = runs((80, 24));
    console.act(Action::Kill);
    assert!(matches!(console.state.layers.top(), Some(Layer::Kill(KillLayer::Armed))));
    assert!(top(&console).contains("as alice"));
}

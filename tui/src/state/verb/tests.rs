mod twin;

use std::collections::BTreeSet;

use cutover_shared::fleet::FleetAct;
use cutover_shared::hooks::{HooksSummary, LeftOut};
use cutover_shared::ids::TenantId;
use cutover_shared::mapping::{MapAct, Mode};
use cutover_shared::rollout::RolloutAct;
use cutover_shared::rpc::Act;
use cutover_shared::run::{ItemState, Reversibility, RunAct, RunState, RunView};
use cutover_shared::token::{TokenAct, TokenState};
use cutover_shared::webhook::WebhookAct;
use cutover_shared::workflow::WorkflowAct;

use self::twin::{parses, words};
use super::*;
use crate::bench::{self, Bench, World};
use crate::keymap::TABLE;
use crate::state::dialog::Want;
use crate::state::errand::Step;
use crate::state::{Options, Screen};

const VERBS: &[Action] = &[
    Action::DryRun,
    Action::DryRunScope,
    Action::Apply,
    Action::Undo,
    Action::Rollback,
    Action::Hold,
    Action::Cancel,
    Action::Retry,
    Action::SettleYes,
    Action::SettleNo,
    Action::SpotCheck,
    Action::Mode,
    Action::Canary,
    Action::TokenRefresh,
    Action::TokenInvalidate,
    Action::Replay,
    Action::ReplayAll,
    Action::Recover,
    Action::ReplayDispatches,
    Action::RemoveWorkflow,
    Action::Advance,
    Action::RolloutBack,
    Action::FreezeRollout,
    Action::Members,
    Action::Timeline,
    Action::Failures,
    Action::FleetRetry,
    Action::FleetBack,
    Action::InstanceTest,
    Action::History,
];

const SCOPES: &[&str] = &["all", "canary", "tenant:acme", "tenant:o'brien & sons", "tenant:"];

/// A world for each state of a run, each scope, each way of being taken back.
fn worlds() -> Vec<World> {
    let mut all = Vec::new();
    for state in RunState::ALL {
        for scope in SCOPES {
            for reversibility in [
                Reversibility::Reversible,
                Reversibility::ReversibleUntil("the old tokens are deleted".into()),
                Reversibility::IrreversibleFor("3 hooks: GitHub masks their secret".into()),
                Reversibility::Irreversible,
            ] {
                let mut view = bench::run("0198cbd0-6b28-7cc1-9d6e-2f1d8a5b7c3e", scope, *state);
                view.reversibility = reversibility;
                let attention = vec![bench::attention(Some(view.id.as_str())), bench::attention(None)];
                let mut tenants = vec![bench::tenant("o'brien & sons"), bench::tenant("acme")];
                tenants[1].canary = true;
                let canary = vec![TenantId::from("acme")];
                all.push(World {
                    runs: vec![view],
                    attention,
                    tenants,
                    canary,
                    links: 3,
                    ..World::default()
                });
            }
        }
    }
    all
}

/// Every console that stands on every row of every screen.
fn everywhere(world: World, options: Options, mut look: impl FnMut(&State)) {
    let mut bench = Bench::with(world, options);
    bench.connect();
    bench.calm();
    for screen in Screen::ALL {
        if *screen == Screen::Run {
            bench.act(Action::Runs);
            bench.act(Action::Open);
        } else {
            bench.act(crate::keymap::Action::of_screen(*screen));
        }
        bench.act(Action::Top);
        for _ in 0..12 {
            look(&bench.state);
            let before = bench.state.selected();
            bench.act(Action::Down);
            if bench.state.selected() == before {
                break;
            }
        }
    }
}

/// What an intent does when it is followed, and how it is said.
fn plan_of(intent: Intent) -> Option<(Plan, Option<Dialog>)> {
    match intent {
        Intent::Now(plan) => Some((plan, None)),
        Intent::Ask(dialog) => Some((dialog.plan.clone(), Some(*dialog))),
        Intent::Open(_) | Intent::Look { .. } | Intent::Count(_) => None,
    }
}

/// The same, where what it would take is counted first.
fn counted_plan_of(state: &State, intent: Intent) -> Option<(Plan, Option<Dialog>)> {
    match intent {
        Intent::Count(Counted::Step { name }) => {
            plan_of(stepped(state, &crate::rollout_sample::step(name, true)))
        }
        Intent::Count(counted) => plan_of(with_count(state, &counted, crate::gateway::COUNT).unwrap()),
        other => plan_of(other),
    }
}

fn acts(plan: &Plan) -> impl Iterator<Item = &Act> {
    plan.steps.iter().filter_map(|step| match step {
        Step::Act(act) => Some(act),
        Step::Until(..) => None,
    })
}

#[test]
fn every_verb_on_every_subject_is_an_intent_or_a_refusal_with_a_mend() {
    let (mut intents, mut refusals) = (0, 0);
    for world in worlds() {
        everywhere(world, Options { apply_rate: Some(200), ..Options::default() }, |state| {
            for action in VERBS {
                match intend(state, *action) {
                    Ok(intent) => {
                        intents += 1;
                        if let Some((plan, dialog)) = counted_plan_of(state, intent) {
                            sound(*action, &plan, dialog.as_ref());
                        }
                    }
                    Err(error) => {
                        refusals += 1;
                        assert!(!error.message.is_empty() && !error.hint.is_empty(), "{action:?}: {error:?}");
                    }
                }
            }
        });
    }
    assert!(intents > 1_000 && refusals > 1_000, "{intents} {refusals}");
}

fn sound(action: Action, plan: &Plan, dialog: Option<&Dialog>) {
    assert!(!plan.title.is_empty() && acts(plan).count() > 0, "{plan:?}");
    let verbs = parses(&plan.twin);
    let told = action.binding().verb;
    let also = ["run resume", "run pause", "run undo", "rollout unfreeze", "fleet plan"];
    assert!(
        verbs.iter().all(|verb| verb == told || also.contains(&verb.as_str())),
        "{action:?} is said to be `{told}` and is {verbs:?}"
    );
    let Some(dialog) = dialog else {
        let reads = |act: &Act| {
            matches!(
                act,
                Act::Map(MapAct::Plan { .. } | MapAct::SpotCheck { .. })
                    | Act::Webhook(WebhookAct::Recover { look: true, .. })
                    | Act::Fleet(FleetAct::Plan { .. } | FleetAct::Test { .. })
            )
        };
        assert!(acts(plan).all(reads), "only what changes nothing is done at once: {plan:?}");
        return;
    };
    assert!(dialog.tier > Tier::Look && dialog.tier >= action.binding().tier, "{dialog:?}");
    assert!(!dialog.effect.is_empty() && !dialog.undo.is_empty() && !dialog.button.is_empty(), "{dialog:?}");
    assert_eq!(dialog.focus, crate::state::dialog::Focus::Cancel);
    // A name is typed from tier 2 on; a freeze is reversible and wants a reason all the same.
    let names = dialog.fields.iter().filter(|field| field.want != Want::Something).count();
    assert_eq!(dialog.tier >= Tier::Live, names > 0, "{dialog:?}");
    assert!(dialog.fields.len() == names || action == Action::FreezeRollout, "{dialog:?}");
    for field in &dialog.fields {
        let Want::Exactly(text) = &field.want else { continue };
        assert!(!field.holds(), "what holds without a letter typed protects nobody: {dialog:?}");
        assert!(field.label.contains(text.as_str()));
    }
}

#[test]
fn the_run_of_each_state_takes_exactly_these_verbs() {
    use RunState as S;
    let takes: &[(Action, &[RunState])] = &[
        (Action::Apply, &[S::Planned, S::Approved]),
        (Action::Undo, &[S::Paused, S::Done, S::Cancelled, S::Failed]),
        (
            Action::Rollback,
            &[S::Applying, S::Pausing, S::Paused, S::Verifying, S::Done, S::Cancelled, S::Failed],
        ),
        (Action::Hold, &[S::Applying, S::Paused, S::Verifying, S::Undoing]),
        (Action::Cancel, &[S::Planned, S::Approved, S::Applying, S::Pausing, S::Paused, S::Verifying]),
        (Action::Retry, &[S::Done, S::Failed]),
    ];
    let bench = Bench::ready(World::default());
    for (action, states) in takes {
        for state in RunState::ALL {
            let view = bench::run("run-1", "tenant:acme", *state);
            let intent = with_run(&bench.state, *action, &view);
            assert_eq!(intent.is_ok(), states.contains(state), "{action:?} {state}: {intent:?}");
        }
    }
}

#[test]
fn a_plan_that_is_too_old_can_not_be_applied() {
    let bench = Bench::ready(World::default());
    let mut view = bench::run("run-1", "all", RunState::Planned);
    view.expires_at = bench::NOW;
    assert!(with_run(&bench.state, Action::Apply, &view).unwrap_err().message.contains("too old"));
}

#[test]
fn a_plan_about_old_webhooks_has_its_own_commands_and_says_what_it_does() {
    let bench = Bench::ready(World::default());
    let summary = HooksSummary {
        repositories: 1_200,
        hooks: 60,
        irreversible: 3,
        left_out: vec![(LeftOut::NotVisible, 2)],
        undo: "irreversible for 3 hooks".into(),
        mend: String::new(),
    };
    let of = |scope: &str, state| RunView {
        kind: "old_hooks".into(),
        effect: cutover_shared::run::EffectClass::Remote,
        reversibility: Reversibility::IrreversibleFor("3 hooks".into()),
        summary: serde_json::to_value(&summary).unwrap(),
        ..bench::run("run-1", scope, state)
    };
    let asked = |action, view: &RunView| match with_run(&bench.state, action, view) {
        Ok(Intent::Ask(dialog)) => dialog,
        other => panic!("{other:?}"),
    };
    for (state, twin) in [
        (RunState::Planned, "cutover hooks apply run-1 --approve 3f79bb7b"),
        (RunState::Approved, "cutover hooks apply run-1"),
    ] {
        let dialog = asked(Action::Apply, &of("all", state));
        assert_eq!(dialog.plan.twin, twin);
        assert_eq!(parses(&dialog.plan.twin), ["hooks apply"]);
        assert_eq!(
            dialog.effect[..2],
            [
                "60 old webhooks of 1,200 mapped repositories are removed at GitHub.",
                "2 repositories are left out: not_visible."
            ]
        );
    }
    let dialog = asked(Action::Undo, &of("all", RunState::Done));
    assert!(dialog.effect[0].contains("made anew") && dialog.effect[1].contains("superseded"), "{dialog:?}");
    for (scope, twin) in [
        ("all", "cutover hooks plan --all"),
        ("canary", "cutover hooks plan --canary"),
        ("tenant:-a b", "cutover hooks plan --tenant='-a b'"),
    ] {
        let again = plan::selected(&bench.state, Some(&Subject::Run(Box::new(of(scope, RunState::Expired)))))
            .unwrap();
        let Intent::Now(plan) = again else { panic!("{again:?}") };
        assert_eq!((plan.twin.as_str(), parses(&plan.twin)), (twin, vec!["hooks plan".to_owned()]));
        assert!(acts(&plan).all(|act| matches!(act, Act::Hooks(_))));
    }
}

#[test]
fn a_plan_about_records_of_sandboxes_has_its_own_commands() {
    let bench = Bench::ready(World::default());
    let of = |state| RunView {
        kind: "sandbox-records".into(),
        effect: cutover_shared::run::EffectClass::Local,
        summary: serde_json::json!({ "records": 60, "changes": 40 }),
        ..bench::run("run-1", "tenant:acme", state)
    };
    let Ok(Intent::Ask(dialog)) = with_run(&bench.state, Action::Apply, &of(RunState::Planned)) else {
        panic!("not asked")
    };
    assert_eq!(dialog.plan.twin, "cutover rollout records apply run-1 --approve 3f79bb7b");
    let again = Subject::Run(Box::new(of(RunState::Expired)));
    let Ok(Intent::Now(plan)) = plan::selected(&bench.state, Some(&again)) else { panic!("not begun") };
    assert_eq!(plan.twin, "cutover rollout records plan --tenant acme");
    for twin in [&dialog.plan.twin, &plan.twin] {
        assert!(parses(twin)[0].starts_with("rollout records"), "{twin}");
    }
    assert!(acts(&plan).all(|act| matches!(act, Act::Rollout(RolloutAct::PlanRecords { .. }))));
}

#[test]
fn the_whole_fleet_is_a_phrase_with_its_number() {
    let bench = Bench::ready(World::default());
    let view = bench::run("run-1", "all", RunState::Planned);
    let Ok(Intent::Ask(dialog)) = with_run(&bench.state, Action::Apply, &view) else { panic!() };
    assert_eq!(
        (dialog.tier, dialog.fields[0].want.clone()),
        (Tier::Fleet, Want::Exactly("apply all 60".into()))
    );
    assert_eq!(dialog.basis, Some((view.id.clone(), view.planned_at)), "the dry-run it stands on");
}

/// Each act that the console can do, with the verb of the command line. Exhaustive on purpose: a new act must choose.
fn verb_of(act: &Act) -> Option<&'static str> {
    Some(match act {
        Act::Kill { .. } => "kill",
        Act::Run(act) => match act {
            RunAct::Approve { .. } | RunAct::Apply { .. } => "map apply",
            RunAct::Pause { .. } => "run pause",
            RunAct::Resume { .. } => "run resume",
            RunAct::Cancel { .. } => "run cancel",
            RunAct::Retry { .. } => "run retry",
            RunAct::Undo { .. } => "run undo",
            RunAct::Settle { .. } => "run settle",
        },
        Act::Map(act) => match act {
            MapAct::Plan { .. } => "map plan",
            MapAct::SetMode { .. } => "mode set",
            MapAct::SpotCheck { .. } => "map spot-check",
        },
        Act::Token(act) => match act {
            TokenAct::Refresh { .. } => "token refresh",
            TokenAct::Invalidate { .. } => "token invalidate",
        },
        Act::Webhook(act) => match act {
            WebhookAct::ReplayOne { .. } | WebhookAct::ReplayAll { .. } => "webhook replay",
            WebhookAct::Recover { .. } => "webhook recover",
        },
        Act::Workflow(act) => match act {
            WorkflowAct::Replay { .. } => "workflow replay",
            WorkflowAct::Remove { .. } => "workflow remove",
            // The application registers workflows, over HTTP.
            WorkflowAct::Put { .. } => return None,
        },
        Act::Rollout(act) => match act {
            RolloutAct::Stage { .. } => "rollout stage",
            RolloutAct::Rollback { .. } => "rollback",
            RolloutAct::Freeze { .. } => "rollout freeze",
            RolloutAct::Unfreeze { .. } => "rollout unfreeze",
            // Flags, exceptions, rings, the end of a kill, proofs, incidents and the repair queue are for one who has read the
            // runbook, and whether to migrate is decided on paper first:
            // they have a verb and no key.
            RolloutAct::Flag { .. }
            | RolloutAct::Override { .. }
            | RolloutAct::Unkill { .. }
            | RolloutAct::Drill { .. }
            | RolloutAct::Preflight { .. }
            | RolloutAct::Declare { .. }
            | RolloutAct::Close { .. }
            | RolloutAct::Repair { .. }
            | RolloutAct::Reconcile { .. }
            | RolloutAct::Baseline { .. }
            | RolloutAct::Decide { .. }
            | RolloutAct::Ring { .. }
            | RolloutAct::Outcomes(_)
            // Planned anew from its run only, as old webhooks are.
            | RolloutAct::PlanRecords { .. } => return None,
        },
        Act::Fleet(act) => match act {
            FleetAct::Plan { .. } => "fleet plan",
            FleetAct::Rollback { .. } => "fleet rollback",
            FleetAct::Retry { .. } => "fleet retry",
            FleetAct::Test { .. } => "fleet instance test",
            // Credentials come from files and keys are turned by who has read the runbook: they have a verb and no key.
            FleetAct::Add { .. }
            | FleetAct::Remove { .. }
            | FleetAct::Accept { .. }
            | FleetAct::RotateKey
            | FleetAct::FromApplication => return None,
        },
        // Uploads and comments are files, the App is made once, old webhooks are looked for once: they have a verb and no key.
        Act::Catalog(_) | Act::App(_) | Act::Import(_) | Act::Hooks(_) | Act::Context(_) => return None,
    })
}

#[test]
fn every_act_that_the_console_offers_exists_as_a_verb_of_the_command_line() {
    let (mut offered, mut twins) = (BTreeSet::new(), BTreeSet::new());
    let mut take = |plan: &Plan| {
        let verbs = parses(&plan.twin);
        for act in acts(plan) {
            let verb = verb_of(act).unwrap_or_else(|| panic!("{} is offered without a verb", act.name()));
            assert!(verbs.iter().any(|twin| twin == verb), "{}: {} has no {verb}", act.name(), plan.twin);
            offered.insert(act.name());
            twins.insert(verb.to_owned());
        }
    };
    for world in worlds() {
        everywhere(world, Options::default(), |state| {
            for action in VERBS {
                let intent = intend(state, *action).ok();
                if let Some((plan, _)) = intent.and_then(|intent| counted_plan_of(state, intent)) {
                    take(&plan);
                }
            }
            for mode in Mode::ALL {
                if let Some((plan, _)) = mode_choice(state, *mode).ok().and_then(plan_of) {
                    take(&plan);
                }
            }
            for scope in SCOPES.iter().filter_map(|word| scope_of(word)) {
                take(&dry_run(&scope, true));
            }
        });
    }
    let state = &Bench::ready(World::default()).state;
    take(&plan_of(recover_found(state, &crate::gateway::recovery(9, 4)).unwrap()).unwrap().0);
    // The kill switch is its own engine.
    let mut bench = Bench::ready(World::default());
    bench.keys(&["K", "K"]);
    assert_eq!(bench.acts[0].1.name(), "kill");
    twins.extend(parses(&bench.state.errands.get(0).unwrap().twin));
    offered.insert("kill");
    let all: BTreeSet<&str> = [
        "run.approve",
        "run.apply",
        "run.pause",
        "run.resume",
        "run.cancel",
        "run.retry",
        "run.undo",
        "run.settle",
        "map.plan",
        "mode.set",
        "map.spot-check",
        "token.refresh",
        "token.invalidate",
        "webhook.replay",
        "webhook.replay-all",
        "webhook.recover",
        "workflow.replay",
        "workflow.remove",
        "rollout.stage",
        "rollback",
        "rollout.freeze",
        "rollout.unfreeze",
        "fleet.plan",
        "fleet.rollback",
        "fleet.retry",
        "fleet.instance.test",
        "kill",
    ]
    .into();
    assert_eq!(offered, all, "what the console can do");
    // And what the table of keys promises is in the grammar, word for word.
    for row in TABLE.iter().filter(|row| !row.verb.is_empty()) {
        let mut command = &crate::grammar();
        for word in row.verb.split(' ') {
            let below = command.find_subcommand(word);
            command = below.unwrap_or_else(|| panic!("{}: no verb `{}`", row.name, row.verb));
        }
        assert!(!command.has_subcommands(), "{}: `{}` is not whole", row.name, row.verb);
    }
    for verb in &twins {
        assert!(
            TABLE.iter().any(|row| row.verb == verb)
                || ["run resume", "rollout unfreeze", "fleet plan"].contains(&verb.as_str()),
            "{verb} is not in the table"
        );
    }
}

#[test]
fn the_reason_of_an_override_is_in_the_act_and_in_the_command() {
    let bench = Bench::ready(World::default());
    let view = bench::run("run-1", "tenant:acme", RunState::Planned);
    for reason in ["it's known", "--force", "$(reboot); `reboot`", "größer als “alles”", "a\\"] {
        let Ok(Intent::Ask(mut dialog)) = with_run(&bench.state, Action::Apply, &view) else { panic!() };
        dialog.ask_for_reason();
        let field = dialog.fields.last_mut().unwrap();
        field.input = reason.into();
        let plan = dialog.with_reason();
        assert!(acts(&plan).any(|act| matches!(act, Act::Run(RunAct::Approve { override_reason: Some(text), .. }) if text == reason)));
        assert_eq!(parses(&plan.twin), ["map apply"], "{}", plan.twin);
        assert!(words(&plan.twin).iter().any(|word| word == reason || word.ends_with(&format!("={reason}"))));
    }
}

#[test]
fn names_that_look_like_flags_stay_names_in_the_command() {
    for name in ["-rf", "--all", "a b", "it's", "$HOME", "Ünïcode", "*"] {
        let plan = dry_run(&MapScope::Tenant(name.into()), false);
        assert_eq!(parses(&plan.twin), ["map plan"], "{}", plan.twin);
        let mut bench = Bench::ready(World { tenants: vec![bench::tenant(name)], ..World::default() });
        bench.act(Action::Tenants);
        let Ok(Intent::Ask(dialog)) = toggle_canary(&bench.state) else { panic!() };
        assert_eq!(parses(&dialog.plan.twin), ["mode set"], "{}", dialog.plan.twin);
        assert_eq!(parses(&crate::state::why::twin(&bench.state)), ["tenant show"]);
    }
    let view = bench::run("run-1", "all", RunState::Done);
    let mut item = bench::item(0, ItemState::Unknown);
    item.key = "-x y".into();
    let mut bench = Bench::ready(World { runs: vec![view], items: vec![item], ..World::default() });
    bench.act(Action::Runs);
    bench.act(Action::Open);
    let Ok(Intent::Ask(dialog)) = intend(&bench.state, Action::SettleYes) else { panic!() };
    assert_eq!(parses(&dialog.plan.twin), ["run settle"]);
}

#[test]
fn what_shows_the_same_is_a_command_too() {
    for world in worlds().into_iter().take(3) {
        everywhere(world, Options::default(), |state| {
            parses(&crate::state::why::twin(state));
            if let Some(table) = state.table() {
                parses(&table.twin());
            }
        });
    }
}

#[test]
fn what_lies_on_a_delivery_is_a_command_too() {
    for name in ["guid-1", "-x y'z", "o'brien & sons"] {
        let (guid, workflow) = (name.to_owned(), Some(name.to_owned()));
        let layers = [
            (Layer::Payload { guid: guid.clone(), scroll: 0 }, "webhook show"),
            (Layer::Explain { guid: guid.clone(), workflow: None, scroll: 0 }, "workflow test"),
            (Layer::Explain { guid, workflow, scroll: 0 }, "workflow test"),
        ];
        for (layer, verb) in layers {
            let twin = crate::state::why::layer_twin(&layer).unwrap();
            assert_eq!(parses(&twin), [verb], "{twin}");
            assert!(words(&twin).iter().any(|word| word == name || word.ends_with(&format!("={name}"))));
        }
    }
}

#[test]
fn every_token_state_may_be_minted_and_forgotten() {
    let tokens = TokenState::ALL.iter().zip(1..).map(|(state, id)| bench::token(id, *state)).collect();
    let mut bench = Bench::ready(World { tokens, ..World::default() });
    bench.act(Action::Tokens);
    for _ in TokenState::ALL {
        assert!(intend(&bench.state, Action::TokenRefresh).is_ok());
        assert!(intend(&bench.state, Action::TokenInvalidate).is_ok());
        bench.act(Action::Down);
    }
}

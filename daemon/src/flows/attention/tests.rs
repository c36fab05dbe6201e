use cutover_shared::mapping::Mode;
use cutover_shared::rollout::DrillView;
use cutover_shared::run::{Counts, EffectClass, Progress, Reversibility};
use serde_json::json;

use super::*;

const NOW: i64 = 1_000_000_000;
const HOUR: i64 = 3_600_000;
const NO_SWEEPS: SweepView = SweepView { trouble: None, next_at: None };

fn run(id: &str, state: RunState, counts: Counts) -> RunView {
    RunView {
        id: id.into(),
        kind: "map".into(),
        scope: "all".into(),
        state,
        digest: "d1".into(),
        effect: EffectClass::Local,
        reversibility: Reversibility::Reversible,
        author: "ana".into(),
        planned_at: NOW - HOUR,
        approved_by: Some("bob".into()),
        approved_at: Some(NOW - HOUR),
        self_approved: false,
        expires_at: NOW + HOUR,
        started_at: None,
        ended_at: Some(NOW - HOUR),
        rate: None,
        progress: Progress { counts, per_second: 0.0, seconds_left: None },
        reason: Some("the disk is full".into()),
        summary: json!({ "changes": 5 }),
    }
}

fn mode() -> ModeView {
    ModeView {
        mode: Mode::Canary,
        canary: Vec::new(),
        changed_at: None,
        changed_by: None,
        environment_differs: None,
        killed: false,
    }
}

fn index() -> IndexView {
    IndexView { swept_at: Some(NOW), ..IndexView::default() }
}

fn of(mode: &ModeView, trouble: Option<&str>, runs: &[RunView], index: &IndexView) -> Vec<Attention> {
    of_facts(&facts(mode, trouble, runs, index))
}

fn facts<'a>(
    mode: &'a ModeView,
    trouble: Option<&'a str>,
    runs: &'a [RunView],
    index: &'a IndexView,
) -> Facts<'a> {
    Facts {
        now: NOW,
        mode,
        trouble,
        runs,
        index,
        sweeps: &NO_SWEEPS,
        copies: None,
        projects: 1,
        index_max_age_ms: 6 * HOUR,
        webhooks: Webhooks::default(),
        books: &[],
        rollouts: &[],
        drills: &[],
        reviews: &[],
    }
}

fn of_facts(facts: &Facts<'_>) -> Vec<Attention> {
    let found = attention(facts);
    for one in &found {
        assert!(!one.why.is_empty() && one.command.is_some(), "{one:?}");
        assert!(!one.text.ends_with('.') && one.why.ends_with('.'), "{one:?}");
    }
    found
}

fn of_runs(runs: &[RunView]) -> Vec<(Health, String)> {
    let found = of(&mode(), None, runs, &index());
    assert!(found.iter().all(|one| one.run.is_some()));
    found.into_iter().map(|one| (one.health, one.command.unwrap())).collect()
}

#[test]
fn all_well_says_nothing() {
    assert!(of(&mode(), None, &[], &index()).is_empty());
    let quiet = [
        run("r1", RunState::Done, Counts { done: 5, ..Counts::default() }),
        run("r2", RunState::Applying, Counts::default()),
        RunView { ended_at: Some(NOW - FAILED_MS), ..run("r3", RunState::Failed, Counts::default()) },
        RunView { expires_at: NOW, ..run("r4", RunState::Planned, Counts::default()) },
        RunView { summary: json!({ "changes": 0 }), ..run("r5", RunState::Planned, Counts::default()) },
    ];
    assert_eq!(of_runs(&quiet), []);
}

#[test]
fn each_state_of_a_run_has_its_word() {
    let bad = |command: &str| (Health::Bad, command.to_owned());
    let failed = Counts { failed: 3, ..Counts::default() };
    assert_eq!(of_runs(&[run("r1", RunState::Failed, failed.clone())]), [bad("cutover run show r1")]);
    let warning = (Health::Warning, "cutover run items r1 --state failed".to_owned());
    assert_eq!(of_runs(&[run("r1", RunState::Done, failed)]), [warning]);
    let unknown = Counts { unknown: 1, ..Counts::default() };
    assert_eq!(of_runs(&[run("r1", RunState::Done, unknown)]), [bad("cutover run items r1 --state unknown")]);
    let paused = (Health::Warning, "cutover run resume r1".to_owned());
    assert_eq!(of_runs(&[run("r1", RunState::Paused, Counts::default())]), [paused]);
    let approved = (Health::Ok, "cutover map apply r1".to_owned());
    assert_eq!(of_runs(&[run("r1", RunState::Approved, Counts::default())]), [approved]);
    let planned = (Health::Ok, "cutover run approve r1 --digest d1".to_owned());
    assert_eq!(of_runs(&[run("r1", RunState::Planned, Counts::default())]), [planned]);
}

#[test]
fn the_most_urgent_comes_first() {
    let mode = ModeView { killed: true, environment_differs: Some(Mode::Off), ..mode() };
    let runs = [
        run("r1", RunState::Planned, Counts::default()),
        run("r2", RunState::Paused, Counts::default()),
        run("r3", RunState::Failed, Counts::default()),
    ];
    let index = IndexView { unread: 1, suspended: 2, swept_at: Some(NOW - 7 * HOUR), ..IndexView::default() };
    let found = of(&mode, Some("database or disk is full"), &runs, &index);
    let words: Vec<_> = found.iter().map(|one| one.health.word()).collect();
    let expected = ["bad", "bad", "bad", "warning", "warning", "warning", "warning", "warning", "ok"];
    assert_eq!(words, expected, "{found:#?}");
    assert!(found[0].text.starts_with("KILLED") && found[1].text.contains("disk is full"));
    let runbooks: Vec<_> = found.iter().filter_map(|one| one.runbook.as_deref()).collect();
    assert_eq!(runbooks, ["kill.md", "store_disk_full.md"]);
    for file in runbooks {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks").join(file);
        assert!(path.is_file(), "{}", path.display());
    }
}

#[test]
fn an_index_that_was_never_read_matters_only_with_projects() {
    let (mode, index) = (mode(), IndexView::default());
    let sweeps = SweepView::default();
    let facts = |projects| Facts {
        now: NOW,
        mode: &mode,
        trouble: None,
        runs: &[],
        index: &index,
        sweeps: &sweeps,
        copies: None,
        projects,
        index_max_age_ms: HOUR,
        webhooks: Webhooks::default(),
        books: &[],
        rollouts: &[],
        drills: &[],
        reviews: &[],
    };
    assert!(attention(&facts(0)).is_empty());
    assert_eq!(attention(&facts(1)).len(), 1);
}

#[test]
fn a_gap_among_the_webhooks_is_told_of_for_a_week_and_lost_ones_as_long_as_they_are() {
    let (mode, index) = (mode(), index());
    let of = |lost, gap| {
        let found = of_facts(&Facts { webhooks: Webhooks { lost, gap }, ..facts(&mode, None, &[], &index) });
        for one in &found {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks");
            assert!(path.join(one.runbook.as_deref().unwrap()).exists(), "{one:?}");
        }
        found.into_iter().map(|one| (one.health, one.text)).collect::<Vec<_>>()
    };
    let gap = |found| Some((NOW - 100 * HOUR, NOW - 72 * HOUR, found));
    let found = of(2, gap(NOW - HOUR));
    assert_eq!(found.iter().map(|one| one.0).collect::<Vec<_>>(), [Health::Bad, Health::Warning]);
    assert!(found[0].1.contains("28 h") && found[0].1.contains("5 days ago"), "{found:?}");
    assert!(found[1].1.starts_with("2 deliveries"), "{found:?}");
    assert!(of(0, gap(NOW - 8 * 24 * HOUR)).is_empty());
    assert_eq!(of(1, None).len(), 1);
}

#[test]
fn a_sweep_that_stopped_is_told_until_one_ends() {
    let (mode, index) = (mode(), index());
    let stopped = SweepView { trouble: Some((NOW - HOUR, "no route".to_owned())), next_at: Some(NOW + HOUR) };
    let said = |sweeps: &SweepView| of_facts(&Facts { sweeps, ..facts(&mode, None, &[], &index) });
    assert!(said(&SweepView::default()).is_empty());
    let [told] = said(&stopped).try_into().unwrap();
    assert_eq!(told.text, "the sweep of GitHub's lists stopped: no route");
    assert!(told.why.contains("60 min ago"), "{}", told.why);
}

#[test]
fn copies_that_are_behind_are_told_with_their_words() {
    let (mode, index) = (mode(), index());
    let of = |copies| of_facts(&Facts { copies, ..facts(&mode, None, &[], &index) });
    assert!(of(None).is_empty());
    let said = of(Some((NOW - HOUR, "it is down"))).remove(0);
    assert_eq!((said.health, said.command.as_deref()), (Health::Warning, Some("cutover doctor")));
    assert!(said.text.ends_with("are behind: it is down") && said.why.contains("failed 60 min"), "{said:?}");
}

#[test]
fn a_second_write_that_failed_and_books_that_differ_need_a_person() {
    let (mode, index) = (mode(), index());
    let of = |repair: RepairView, health| {
        let view = ReconcileView {
            at: NOW - HOUR,
            since: 0,
            compared: 1_000,
            missing: 2,
            extra: 0,
            different: 1,
            lagging: 0,
            later: Some(0),
            mismatch_ppm: 3_000,
            repaired: 2,
            unrecorded: 0,
            health,
            examples: Vec::new(),
        };
        let books = [Books { name: RolloutName::GithubAuth, repair, reconciled: Some(view) }];
        let found = of_facts(&Facts { books: &books, ..facts(&mode, None, &[], &index) });
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks");
        assert!(found.iter().all(|one| path.join(one.runbook.as_deref().unwrap()).exists()), "{found:?}");
        found.into_iter().map(|one| (one.health, one.text)).collect::<Vec<_>>()
    };
    assert_eq!(of(RepairView { waiting: 4, ..RepairView::default() }, Health::Ok), []);
    let failed = RepairView { waiting: 4, failed: 1, ..RepairView::default() };
    let queue = (Health::Bad, "repair queue of github-auth: 4 owed, 1 failed".to_owned());
    assert_eq!(of(failed, Health::Ok), [queue]);
    let differ = "the books of github-auth differ in 3 of 1000 records".to_owned();
    assert_eq!(of(RepairView::default(), Health::Bad), [(Health::Bad, differ)]);
}

#[test]
fn a_drill_that_failed_or_does_not_come_needs_a_person() {
    let (mode, index) = (mode(), index());
    let of = |standing: DrillStanding| {
        let found = of_facts(&Facts { drills: &[standing], ..facts(&mode, None, &[], &index) });
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks");
        assert!(found.iter().all(|one| path.join(one.runbook.as_deref().unwrap()).exists()), "{found:?}");
        assert!(found.iter().all(|one| one.command.as_deref() == Some("cutover rollout drill github-auth")));
        found.into_iter().map(|one| (one.health, one.text)).collect::<Vec<_>>()
    };
    let next = |overdue| Some(DrillView { due_at: NOW - 30 * HOUR, overdue });
    let well = DrillStanding { name: RolloutName::GithubAuth, open: true, next: next(false), failed: None };
    assert_eq!(of(well.clone()), []);
    let late = "the drill of github-auth's kill switch is due since 30 h".to_owned();
    assert_eq!(of(DrillStanding { next: next(true), ..well.clone() }), [(Health::Warning, late)]);
    let failed = DrillStanding { failed: Some((NOW - HOUR, "t-1: revoked".to_owned())), ..well };
    let text = "the way back of github-auth FAILED its drill: t-1: revoked".to_owned();
    assert_eq!(of(failed.clone()), [(Health::Bad, text.clone())]);
    assert_eq!(
        of(DrillStanding { open: false, ..failed }),
        [(Health::Warning, text)],
        "nobody has to go back"
    );
}

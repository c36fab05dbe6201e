//! Windows of dispatches and workflows, and which dispatches can be sent again.

use std::collections::{BTreeMap, BTreeSet};

use cutover_shared::workflow::{DispatchState, Rule};

use super::world::Owned;
use super::*;
use crate::faults::Faults;
use crate::store::{Db, DispatchTo, Lane, NewDispatches, OutboxOp, PutWorkflow, Unit, open};

#[derive(Clone, Debug)]
struct Dispatch {
    event: String,
    /// Of these workflows; none for the scheduler.
    workflow: Option<u8>,
    repository: Option<String>,
    at: i64,
    state: DispatchState,
    attempts: u32,
    note: Option<String>,
}

fn dispatches() -> impl Strategy<Value = Vec<Dispatch>> {
    let text = || "[abA%_é\\\\']{1,4}";
    let one = (
        text(),
        prop::option::of(0..3_u8),
        prop::option::of(text()),
        4_000..NOW,
        0..4_u32,
        prop::option::of(text()),
    );
    let one = (one, prop::sample::select(DispatchState::ALL));
    let one = one.prop_map(|((event, workflow, repository, at, attempts, note), state)| Dispatch {
        event,
        workflow,
        repository,
        at,
        state,
        attempts,
        note,
    });
    prop::collection::vec(one, 0..25)
}

impl Dispatch {
    fn workflow(&self) -> Option<String> {
        self.workflow.map(|n| format!("wf-{n}"))
    }

    fn row(&self, seq: i64) -> Row {
        let word = |text: &str| Owned::Text(Some(text.to_owned()));
        // What ends without a failed try has none, unless it was given up with them.
        let (attempts, note) = match self.state {
            DispatchState::Waiting if self.attempts == 0 => (0, None),
            DispatchState::Waiting => (self.attempts, Some("late".to_owned())),
            DispatchState::Sent => (0, self.note.clone()),
            DispatchState::Dead => (self.attempts, Some("dead".to_owned())),
        };
        Row {
            key: seq.to_string(),
            values: vec![
                ("seq", Owned::Number(Some(seq))),
                ("workflow", Owned::Text(self.workflow())),
                ("guid", word(&format!("g-{seq}"))),
                ("event", word(&self.event)),
                ("repo", Owned::Text(self.repository.clone())),
                ("state", word(self.state.word())),
                ("age", Owned::Moment(self.at)),
                ("tries", Owned::Number(Some(attempts.into()))),
                ("note", Owned::Text(note)),
            ],
        }
    }

    fn ops(&self, seq: i64) -> Vec<OutboxOp> {
        let to = match self.workflow() {
            Some(id) => DispatchTo::Workflows(vec![id]),
            None => DispatchTo::Scheduler { installation: Some(1) },
        };
        let (guid, event, repository) = (format!("g-{seq}"), self.event.clone(), self.repository.clone());
        let new = NewDispatches { delivery: seq, guid, event, repository, at: self.at, to };
        let end = match self.state {
            DispatchState::Waiting if self.attempts == 0 => None,
            DispatchState::Waiting => {
                Some(OutboxOp::Retry { seq, attempts: self.attempts, due_at: 1, note: "late".to_owned() })
            }
            DispatchState::Sent => {
                Some(OutboxOp::Sent { seq, at: 9, execution_id: None, note: self.note.clone() })
            }
            DispatchState::Dead => {
                Some(OutboxOp::Dead { seq, at: 9, attempts: self.attempts, note: "dead".to_owned() })
            }
        };
        [Some(OutboxOp::Put(Box::new(new))), end].into_iter().flatten().collect()
    }
}

fn workflow(n: u8) -> OutboxOp {
    let rule = Rule {
        repository: format!("o/{n}"),
        events: vec!["push".to_owned()],
        branches: Vec::new(),
        paths: Vec::new(),
        action_filter: Vec::new(),
        author_filter: Vec::new(),
        label_filter: Vec::new(),
        ignore_bots: true,
        github_app_installation_id: None,
    };
    let (id, name, definition) = (format!("wf-{n}"), format!("N{n}"), "{}".to_owned());
    let put = PutWorkflow {
        id,
        name,
        rule,
        definition,
        attach_context: false,
        at: 1,
        by: "ana".to_owned(),
        application: None,
    };
    OutboxOp::PutWorkflow(Box::new(put))
}

async fn store(dispatches: &[Dispatch]) -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    let workflows = (0..3).map(workflow);
    let later = (1..).zip(dispatches).flat_map(|(seq, dispatch)| dispatch.ops(seq));
    let unit = Unit::new().with_all(workflows.chain(later).map(Into::into));
    db.write(Lane::Handler, unit).await.unwrap();
    (dir, db)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn dispatches_are_what_memory_says(
        dispatches in dispatches(),
        asks in prop::collection::vec(ask(&filter::DISPATCHES), 10),
        after in 0_i64..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_dir, db) = store(&dispatches).await;
            let mut rows: Vec<Row> = (1..).zip(&dispatches).map(|(seq, dispatch)| dispatch.row(seq)).collect();
            rows.reverse();
            for ask in &asks {
                let select = select(&filter::DISPATCHES, ask, &BTreeSet::new());
                let found = db.dispatches_window(&select).await.unwrap().map(|row| row.seq.to_string());
                same(&rows, &filter::DISPATCHES, &select, &found)?;
                let expected: Vec<i64> = (1_i64..)
                    .zip(&dispatches)
                    .filter(|(_, dispatch)| dispatch.state != DispatchState::Waiting)
                    .filter(|(seq, dispatch)| {
                        let row = dispatch.row(*seq);
                        select.passes(&filter::DISPATCHES, |field| row.value(field))
                    })
                    .map(|(seq, _)| seq)
                    .collect();
                prop_assert_eq!(db.dispatches_replayable(&select).await.unwrap(), expected.len() as u64);
                let rest: Vec<i64> = expected.into_iter().filter(|seq| *seq > after).take(5).collect();
                prop_assert_eq!(db.dispatches_replayable_seqs(&select, after, 5).await.unwrap(), rest);
            }
            // Heads are the first that wait in each queue, and counts are of each workflow.
            let mut heads = BTreeMap::new();
            for (seq, dispatch) in (1_i64..).zip(&dispatches) {
                if dispatch.state == DispatchState::Waiting {
                    let queue = dispatch.workflow().unwrap_or_else(|| "@scheduler:1".to_owned());
                    heads.entry(queue).or_insert(seq);
                }
            }
            let found = db.dispatch_heads(None, 9).await.unwrap();
            let found: BTreeMap<String, i64> = found.into_iter().map(|head| (head.queue, head.seq)).collect();
            prop_assert_eq!(found, heads);
            let listed = Select { limit: 9, ..Select::default() };
            let listed = db.workflows_window(&listed).await.unwrap().rows;
            prop_assert_eq!(listed.len(), 3);
            for row in listed {
                let count = |state| {
                    let of_it = |dispatch: &&Dispatch| {
                        dispatch.workflow().as_deref() == Some(row.id.as_str()) && state == Some(dispatch.state)
                    };
                    dispatches.iter().filter(of_it).count() as u64
                };
                prop_assert_eq!(row.waiting, count(Some(DispatchState::Waiting)));
                prop_assert_eq!(row.dead, count(Some(DispatchState::Dead)));
                let all = [DispatchState::Waiting, DispatchState::Sent, DispatchState::Dead];
                prop_assert_eq!(row.matches, all.into_iter().map(|state| count(Some(state))).sum::<u64>());
            }
            db.close().await;
            Ok(())
        })?;
    }
}

//! Acts on their way, and the receipts that they leave: each with the command that does the same.

use std::collections::VecDeque;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::RunId;
use cutover_shared::rpc::{Act, Receipt};
use cutover_shared::run::{RunAct, RunState};

/// Receipts that are kept.
const KEPT: usize = 200;

/// What is to be done, before anybody said yes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What it is, for people: `apply the plan for tenant:acme`.
    pub title: String,
    /// The command that does the same.
    pub twin: String,
    pub steps: Vec<Step>,
    /// The run that it is about.
    pub run: Option<RunId>,
}

/// One step of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Act(Act),
    /// Waits until the run is in one of these states.
    Until(RunId, &'static [RunState]),
}

/// How it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Going,
    /// In one sentence.
    Done(String),
    Failed(RpcError),
    /// The connection broke before the answer: it may have been done.
    NotKnown(RpcError),
}

/// Something that was asked of the daemon.
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    /// Number of the act under way; a repeat keeps it, and with it the act's key.
    pub act: u64,
    pub title: String,
    pub twin: String,
    pub run: Option<RunId>,
    pub begun: i64,
    pub ended: Option<i64>,
    pub outcome: Outcome,
    steps: VecDeque<Step>,
    /// The step under way, for a repeat.
    current: Option<Act>,
}

impl Errand {
    pub fn is_going(&self) -> bool {
        self.outcome == Outcome::Going
    }

    /// What waits for a run's state.
    pub fn awaited(&self) -> Option<(&RunId, &'static [RunState])> {
        match self.steps.front() {
            Some(Step::Until(run, states)) if self.current.is_none() && self.is_going() => {
                Some((run, states))
            }
            _ => None,
        }
    }
}

impl Errand {
    /// It waits for what this answers.
    pub fn awaits(&self, slot: &super::Slot) -> bool {
        matches!((slot, self.awaited()), (super::Slot::Run(shown), Some((run, _))) if shown == run)
    }
}

/// All errands, the newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Errands {
    all: VecDeque<Errand>,
}

/// What an errand wants next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Send this act.
    Act(u64, Act),
    /// Wait for the run.
    Wait,
    /// It has ended.
    Ended,
}

impl Errands {
    pub fn all(&self) -> impl ExactSizeIterator<Item = &Errand> {
        self.all.iter()
    }

    pub fn get(&self, at: usize) -> Option<&Errand> {
        self.all.get(at)
    }

    /// The act under way of this number.
    pub fn under_way(&self, act: u64) -> Option<&Act> {
        self.all.iter().find(|errand| errand.act == act)?.current.as_ref()
    }

    pub fn going(&self) -> usize {
        self.all.iter().filter(|errand| errand.is_going()).count()
    }

    /// Begins. `number` makes the acts' numbers.
    pub fn begin(&mut self, plan: Plan, now: i64, number: u64) -> Next {
        let errand = Errand {
            act: number,
            title: plan.title,
            twin: plan.twin,
            run: plan.run,
            begun: now,
            ended: None,
            outcome: Outcome::Going,
            steps: plan.steps.into(),
            current: None,
        };
        self.all.push_front(errand);
        if self.all.len() > KEPT {
            // One that is still going is forgotten last.
            let ended = self.all.iter().rposition(|errand| !errand.is_going());
            self.all.remove(ended.unwrap_or(KEPT));
        }
        self.all.front_mut().map_or(Next::Ended, Errand::advance)
    }

    /// The answer to an act. None when nobody waits for it.
    pub fn acted(
        &mut self,
        act: u64,
        result: Result<Receipt, RpcError>,
        now: i64,
        number: u64,
    ) -> Option<(Next, &Errand)> {
        let errand = self.all.iter_mut().find(|errand| errand.act == act && errand.current.is_some())?;
        errand.current = match &result {
            Err(error) if error.code == ErrorCode::NotReached => errand.current.take(),
            _ => None,
        };
        let next = match result {
            Ok(receipt) => {
                let text = said(&receipt);
                if let Receipt::Run(run) = &receipt {
                    errand.run = Some(run.id.clone());
                }
                errand.act = number;
                let next = errand.advance();
                if next == Next::Ended {
                    errand.end(Outcome::Done(text), now);
                }
                next
            }
            Err(error) if errand.current.is_some() => {
                errand.end(Outcome::NotKnown(error), now);
                Next::Ended
            }
            Err(error) => {
                errand.end(Outcome::Failed(error), now);
                Next::Ended
            }
        };
        Some((next, &*errand))
    }

    /// A run is in this state now: who waited for it goes on. Answers at most one act at a time.
    pub fn seen(&mut self, run: &RunId, state: RunState, now: i64, number: u64) -> Option<Next> {
        let waits = |errand: &Errand| {
            errand.awaited().is_some_and(|(id, states)| id == run && states.contains(&state))
        };
        let errand = self.all.iter_mut().find(|errand| waits(errand))?;
        errand.steps.pop_front();
        errand.act = number;
        let next = errand.advance();
        if next == Next::Ended {
            errand.end(Outcome::Done(format!("run {run} is {state}")), now);
        }
        Some(next)
    }

    /// Asks once more for an errand whose outcome is not known; the same key, so nothing is done twice.
    pub fn repeat(&mut self, at: usize) -> Option<(u64, Act)> {
        let errand = self.all.get_mut(at)?;
        let act = errand.current.clone().filter(|_| matches!(errand.outcome, Outcome::NotKnown(_)))?;
        (errand.outcome, errand.ended) = (Outcome::Going, None);
        Some((errand.act, act))
    }
}

impl Errand {
    fn advance(&mut self) -> Next {
        match self.steps.front() {
            Some(Step::Until(..)) => Next::Wait,
            Some(Step::Act(act)) => {
                let act = act.clone();
                self.steps.pop_front();
                self.current = Some(act.clone());
                Next::Act(self.act, act)
            }
            None => Next::Ended,
        }
    }

    fn end(&mut self, outcome: Outcome, now: i64) {
        // Who asks again for what is not known means the whole of it, not its first step alone.
        if !matches!(outcome, Outcome::NotKnown(_)) {
            self.steps.clear();
        }
        (self.outcome, self.ended) = (outcome, Some(now));
    }
}

/// A receipt in one sentence.
fn said(receipt: &Receipt) -> String {
    use cutover_shared::catalog::CatalogReceipt;
    use cutover_shared::mapping::MapReceipt;
    use cutover_shared::workflow::WorkflowReceipt;
    if let Some(run) = receipt.planned() {
        return format!(
            "plan {} is ready: {} items; nothing was changed",
            super::figures::short(&run.id),
            crate::plain::number(run.progress.counts.total())
        );
    }
    match receipt {
        Receipt::Run(run) => format!("run {} is {}", super::figures::short(&run.id), run.state),
        Receipt::Map(MapReceipt::Planned(_)) | Receipt::Hooks(_) => "a plan is ready".to_owned(),
        Receipt::Map(MapReceipt::Mode(mode)) => {
            let killed = if mode.killed { "; KILLED still" } else { "" };
            {
                let canary = mode.canary.len();
                let tenants = if canary == 1 { "tenant" } else { "tenants" };
                format!("mode {}, {canary} {tenants} on the canary list{killed}", mode.mode)
            }
        }
        Receipt::Map(MapReceipt::SpotCheck(report)) => {
            let word = if report.passed { "passed" } else { "not passed" };
            format!("spot-check {word}: {}", report.verdict)
        }
        Receipt::Catalog(CatalogReceipt::Imported(receipt)) => format!("{} rows added", receipt.added),
        Receipt::Catalog(_) => "taken".to_owned(),
        Receipt::Token(token) => format!("installation {}: token is {}", token.installation, token.state),
        Receipt::Webhook(receipt) => match &receipt.recovery {
            Some(recovery) => recovery.statement.clone(),
            None => format!("{} deliveries wait to be handled again", crate::plain::number(receipt.replayed)),
        },
        Receipt::App(app) => format!("the App is {}", app.id),
        Receipt::Workflow(WorkflowReceipt::Put(workflow)) => {
            format!("workflow {} is registered", workflow.id)
        }
        Receipt::Workflow(WorkflowReceipt::Removed { id }) => format!("workflow {id} is removed"),
        Receipt::Workflow(WorkflowReceipt::Replayed(count)) => {
            format!("{} dispatches wait to be sent again", crate::plain::number(*count))
        }
        Receipt::Import(view) => {
            format!("{} at {}, by {}", view.repository, view.commit_sha, view.method)
        }
        Receipt::Recorded(view) => {
            let kept = view.probes.iter().filter(|probe| probe.passed == Some(true)).count();
            format!("{kept} of {} probes recorded for {}", view.probes.len(), view.repository)
        }
        Receipt::Context(_) => "the comment is posted".to_owned(),
        Receipt::Rollout(receipt) => match receipt.changes.last() {
            Some(change) => {
                let moved = crate::plain::rollout::moved(change);
                format!("{} {}: {moved}, version {}", change.rollout, change.act, change.version)
            }
            None => "it was so already: nothing was changed".to_owned(),
        },
        Receipt::Fleet(_) => "done".to_owned(),
        Receipt::Kill(kill) => format!(
            "KILLED: every decision is legacy since {}, {} runs told to pause{}",
            crate::plain::time(kill.at),
            kill.paused.len(),
            if kill.owed.is_empty() { String::new() } else { format!("; still owed: {}", kill.owed) }
        ),
    }
}

/// The run that an act is about.
pub fn run_of(act: &Act) -> Option<RunId> {
    match act {
        Act::Run(
            RunAct::Approve { id, .. }
            | RunAct::Apply { id, .. }
            | RunAct::Pause { id }
            | RunAct::Resume { id, .. }
            | RunAct::Cancel { id }
            | RunAct::Retry { id }
            | RunAct::Undo { id, .. }
            | RunAct::Settle { id, .. },
        ) => Some(id.clone()),
        Act::Map(_)
        | Act::Hooks(_)
        | Act::Catalog(_)
        | Act::Token(_)
        | Act::Webhook(_)
        | Act::Workflow(_)
        | Act::Rollout(_)
        | Act::Fleet(_)
        | Act::App(_)
        | Act::Import(_)
        | Act::Context(_)
        | Act::Kill { .. } => None,
    }
}

#[cfg(test)]
mod tests;

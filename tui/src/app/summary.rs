//! What is left on the normal screen when the console ends: what was done, with its commands, and what goes on without it.

use crate::plain::{clean, number, percent, span};
use crate::state::errand::Outcome;
use crate::state::figures::{settled, short};
use crate::state::{Link, State};

/// Acts that are listed; the others are counted.
const LISTED: usize = 10;

/// The summary, each line ended.
pub fn summary(state: &State) -> String {
    let took = span(state.now.saturating_sub(state.began).unsigned_abs() / 1000);
    let mut text = match &state.link {
        Link::Connected { welcome, .. } => format!(
            "cutover console: {took} on {} as {} ({})\n",
            clean(&welcome.environment),
            clean(welcome.operator.as_str()),
            welcome.role
        ),
        other => {
            let why = other.error().map_or(String::new(), |error| format!(": {}", clean(&error.message)));
            format!("cutover console: {took}; not connected at the end{why}\n")
        }
    };
    if let Some(status) = state.status() {
        let killed = if status.mode.killed { "KILLED, everything on legacy; " } else { "" };
        let counts = &status.counts;
        text += &format!(
            "  {killed}mode {}; {} mapped, {} pending, {} unmappable, {} unplanned\n",
            status.mode.mode,
            number(counts.mapped),
            number(counts.pending),
            number(counts.unmappable),
            number(counts.unplanned)
        );
    }
    for run in &state.moving {
        let share = percent(settled(run), run.progress.counts.total());
        text +=
            &format!("  goes on: run {} {} {share} %, cutover watch {}\n", short(&run.id), run.state, run.id);
    }
    let acts = state.errands.all().len();
    if acts == 0 {
        text += "  nothing was changed from here\n";
    }
    for errand in state.errands.all().take(LISTED) {
        let outcome = match &errand.outcome {
            Outcome::Going => "still going".to_owned(),
            Outcome::Done(text) => text.clone(),
            Outcome::Failed(error) => format!("refused or failed: {}", error.message),
            Outcome::NotKnown(_) => "not known whether it was done".to_owned(),
        };
        text += &format!("  $ {}\n    {}\n", clean(&errand.twin), clean(&outcome));
    }
    if acts > LISTED {
        text += &format!("  and {} acts before these: cutover audit list\n", acts - LISTED);
    }
    text
}

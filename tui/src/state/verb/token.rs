//! Installation tokens.

use cutover_shared::error::RpcError;
use cutover_shared::ids::InstallationId;
use cutover_shared::rpc::Act;
use cutover_shared::token::TokenAct;

use super::{Intent, no};
use crate::keymap::Tier;
use crate::state::State;
use crate::state::dialog::Dialog;
use crate::state::errand::{Plan, Step};
use crate::state::subject::Subject;

/// Whose token it is.
struct Holder {
    installation: InstallationId,
    account: Option<String>,
}

/// The marked tokens or installations, or the selected one.
fn chosen(state: &State) -> Result<Vec<Holder>, RpcError> {
    let of = |subject: Subject| match subject {
        Subject::Token(view) => Some(Holder { installation: view.installation, account: view.account }),
        Subject::Installation(view) => {
            Some(Holder { installation: view.id, account: Some(view.account.clone()) })
        }
        _ => None,
    };
    let mut views: Vec<Holder> =
        state.table().into_iter().flat_map(|table| table.marks.values().cloned()).filter_map(of).collect();
    if views.is_empty() {
        views.extend(state.selected().and_then(of));
    }
    if views.is_empty() {
        Err(no("no installation is selected", "stand on one in Tokens or Installations"))
    } else {
        Ok(views)
    }
}

fn ask(
    state: &State,
    verb: &'static str,
    button: &str,
    effect: &str,
    undo: &str,
    act: fn(InstallationId) -> TokenAct,
) -> Result<Intent, RpcError> {
    let views = chosen(state)?;
    let who = match &views[..] {
        [view] => {
            let account = view.account.as_ref().map_or(String::new(), |login| format!(" ({login})"));
            format!("installation {}{account}", view.installation)
        }
        many => format!("{} installations", many.len()),
    };
    let twins: Vec<String> =
        views.iter().map(|view| format!("cutover token {verb} {}", view.installation)).collect();
    let title = format!("{button} the token of {who}");
    let plan = Plan {
        title: title.to_lowercase(),
        twin: twins.join(" && "),
        steps: views.iter().map(|view| Step::Act(Act::Token(act(view.installation)))).collect(),
        run: None,
    };
    let mut dialog = Dialog::new(title, Tier::Reversible, button, plan, state.now);
    dialog.effect = vec![effect.to_owned()];
    undo.clone_into(&mut dialog.undo);
    Ok(Intent::Ask(Box::new(dialog)))
}

pub(super) fn refresh(state: &State) -> Result<Intent, RpcError> {
    ask(
        state,
        "refresh",
        "Mint",
        "One call to GitHub each. The old token stays valid there until it expires.",
        "nothing to take back: tokens are minted all the time",
        |installation| TokenAct::Refresh { installation },
    )
}

pub(super) fn invalidate(state: &State) -> Result<Intent, RpcError> {
    ask(
        state,
        "invalidate",
        "Forget",
        "The daemon forgets the token. The next call for this installation mints a new one.",
        "nothing to take back: the next call mints one",
        |installation| TokenAct::Invalidate { installation },
    )
}

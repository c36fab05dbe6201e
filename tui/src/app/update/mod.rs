//! The rules: from a state and an event to the next state and what is to be done outside. No clock, no I/O, no chance.

mod acts;
mod answer;
mod fleet;
mod gateway;
mod key;
mod kill;
mod layers;
mod line;
mod move_to;

use cutover_shared::rpc::Act;

use super::effect::Effect;
use super::event::{Event, Stamped};
use crate::state::{Link, Slot, State};
use crate::theme::Role;

/// One event.
pub fn update(state: &mut State, stamped: Stamped) -> Vec<Effect> {
    state.advance(stamped.at);
    let mut effects = Vec::new();
    match stamped.event {
        Event::Key(key) => key::key(state, key, &mut effects),
        Event::Paste(text) => key::paste(state, &text),
        Event::Resize { columns, rows } => state.size = (columns, rows),
        Event::Wake => {}
        Event::Opened { result, luck } => answer::opened(state, result, luck, &mut effects),
        Event::Changed { result, luck } => answer::changed(state, result, luck, &mut effects),
        Event::Answered { ask, result } => answer::answered(state, ask, *result, &mut effects),
        Event::Acted { act, result } => acts::acted(state, act, *result, &mut effects),
        Event::Marked(result) => kill::marked(state, result),
        Event::Exported(result) => match result {
            Ok((file, rows)) => {
                let rows = crate::plain::number(rows);
                state.toasts.push(format!("{rows} rows written to {file}"), Role::Good, state.now);
            }
            Err(why) => state.toasts.push(format!("nothing was written: {why}"), Role::Bad, state.now),
        },
        Event::Copied(result) => match result {
            Ok(bytes) => state.toasts.push(format!("copied {bytes} bytes"), Role::Good, state.now),
            Err(why) => state.toasts.push(format!("not copied: {why}"), Role::Warn, state.now),
        },
        Event::Tour(line) => {
            if let Some(tour) = &mut state.tour {
                tour.heard(&line);
            }
        }
        Event::Line(text) => line::line(state, text.trim(), &mut effects),
        Event::Stop => quit(state, &mut effects),
    }
    settle(state, &mut effects);
    effects
}

/// What follows from any event: what is due is done, what the screen needs is asked for.
fn settle(state: &mut State, effects: &mut Vec<Effect>) {
    state.toasts.expire(state.now);
    kill::overdue(state, effects);
    if state.link.until().is_some_and(|until| state.now >= until) {
        state.link = Link::Connecting { attempt: state.link.attempt() };
        effects.push(Effect::Connect);
    }
    state.arrange();
    // A connection that is not there can't be asked, and a screen that is held still asks only for what was confirmed
    // before and waits for a run.
    if state.welcome().is_some() {
        let needs = state.needs();
        let held = state.frozen.is_some() && state.status().is_some();
        let awaited = |slot: &Slot| state.errands.all().any(|errand| errand.awaits(slot));
        let asks = state.feeds.ask(needs, |slot| !held || awaited(slot), state.now);
        effects.extend(asks.into_iter().map(|(ask, query)| Effect::Ask { ask, query }));
    }
    acts::due(state, effects);
    tour(state, effects);
}

fn tour(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(mut tour) = state.tour.take() {
        effects.extend(tour.look(state).into_iter().map(Effect::Tour));
        state.tour = Some(tour);
    }
}

fn quit(state: &mut State, effects: &mut Vec<Effect>) {
    state.ended = true;
    effects.push(Effect::Quit);
}

/// An act that is on its way.
fn send(effects: &mut Vec<Effect>, act: u64, what: Act) {
    effects.push(Effect::Act { act, what });
}

#[cfg(test)]
mod tests;

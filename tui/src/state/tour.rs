//! The guided tour of the demo: each step says what to press and goes on by itself when that has happened. It does nothing
//! that its reader does not do, but for one thing: it lets the daemon be killed, because no key of the console can.

use cutover_shared::run::RunState;

use super::{Layer, Screen, State};

/// What the tour's other side is asked to do.
const KILL: &str = "kill-daemon";

/// One step.
struct Step {
    text: &'static str,
    /// It is over; none for a step that the reader ends.
    over: Option<fn(&State, &Tour) -> bool>,
    /// Said to the other side when the reader goes on.
    sends: Option<&'static str>,
}

const fn waits(text: &'static str, over: fn(&State, &Tour) -> bool) -> Step {
    Step { text, over: Some(over), sends: None }
}

const STEPS: &[Step] = &[
    Step {
        text: "Welcome. Behind this console are a made-up GitHub, its tenants and a real daemon. The overview says in five \
               seconds how it stands. f2 goes on, f10 ends the tour, ? explains every key.",
        over: None,
        sends: None,
    },
    waits(
        "Press 3 for the tenants. Nothing is mapped yet: every import still uses a person's token.",
        |state, _| state.screen == Screen::Tenants && state.selected().is_some(),
    ),
    waits(
        "Press d: a dry-run of the tenant under the cursor. It reads GitHub once, plans, and changes nothing.",
        |state, _| open_is(state, "tenant:", RunState::Planned),
    ),
    waits(
        "The plan: a line for each repository. Go down to one and press w: why it is decided so.",
        |state, _| state.layers.all().any(|layer| matches!(layer, Layer::Why { .. })),
    ),
    waits(
        "Canary first. Esc, then 3; on a tenant press n: it goes on the canary list. The question wants its name; then \
         Tab, y.",
        |state, _| state.status().is_some_and(|status| !status.mode.canary.is_empty()),
    ),
    waits("Press D and choose `canary` with Enter: a plan for the list.", |state, _| {
        open_is(state, "canary", RunState::Planned)
    }),
    waits(
        "Press a. The question says what exactly is written, how it is undone, which dry-run it stands on. Type canary, \
         Tab, y.",
        |state, _| open_is(state, "canary", RunState::Done),
    ),
    waits("Now everybody: D, choose `all`, Enter.", |state, _| open_is(state, "all", RunState::Planned)),
    waits(
        "Press a once more. The whole fleet wants a phrase. It is slowed down, so that there is time to look.",
        |state, _| state.moving.iter().any(|run| run.scope == "all" && run.state == RunState::Applying),
    ),
    Step {
        text: "It moves. Worst case: press f2, which kills the daemon with SIGKILL, in the middle of the run.",
        over: None,
        sends: Some(KILL),
    },
    waits(
        "Gone. What you see is marked as old and its keys are disarmed: try a. K would still kill. The daemon comes back \
         in a moment.",
        |state, tour| tour.restarted && state.welcome().is_some(),
    ),
    waits(
        "Back. The run goes on where it was: nothing twice, nothing left out. Wait for its end.",
        |state, _| open_is(state, "all", RunState::Done),
    ),
    waits("A way back at every step: u, type all, Tab, y. Each value becomes what it was.", |state, _| {
        open_is(state, "all", RunState::Undone)
    }),
    Step {
        text: "That was it. 6 is the audit of all this, L your own receipts with their commands, K K the kill switch. f2 \
               ends the tour.",
        over: None,
        sends: None,
    },
];

/// The open run covers this and is in this state.
fn open_is(state: &State, scope: &str, is: RunState) -> bool {
    let view = state.open_run().and_then(|id| state.run(&id));
    view.is_some_and(|view| view.scope.starts_with(scope) && view.state == is)
}

/// Where the reader is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tour {
    step: usize,
    asked: bool,
    restarted: bool,
    /// The command for a second terminal, as a viewer.
    pub second: Option<String>,
    outbox: Vec<String>,
}

impl Tour {
    /// The sentence of this step; none when the tour is over.
    pub fn text(&self) -> Option<&'static str> {
        STEPS.get(self.step).map(|step| step.text)
    }

    /// Which step of how many, from 1.
    pub fn place(&self) -> (usize, usize) {
        ((self.step + 1).min(STEPS.len()), STEPS.len())
    }

    /// The reader goes on.
    pub fn go_on(&mut self) {
        let Some(step) = STEPS.get(self.step) else { return };
        match step.sends {
            Some(word) if !self.asked => {
                self.asked = true;
                self.outbox.push(word.to_owned());
            }
            Some(_) => {}
            None => self.step += 1,
        }
    }

    /// The other side said something.
    pub fn heard(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "ready" => self.second = Some(rest.to_owned()).filter(|text| !text.is_empty()),
            "killed" if self.asked => self.step += 1,
            "restarted" => self.restarted = true,
            _ => {}
        }
    }

    /// Looks whether the step is over; answers what is to be said to the other side.
    pub fn look(&mut self, state: &State) -> Vec<String> {
        if STEPS.get(self.step).and_then(|step| step.over).is_some_and(|over| over(state, self)) {
            self.step += 1;
        }
        std::mem::take(&mut self.outbox)
    }

    /// The reader has seen everything.
    pub fn is_over(&self) -> bool {
        self.step >= STEPS.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_is_killed_once_and_only_when_the_reader_says_so() {
        let mut tour = Tour { step: 9, ..Tour::default() };
        assert_eq!(STEPS[9].sends, Some(KILL));
        tour.heard("killed");
        assert_eq!(tour.step, 9, "a word that nobody asked for moves nothing");
        tour.go_on();
        tour.go_on();
        assert_eq!(std::mem::take(&mut tour.outbox), [KILL]);
        tour.heard("killed");
        assert_eq!(tour.step, 10);
        tour.heard("restarted");
        assert!(tour.restarted);
    }
}

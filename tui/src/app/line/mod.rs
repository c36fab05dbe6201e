//! The line mode: the same state and the same rules, spoken in lines. No cursor is moved and nothing is drawn over, so that
//! screen readers, bad terminals and pipes can follow.

mod closer;
mod speak;

use std::io;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use self::speak::Spoken;
use super::engine::{Engine, Face};
use super::event::Event;
use super::run::{Ended, Setup};
use super::summary::summary;
use crate::clock;
use crate::term::{self, Signal};

/// Lines are as long as they are; pages have so many rows.
const SIZE: (u16, u16) = (80, 30);

/// Runs until `quit`, or until the input ends. `prompts` where somebody types.
pub async fn run(setup: Setup, prompts: bool) -> io::Result<Ended> {
    let mut signals = term::signals()?;
    let (mut engine, mut messages) = Engine::begin(setup, SIZE)?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut spoken = Spoken::default();
    let mut input = true;
    term::print(&spoken.welcome());
    while !engine.over {
        let wait = engine.state.next_wake().saturating_sub(clock::now_ms()).max(1).unsigned_abs();
        let faces = tokio::select! {
            biased;
            signal = signals.next() => match signal {
                Signal::Terminate | Signal::Hangup => engine.take(Event::Stop),
                // Nothing of the terminal is ours to give back.
                Signal::Suspend => vec![Face::Suspend],
                Signal::Continue => Vec::new(),
            },
            message = messages.recv() => engine.message(message),
            // A script's next line waits for the answer to the one before; a person may be in a hurry.
            line = lines.next_line(), if input && (prompts || engine.state.is_at_rest()) => match line? {
                Some(line) => {
                    spoken.heard();
                    engine.take(Event::Line(line))
                }
                None => {
                    input = false;
                    Vec::new()
                }
            },
            () = clock::pause(std::time::Duration::from_millis(wait)) => engine.wake(),
        };
        for face in faces {
            perform(&mut engine, face);
        }
        while let Ok(message) = messages.try_recv() {
            for face in engine.message(Some(message)) {
                perform(&mut engine, face);
            }
        }
        let text = spoken.speak(&engine.state);
        term::print(&text);
        if prompts && (!text.is_empty() || spoken.owes_prompt()) {
            term::print(&spoken.prompt(&engine.state));
        }
        // A script's last line is answered before the end: nothing may be left under way.
        if !input && engine.state.is_at_rest() {
            break;
        }
    }
    if term::has_crashed() {
        return Err(io::Error::other("a part of it crashed"));
    }
    Ok(Ended { summary: summary(&engine.state) })
}

fn perform(engine: &mut Engine, face: Face) {
    match face {
        // There is no clipboard behind a pipe or a screen reader: the text itself is what can be copied.
        Face::Copy(text) => {
            term::print(&format!("{}\n", crate::plain::clean(&text)));
            engine.take(Event::Copied(Ok(text.len())));
        }
        Face::Bell => term::print("\x07"),
        Face::Suspend => {
            let _refused = nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP);
        }
    }
}

#[cfg(test)]
mod tests;

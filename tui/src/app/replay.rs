//! Plays a recording: the same rules on the same events make the same screens. What the rules want done outside is not done.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::time::Duration;

use crossterm::event::{Event as Input, EventStream, KeyCode, KeyEvent};
use futures::StreamExt as _;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::event::{Event, Stamped};
use super::record::{self, Header, RecordingError};
use super::run::Ended;
use super::update::update;
use crate::clock;
use crate::keymap::Keymap;
use crate::screens;
use crate::state::{Options, State};
use crate::term::{self, Guard};
use crate::widgets::Look;

/// A pause in the recording is played no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

fn begin(header: &Header) -> State {
    let options =
        Options { read_only: header.read_only, apply_rate: header.apply_rate, ..Options::default() };
    State::new(header.at, header.size, options, Keymap::default(), header.screen)
}

fn open(
    file: &Path,
) -> Result<(Header, impl Iterator<Item = Result<Stamped, RecordingError>>), RecordingError> {
    record::read(BufReader::new(File::open(file)?))
}

/// The last screen of a recording as text, a line each, without the colours.
pub fn last_frame(file: &Path) -> Result<String, RecordingError> {
    let (header, events) = open(file)?;
    let mut state = begin(&header);
    for event in events {
        let _undone = update(&mut state, event?);
    }
    let (columns, rows) = state.size;
    // A recorded size is any number; a screen is not.
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns.clamp(1, 500), rows.clamp(1, 200)));
    let Ok(_) = terminal.draw(|frame| screens::draw(&state, &Look::default(), frame));
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let line: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        text += line.trim_end();
        text.push('\n');
    }
    Ok(text)
}

/// Plays it in this terminal. Space holds it, the right arrow goes one event on, q ends it.
pub async fn run(file: &Path, speed: u32, look: Look) -> io::Result<Ended> {
    let (header, events) =
        open(file).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
    term::restore_on_panic(|| ());
    let mut state = begin(&header);
    let mut guard = Guard::enter(false)?;
    let mut input = EventStream::new();
    let (mut held, mut played, mut last) = (false, 0_u64, header.at);
    let mut trouble = None;
    for event in events {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                trouble = Some(error.to_string());
                break;
            }
        };
        guard.draw(|frame| screens::draw(&state, &look, frame))?;
        let gap = Duration::from_millis(event.at.saturating_sub(last).max(0).unsigned_abs());
        last = event.at;
        if !pause(&mut input, gap.min(LONGEST_PAUSE) / speed.max(1), &mut held).await? {
            return Ok(Ended { summary: format!("replay: left after {played} events\n") });
        }
        // The size is this terminal's, not the recorded one's.
        if !matches!(event.event, Event::Resize { .. }) {
            let _undone = update(&mut state, event);
        }
        played += 1;
        let size = guard.size()?;
        state.size = (size.width, size.height);
    }
    guard.draw(|frame| screens::draw(&state, &look, frame))?;
    held = true;
    pause(&mut input, Duration::ZERO, &mut held).await?;
    let end = trouble.map_or(String::new(), |why| format!("; it ends with: {why}"));
    Ok(Ended { summary: format!("replay: {played} events{end}\n") })
}

/// Waits for the gap, or while it is held for a key. False when it was left.
async fn pause(input: &mut EventStream, gap: Duration, held: &mut bool) -> io::Result<bool> {
    loop {
        tokio::select! {
            biased;
            key = input.next() => match key {
                Some(Ok(Input::Key(KeyEvent { code, .. }))) => match code {
                    KeyCode::Char('q') | KeyCode::Esc => return Ok(false),
                    KeyCode::Char(' ') => *held = !*held,
                    KeyCode::Right => return Ok(true),
                    _ => {}
                },
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(false),
            },
            () = clock::pause(gap), if !*held => return Ok(true),
        }
    }
}

//! The recorder: the last events are always kept, for the dump of a crash; with `--record` all of them go to a file. A
//! recording is JSON Lines: a header, then one event a line.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::event::Stamped;
use crate::state::Screen;

/// Events that are kept at most.
const EVENTS: usize = 10_000;

/// Bytes that are kept at most: windows of rows are large, and a console must stay small.
const BYTES: usize = 8 * 1024 * 1024;

/// Raised when an older program could misread a recording.
pub const FORMAT: u32 = 1;

/// What a recording begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub cutover_recording: u32,
    pub version: String,
    /// Milliseconds since the epoch when the console began.
    pub at: i64,
    pub size: (u16, u16),
    pub screen: Screen,
    #[serde(default)]
    pub read_only: bool,
    #[serde(default)]
    pub apply_rate: Option<u32>,
}

/// The newest events, as lines.
#[derive(Debug)]
struct Ring {
    header: String,
    lines: VecDeque<String>,
    bytes: usize,
    /// Events that were dropped at the front.
    dropped: u64,
}

/// Keeps events.
pub struct Recorder {
    ring: Arc<Mutex<Ring>>,
    file: Option<(PathBuf, BufWriter<std::fs::File>)>,
}

/// Writes the newest events down when the program crashes.
#[derive(Clone)]
pub struct Dump {
    ring: Arc<Mutex<Ring>>,
    path: PathBuf,
}

fn lock(ring: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Only the owner may read what was on the screen.
fn create(path: &Path) -> std::io::Result<std::fs::File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

impl Recorder {
    /// Begins; `file` gets everything.
    pub fn begin(header: &Header, file: Option<&Path>) -> std::io::Result<Self> {
        let header = serde_json::to_string(header)?;
        let file = match file {
            Some(path) => {
                let mut writer = BufWriter::new(create(path)?);
                writeln!(writer, "{header}")?;
                writer.flush()?;
                Some((path.to_owned(), writer))
            }
            None => None,
        };
        let ring = Ring { header, lines: VecDeque::new(), bytes: 0, dropped: 0 };
        Ok(Self { ring: Arc::new(Mutex::new(ring)), file })
    }

    /// Keeps an event. A file that can't take it is given up, and why is answered once.
    pub fn keep(&mut self, stamped: &Stamped) -> Option<String> {
        let line = serde_json::to_string(stamped).ok()?;
        let mut trouble = None;
        if let Some((path, writer)) = &mut self.file
            && let Err(error) = writeln!(writer, "{line}").and_then(|()| writer.flush())
        {
            trouble = Some(format!("the recording ends here, {}: {error}", path.display()));
        }
        if trouble.is_some() {
            self.file = None;
        }
        let mut ring = lock(&self.ring);
        ring.bytes += line.len();
        ring.lines.push_back(line);
        while ring.lines.len() > EVENTS || ring.bytes > BYTES {
            let gone = ring.lines.pop_front().map_or(0, |line| line.len());
            ring.bytes -= gone;
            ring.dropped += 1;
        }
        trouble
    }

    /// What a crash writes down, and where to.
    pub fn dump(&self, path: PathBuf) -> Dump {
        Dump { ring: self.ring.clone(), path }
    }
}

impl Dump {
    /// Writes; answers the file. Never panics, and an error is no further error: the program is dying.
    pub fn write(&self) -> Option<PathBuf> {
        let ring = lock(&self.ring);
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).ok()?;
        }
        let mut writer = BufWriter::new(create(&self.path).ok()?);
        writeln!(writer, "{}", ring.header).ok()?;
        for line in &ring.lines {
            writeln!(writer, "{line}").ok()?;
        }
        writer.flush().ok()?;
        Some(self.path.clone())
    }
}

/// Why a recording can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("line {line} is no event of a recording: {cause}")]
    Line { line: usize, cause: serde_json::Error },
    #[error("it is a recording of format {0}, and this program reads {FORMAT}")]
    Format(u32),
    #[error("it is empty")]
    Empty,
}

/// Reads a recording: its header, and its events one after the other.
pub fn read(
    source: impl std::io::BufRead,
) -> Result<(Header, impl Iterator<Item = Result<Stamped, RecordingError>>), RecordingError> {
    let mut lines = source.lines().enumerate();
    let (_, first) = lines.next().ok_or(RecordingError::Empty)?;
    let header: Header =
        serde_json::from_str(&first?).map_err(|cause| RecordingError::Line { line: 1, cause })?;
    if header.cutover_recording != FORMAT {
        return Err(RecordingError::Format(header.cutover_recording));
    }
    let events = lines.map(|(at, line)| {
        serde_json::from_str(&line?).map_err(|cause| RecordingError::Line { line: at + 1, cause })
    });
    Ok((header, events))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::event::Event;

    fn header() -> Header {
        Header {
            cutover_recording: FORMAT,
            version: "1".into(),
            at: 5,
            size: (80, 24),
            screen: Screen::Overview,
            read_only: false,
            apply_rate: None,
        }
    }

    #[test]
    fn what_was_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.jsonl");
        let mut recorder = Recorder::begin(&header(), Some(&path)).unwrap();
        let events = [
            Stamped { at: 6, event: Event::Paste("x".into()) },
            Stamped { at: 7, event: Event::Resize { columns: 9, rows: 3 } },
        ];
        for event in &events {
            assert_eq!(recorder.keep(event), None);
        }
        let (read_header, read_events) =
            read(std::io::BufReader::new(std::fs::File::open(&path).unwrap())).unwrap();
        assert_eq!(read_header, header());
        assert_eq!(read_events.map(Result::unwrap).collect::<Vec<_>>(), events);
        let dumped = recorder.dump(folder.path().join("deep/crash.jsonl")).write().unwrap();
        assert_eq!(std::fs::read_to_string(dumped).unwrap(), std::fs::read_to_string(&path).unwrap());
    }

    #[test]
    fn the_ring_is_bounded_in_bytes_and_events() {
        let mut recorder = Recorder::begin(&header(), None).unwrap();
        for _ in 0..20 {
            recorder.keep(&Stamped { at: 0, event: Event::Paste("x".repeat(1024 * 1024)) });
        }
        let ring = lock(&recorder.ring);
        assert!(ring.bytes <= BYTES && ring.dropped > 10, "{} bytes, {} dropped", ring.bytes, ring.dropped);
    }

    #[test]
    fn another_file_is_refused_with_its_line() {
        let text = |text: &str| std::io::Cursor::new(text.to_owned());
        assert!(matches!(read(text("")).err(), Some(RecordingError::Empty)));
        assert!(matches!(read(text("{}")).err(), Some(RecordingError::Line { line: 1, .. })));
        let newer = serde_json::to_string(&Header { cutover_recording: 9, ..header() }).unwrap();
        assert!(matches!(read(text(&newer)).err(), Some(RecordingError::Format(9))));
        let broken = serde_json::to_string(&header()).unwrap() + "\nnonsense";
        let (_, mut events) = read(text(&broken)).unwrap();
        assert!(matches!(events.next(), Some(Err(RecordingError::Line { line: 2, .. }))));
    }
}

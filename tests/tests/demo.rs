//! The demo with a console in front: what its tour can ask for, and what signals do to it. A shell script stands where
//! the console will be; daemon, world and socket are real.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

#[path = "demo/fleet.rs"]
mod fleet;
#[path = "demo/gateway.rs"]
mod gateway;
#[path = "demo/signals.rs"]
mod signals;
#[path = "demo/tour.rs"]
mod tour;

use std::path::Path;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Plays the roles of both programs.
pub const EXE: &str = env!("CARGO_BIN_EXE_cutover-demo");

/// What takes longer never comes.
const NEVER: Duration = Duration::from_secs(60);

pub async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    Clock::system().timeout(NEVER, work).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// The console's end of the tour.
pub struct Guide {
    lines: Lines<BufReader<OwnedReadHalf>>,
    words: OwnedWriteHalf,
}

impl Guide {
    pub async fn at(path: &Path) -> Self {
        let (read, words) = UnixStream::connect(path).await.unwrap().into_split();
        Self { lines: BufReader::new(read).lines(), words }
    }

    pub async fn say(&mut self, word: &str) {
        self.words.write_all(format!("{word}\n").as_bytes()).await.unwrap();
    }

    /// The next line; none when the other end has closed.
    pub async fn hear(&mut self) -> Option<String> {
        in_time("a line", self.lines.next_line()).await.unwrap_or(None)
    }

    pub async fn ask(&mut self, word: &str) -> String {
        self.say(word).await;
        self.hear().await.unwrap()
    }
}

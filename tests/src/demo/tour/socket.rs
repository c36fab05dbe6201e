//! The socket of the tour. Each connection has a task; there are few of them, and none can keep the supervisor waiting.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use futures::{SinkExt as _, StreamExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::codec::{Framed, LinesCodec};

use super::{Answer, LINE, Word};

/// Consoles that listen at a time; another one waits.
const CONSOLES: usize = 4;

/// Words that wait for the supervisor, and answers for a console.
const WAITING: usize = 16;

/// A console that does not read for so long is left.
const PATIENCE: Duration = Duration::from_secs(5);

/// A word, and where its answer goes.
pub struct Asked {
    pub word: Word,
    answers: mpsc::Sender<Answer>,
}

impl Asked {
    /// Answers who asked. A console that has gone, or lets too much lie, is not waited for.
    pub fn answer(&self, answer: Answer) {
        let _ = self.answers.try_send(answer);
    }
}

/// The open socket. It closes with its connections when dropped.
pub struct Socket {
    asked: mpsc::Receiver<Asked>,
    told: broadcast::Sender<Answer>,
    _tasks: JoinSet<()>,
}

impl Socket {
    /// Listens at `path`, for this user only.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        // What a demo that was killed has left in a folder that is kept.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let (ask, asked) = mpsc::channel(WAITING);
        let told = broadcast::Sender::new(WAITING);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, ask, told.clone()));
        Ok(Self { asked, told, _tasks: tasks })
    }

    /// The next word. Cancelling loses none.
    pub async fn next(&mut self) -> Asked {
        match self.asked.recv().await {
            Some(asked) => asked,
            // The listener has gone; no console comes any more.
            None => std::future::pending().await,
        }
    }

    /// Tells every console that listens.
    pub fn tell(&self, answer: Answer) {
        let _ = self.told.send(answer);
    }
}

async fn accept(listener: UnixListener, ask: mpsc::Sender<Asked>, told: broadcast::Sender<Answer>) {
    let places = Arc::new(Semaphore::new(CONSOLES));
    let mut consoles = JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        // The system is out of files: the place is free again for the next try, once another console has gone.
        let Ok((stream, _)) = listener.accept().await else {
            consoles.join_next().await;
            continue;
        };
        let (ask, told) = (ask.clone(), told.subscribe());
        consoles.spawn(async move {
            serve(stream, ask, told).await;
            drop(place);
        });
        while consoles.try_join_next().is_some() {}
    }
}

async fn serve(stream: UnixStream, ask: mpsc::Sender<Asked>, mut told: broadcast::Receiver<Answer>) {
    let clock = Clock::system();
    let mut lines = Framed::new(stream, LinesCodec::new_with_max_length(LINE));
    let (answers, mut answered) = mpsc::channel(WAITING);
    loop {
        let answer = tokio::select! {
            line = lines.next() => match line {
                Some(Ok(line)) => match Word::read(&line) {
                    Some(word) => {
                        if ask.send(Asked { word, answers: answers.clone() }).await.is_err() {
                            return;
                        }
                        continue;
                    }
                    None => Answer::What,
                },
                // A line that does not end, no text, or the end.
                Some(Err(_)) | None => return,
            },
            Some(answer) = answered.recv() => answer,
            answer = told.recv() => match answer {
                Ok(answer) => answer,
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return,
            },
        };
        if !matches!(clock.timeout(PATIENCE, lines.send(answer.to_string())).await, Ok(Ok(()))) {
            return;
        }
    }
}

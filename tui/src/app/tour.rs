//! The line to the guided tour's other side, which can kill and start the daemon.

use std::path::Path;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::event::Event;
use super::worker::Message;

/// Words that wait to be said.
const WAITING: usize = 16;

/// Opens the line; what is said there becomes events.
pub fn open(socket: &Path, send: mpsc::Sender<Message>) -> mpsc::Sender<String> {
    let (say, mut words) = mpsc::channel::<String>(WAITING);
    let socket = socket.to_owned();
    tokio::spawn(async move {
        let Ok(stream) = UnixStream::connect(&socket).await else { return };
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        if write.write_all(b"hello\n").await.is_err() {
            return;
        }
        loop {
            tokio::select! {
                line = lines.next_line() => match line {
                    Ok(Some(line)) => {
                        if send.send(Message::Event(Event::Tour(line))).await.is_err() {
                            return;
                        }
                    }
                    Ok(None) | Err(_) => return,
                },
                word = words.recv() => {
                    let Some(word) = word else { return };
                    if write.write_all(format!("{word}\n").as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    say
}

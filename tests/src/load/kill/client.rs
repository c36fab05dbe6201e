//! Clients that poll and clients that hold a stream, and what they have seen.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_daemon::clock::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::load::gateway::client::exchange;
use crate::load::gateway::server::SERVICE;

/// Before a client that failed tries again.
const AGAIN: Duration = Duration::from_millis(100);

/// What all clients have seen.
#[derive(Debug)]
pub(super) struct Clients {
    clock: Clock,
    seen: Mutex<Seen>,
    told: Notify,
}

#[derive(Debug, Default)]
struct Seen {
    asked: u64,
    failed: u64,
    /// When those began that were answered with the target, and with legacy: since the last kill was looked at.
    targets: Vec<Duration>,
    legacies: Vec<Duration>,
    /// Of each stream: when its events came since then.
    events: Vec<Vec<Duration>>,
}

impl Clients {
    pub(super) fn new(clock: Clock, streams: usize) -> Self {
        let seen = Seen { events: vec![Vec::new(); streams], ..Seen::default() };
        Self { clock, seen: Mutex::new(seen), told: Notify::new() }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Evaluations that were answered, and those that failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        let seen = self.seen();
        (seen.asked, seen.failed)
    }

    /// When the last stream had its first event after `begun`.
    pub(super) async fn all_told_since(&self, begun: Duration) -> Duration {
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            let first = |events: &Vec<Duration>| events.iter().copied().find(|at| *at > begun);
            let all: Option<Vec<Duration>> = self.seen().events.iter().map(first).collect();
            if let Some(all) = all {
                return all.into_iter().max().unwrap_or(begun);
            }
            told.await;
        }
    }

    /// When the last evaluation since `begun` began that was answered with the target, and how many such began after `receipt`.
    pub(super) fn targets(&self, begun: Duration, receipt: Duration) -> (Duration, u64) {
        let seen = self.seen();
        let last = seen.targets.iter().copied().filter(|at| *at >= begun).max().unwrap_or(begun);
        let late = seen.targets.iter().filter(|at| **at > receipt).count();
        (last, late as u64)
    }

    /// Whether the target alone has answered since `since`, and no stream was told of anything. Forgets what was before.
    pub(super) fn is_quiet_since(&self, since: Duration) -> bool {
        let mut seen = self.seen();
        let connected = seen.events.iter().all(|events| !events.is_empty());
        let target = seen.targets.iter().any(|at| *at >= since);
        let legacy = seen.legacies.iter().any(|at| *at >= since);
        let told = seen.events.iter().flatten().any(|at| *at >= since);
        let quiet = connected && target && !legacy && !told;
        if quiet {
            seen.targets.clear();
            seen.legacies.clear();
            // One is kept: it says that the stream is there.
            seen.events.iter_mut().for_each(|events| events.truncate(1));
        }
        quiet
    }
}

/// Asks for all flags, every `every`, for ever.
pub(super) async fn poll(clients: Arc<Clients>, address: SocketAddr, first: Duration, every: Duration) {
    let body = r#"{"context":{"targetingKey":"acme","plan":"free"}}"#;
    let request = format!(
        "POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {SERVICE}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
    );
    let (mut stream, mut answer) = (None, Vec::with_capacity(4_096));
    let clock = clients.clock.clone();
    let mut due = clock.monotonic() + first;
    loop {
        clock.sleep_until(due).await;
        due += every;
        let begun = clock.monotonic();
        let status = exchange(&mut stream, address, request.as_bytes(), &mut answer).await;
        let mut seen = clients.seen();
        match status {
            Ok(200) => {
                seen.asked += 1;
                let target = answer.windows(12).any(|part| part == b"\"value\":true");
                let of = if target { &mut seen.targets } else { &mut seen.legacies };
                of.push(begun);
            }
            _ => {
                seen.failed += 1;
                stream = None;
            }
        }
    }
}

/// Holds a stream of changes, for ever.
pub(super) async fn stream(clients: Arc<Clients>, address: SocketAddr, number: usize) {
    loop {
        if hold(&clients, address, number).await.is_err() {
            clients.seen().failed += 1;
        }
        clients.clock.sleep(AGAIN).await;
    }
}

async fn hold(clients: &Clients, address: SocketAddr, number: usize) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /ofrep/v1/events HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {SERVICE}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut text = Vec::with_capacity(1_024);
    loop {
        if stream.read_buf(&mut text).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let now = clients.clock.monotonic();
        let mark = b"data: {";
        while let Some(at) = text.windows(mark.len()).position(|part| part == mark) {
            text.drain(..at + mark.len());
            if let Some(events) = clients.seen().events.get_mut(number) {
                events.push(now);
            }
            clients.told.notify_one();
        }
    }
}

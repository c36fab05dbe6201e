//! Who sends: again and again, until it is taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use cutover_daemon::clock::Clock;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Storm;
use super::deliveries::Delivery;
use crate::load::gateway::client::{Target, exchange, write_request};
use crate::load::gateway::payload::Signed;
use crate::load::mapping::LoadError;

/// Before it is tried again.
const WAIT: Duration = Duration::from_millis(20);

/// Deliveries are mixed among so many neighbours; a power of two.
const MIXED: u64 = 512;

/// What was sent so far, and what came of it.
pub(super) struct Sender {
    seed: u64,
    count: u64,
    connections: usize,
    address: watch::Sender<SocketAddr>,
    next: AtomicU64,
    done: AtomicUsize,
    /// Answers of 202, doubles too.
    pub(super) taken: AtomicU64,
    /// Deliveries that were answered with 202 at least once.
    pub(super) different: AtomicU64,
    /// Answers of 503.
    pub(super) refused: AtomicU64,
    /// No answer, or another one: whoever has the port of a daemon that was killed.
    pub(super) broken: AtomicU64,
}

/// One connection's own.
struct Line {
    stream: Option<TcpStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
    clock: Clock,
}

impl Sender {
    pub(super) fn new(storm: &Storm, address: SocketAddr) -> Self {
        Self {
            seed: storm.seed,
            count: storm.deliveries,
            connections: storm.connections,
            address: watch::channel(address).0,
            next: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            different: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            broken: AtomicU64::new(0),
        }
    }

    /// The daemon listens here now.
    pub(super) fn moved(&self, address: SocketAddr) {
        self.address.send_replace(address);
    }

    /// Everything is taken.
    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed) == self.connections
    }

    /// Sends all, the late ones last; each until it is answered with 202.
    pub(super) async fn send_all(self: Arc<Self>) -> Result<(), LoadError> {
        let mut lines = JoinSet::new();
        for _ in 0..self.connections {
            let sender = self.clone();
            lines.spawn(async move {
                let sent = sender.line().await;
                sender.done.fetch_add(1, Ordering::Relaxed);
                sent
            });
        }
        while let Some(line) = lines.join_next().await {
            line.map_err(|error| LoadError::Wrong(error.to_string()))??;
        }
        Ok(())
    }

    async fn line(&self) -> Result<(), LoadError> {
        let mut line = Line { stream: None, request: Vec::new(), answer: Vec::new(), clock: Clock::system() };
        let all = self.count.div_ceil(MIXED) * MIXED;
        loop {
            let position = self.next.fetch_add(1, Ordering::Relaxed);
            // The first pass leaves out what is late, the second everything else.
            let late = position >= all;
            if position >= 2 * all {
                return Ok(());
            }
            let place = position % all;
            // An odd factor visits each neighbour once.
            let number = place / MIXED * MIXED + (place.wrapping_mul(197) + 13) % MIXED;
            if number >= self.count {
                continue;
            }
            let delivery = Delivery::of(self.seed, number);
            if delivery.late != late {
                continue;
            }
            while !self.once(&mut line, &delivery).await? {
                line.clock.sleep(WAIT).await;
            }
            self.different.fetch_add(1, Ordering::Relaxed);
            if delivery.double {
                self.once(&mut line, &delivery).await?;
            }
        }
    }

    /// Whether it was taken.
    async fn once(&self, line: &mut Line, delivery: &Delivery) -> Result<bool, LoadError> {
        let payload = Signed::new(delivery.body.clone().into())?;
        let target = Target { address: *self.address.borrow(), path: "/webhooks/github" };
        write_request(&mut line.request, &target, &payload, delivery.event, &delivery.guid);
        let answered = exchange(&mut line.stream, target.address, &line.request, &mut line.answer).await;
        match answered {
            Ok(202) => {
                self.taken.fetch_add(1, Ordering::Relaxed);
                return Ok(true);
            }
            Ok(503) => self.refused.fetch_add(1, Ordering::Relaxed),
            Ok(_) | Err(_) => {
                line.stream = None;
                self.broken.fetch_add(1, Ordering::Relaxed)
            }
        };
        Ok(false)
    }
}

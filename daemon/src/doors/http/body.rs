//! Bodies under way: how much memory they take together, and how slowly one may come.
//!
//! Room is taken as a body arrives, not as it is announced. The first part of each body has a pool of its own, so that large ones
//! never keep small ones out. Large ones share another pool; when that is used up, one body at a time may go on to its end all the
//! same: bodies that each wait for a little more would else wait for each other.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Door;
use super::answer::Refusal;

/// The largest body that is taken, in bytes: GitHub sends no larger one.
pub const LARGEST_BODY: usize = 25 * 1024 * 1024;

/// Bytes of each body that come out of the pool for small ones. Nearly all deliveries are smaller.
const SMALL: usize = 64 * 1024;

/// Room of all small parts, in KiB: as much as the usual number of connections can ask for.
const SMALL_KIB: usize = 32 * 1024;
const SMALL_STEP_KIB: u32 = 16;

/// Room of all large parts, in KiB. With it goes that of the one body that is let through.
const LARGE_KIB: usize = 50 * 1024;
const LARGE_STEP_KIB: u32 = 256;

/// Bytes a second that a body has to come with, after a time of grace as long as that of a head.
const SLOWEST: u64 = 64 * 1024;

/// When to come again after what should pass by itself.
pub(super) const SOON: Duration = Duration::from_secs(5);

/// The pools.
pub(super) struct Bodies {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    /// Whoever has it may go on to its end.
    last: Arc<Semaphore>,
}

impl Bodies {
    /// `connections`: as many small parts have room at once, and never fewer than fit into 32 MiB.
    pub(super) fn new(connections: usize) -> Self {
        let small = connections.saturating_mul(SMALL / 1024).clamp(SMALL_KIB, Semaphore::MAX_PERMITS);
        Self {
            small: Arc::new(Semaphore::new(small)),
            large: Arc::new(Semaphore::new(LARGE_KIB)),
            last: Arc::new(Semaphore::new(1)),
        }
    }
}

#[cfg(test)]
impl Bodies {
    /// KiB that nobody holds: of small parts, of large ones.
    pub(super) fn left(&self) -> (usize, usize) {
        (self.small.available_permits(), self.large.available_permits())
    }
}

/// What one body holds of the pools; given back when it is dropped.
#[derive(Default)]
pub(super) struct Room {
    /// Bytes that fit.
    fits: usize,
    held: Vec<OwnedSemaphorePermit>,
    last: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Waits until `length` bytes fit.
    async fn grow(&mut self, bodies: &Bodies, length: usize) {
        while self.fits < length && self.last.is_none() {
            let (step, taken) = if self.fits < SMALL {
                (SMALL_STEP_KIB, bodies.small.clone().acquire_many_owned(SMALL_STEP_KIB).await)
            } else {
                tokio::select! {
                    biased;
                    taken = bodies.large.clone().acquire_many_owned(LARGE_STEP_KIB) => (LARGE_STEP_KIB, taken),
                    last = bodies.last.clone().acquire_owned() => {
                        self.last = last.ok();
                        return;
                    }
                }
            };
            // The pools are never closed.
            let Ok(taken) = taken else { return };
            self.fits = self.fits.saturating_add(step as usize * 1024);
            match self.held.last_mut().filter(|held| Arc::ptr_eq(held.semaphore(), taken.semaphore())) {
                Some(held) => held.merge(taken),
                None => self.held.push(taken),
            }
        }
    }
}

/// The whole body and its room. `declared`: its length, when the head says it.
///
/// # Errors
/// 400 when it breaks off, 408 when it comes too slowly, 413 when it is too large, 503 when there is no room in time.
pub(super) async fn read(
    door: &Door,
    mut body: Body,
    declared: Option<usize>,
    deadline: Duration,
) -> Result<(Bytes, Room), Refusal> {
    let mut room = Room::default();
    // What is announced is not there yet: the rest grows as it comes.
    let mut bytes = BytesMut::with_capacity(declared.unwrap_or(0).min(SMALL));
    let mut begun = door.clock.monotonic();
    loop {
        let paced = Duration::from_secs(bytes.len() as u64 / SLOWEST);
        let by = begun.saturating_add(door.limits.head).saturating_add(paced).min(deadline);
        let Some(frame) = door.until(by, body.frame()).await else { return Err(too_slow()) };
        let Some(frame) = frame else { return Ok((bytes.freeze(), room)) };
        let Ok(part) = frame.map_err(|_| broken_off())?.into_data() else { continue };
        let length = bytes.len() + part.len();
        if length > LARGEST_BODY {
            return Err(too_large());
        }
        let waiting = door.clock.monotonic();
        if door.until(deadline, room.grow(&door.bodies, length)).await.is_none() {
            return Err(busy());
        }
        // The sender is not slow while it waits for us.
        begun = begun.saturating_add(door.clock.monotonic().saturating_sub(waiting));
        bytes.extend_from_slice(&part);
    }
}

pub(super) fn too_large() -> Refusal {
    let what = format!("a delivery has at most {LARGEST_BODY} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
}

fn broken_off() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "broken_off", "the body broke off")
}

fn too_slow() -> Refusal {
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not come in time")
}

fn busy() -> Refusal {
    let what = "too many large deliveries are under way; deliver it again";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", what).retry_after(SOON)
}

#[cfg(test)]
mod tests;

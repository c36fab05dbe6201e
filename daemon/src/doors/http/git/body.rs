//! Bodies of the git routes: bounded each, together, and in time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::answer::Refusal;
use super::super::body::SOON;
use crate::clock::Clock;

/// The largest body of a push, in bytes; text counts as JSON writes it, other content as base64.
pub const LARGEST_PUSH: usize = 8 * 1024 * 1024;

/// The largest body of any other call, in bytes.
pub(super) const LARGEST_CALL: usize = 64 * 1024;

/// What all bodies under way may take together, in KiB: eight of the largest.
const ROOM_KIB: usize = 8 * LARGEST_PUSH / 1024;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// The room for bodies. Cheap to clone.
#[derive(Clone)]
pub(super) struct Room {
    clock: Clock,
    left: Arc<Semaphore>,
}

/// What a body takes of the room until this is dropped.
#[derive(Default)]
pub(super) struct Held(Option<OwnedSemaphorePermit>);

impl Held {
    fn kib(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

impl Room {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, left: Arc::new(Semaphore::new(ROOM_KIB)) }
    }

    /// KiB that nobody holds.
    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.left.available_permits()
    }

    /// The whole body, at most `most` bytes.
    ///
    /// # Errors
    /// 400 when it breaks off, 408 when it comes too slowly, 413 when it is too large, 503 when there is no room for it.
    pub(super) async fn read(&self, body: Body, most: usize) -> Result<(Vec<u8>, Held), Refusal> {
        self.clock.timeout(PATIENCE, self.whole(body, most)).await.unwrap_or_else(|_| {
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not come in time"))
        })
    }

    async fn whole(&self, mut body: Body, most: usize) -> Result<(Vec<u8>, Held), Refusal> {
        let (mut bytes, mut held) = (Vec::new(), Held::default());
        if body.size_hint().lower() > most as u64 {
            return Err(too_large(most));
        }
        while let Some(frame) = body.frame().await {
            let frame = frame
                .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "broken_off", "the body broke off"))?;
            let Ok(part) = frame.into_data() else { continue };
            let length = bytes.len() + part.len();
            if length > most {
                return Err(too_large(most));
            }
            self.grow(&mut held, length)?;
            bytes.extend_from_slice(&part);
        }
        Ok((bytes, held))
    }

    /// Never waits: bodies that each wait for a little more would wait for each other.
    fn grow(&self, held: &mut Held, length: usize) -> Result<(), Refusal> {
        let more = length.div_ceil(1024).saturating_sub(held.kib());
        let taken =
            u32::try_from(more).ok().and_then(|more| self.left.clone().try_acquire_many_owned(more).ok());
        let Some(taken) = taken else {
            let what = "too many large bodies are under way; send it again";
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", what).retry_after(SOON));
        };
        match &mut held.0 {
            Some(own) => own.merge(taken),
            none => *none = Some(taken),
        }
        Ok(())
    }
}

fn too_large(most: usize) -> Refusal {
    let what = format!("the body has more than {most} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
}

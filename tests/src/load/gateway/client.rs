//! A sender of deliveries over HTTP/1.1, on one thread of its own: it must not take more of the machine for one receiver than
//! for another.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cutover_daemon::clock::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::payload::{APP, Signed, guid};
use crate::load::mapping::LoadError;
use crate::load::meter::Times;

/// Where deliveries go.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
}

/// When the sender stops.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Time(Duration),
    Count(u64),
}

/// What is sent, and how.
#[derive(Debug, Clone)]
pub(crate) struct Drive {
    pub(crate) target: Target,
    pub(crate) payloads: Arc<Vec<Signed>>,
    pub(crate) connections: usize,
    pub(crate) until: Until,
    /// Deliveries a second, sent when they are due and not when the answer before has come; as fast as answers come without.
    pub(crate) pace: Option<f64>,
    /// Delivery ids of one run are another's never.
    pub(crate) run: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) taken: u64,
    /// Answers that are not 2xx, by status; 0 stands for none at all.
    pub(crate) refused: BTreeMap<u16, u64>,
    pub(crate) took: Duration,
    pub(crate) times: Times,
}

impl Outcome {
    pub(crate) fn rate(&self) -> f64 {
        float(self.taken) / self.took.as_secs_f64()
    }

    pub(crate) fn errors(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// Counts here are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// Sends to the end.
///
/// # Errors
/// The thread or its runtime could not be made.
pub(crate) async fn drive(drive: Drive) -> Result<Outcome, LoadError> {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(all(drive))
    })
    .await
    .map_err(|error| LoadError::Wrong(error.to_string()))?
}

async fn all(drive: Drive) -> Result<Outcome, LoadError> {
    let (clock, next) = (Clock::system(), Arc::new(AtomicU64::new(0)));
    let (start, drive) = (clock.monotonic(), Arc::new(drive));
    let mut connections = JoinSet::new();
    for _ in 0..drive.connections {
        connections.spawn(connection(drive.clone(), clock.clone(), start, next.clone()));
    }
    let mut all = Outcome::default();
    while let Some(one) = connections.join_next().await {
        let one = one.map_err(|error| LoadError::Wrong(error.to_string()))?;
        all.taken += one.taken;
        all.times.add_all(one.times);
        for (status, count) in one.refused {
            *all.refused.entry(status).or_default() += count;
        }
    }
    all.took = clock.monotonic() - start;
    Ok(all)
}

async fn connection(drive: Arc<Drive>, clock: Clock, start: Duration, next: Arc<AtomicU64>) -> Outcome {
    let mut outcome = Outcome::default();
    let (mut stream, mut request, mut answer) = (None, Vec::with_capacity(12_000), Vec::with_capacity(4_096));
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let mut begun = clock.monotonic();
        if let Some(pace) = drive.pace {
            let due = start + Duration::from_secs_f64(float(number) / pace);
            if due > begun {
                clock.sleep_until(due).await;
            }
            // A sender that was held up must not hide it: what was due waits from then on.
            begun = due;
        }
        let over = match drive.until {
            Until::Time(length) => clock.monotonic() - start >= length,
            Until::Count(count) => number >= count,
        };
        if over {
            return outcome;
        }
        let at = usize::try_from(number).unwrap_or(0) % drive.payloads.len().max(1);
        let Some(payload) = drive.payloads.get(at) else { return outcome };
        write_request(&mut request, &drive.target, payload, "push", &guid(drive.run, number));
        match exchange(&mut stream, drive.target.address, &request, &mut answer).await {
            Ok(200..=299) => {
                outcome.taken += 1;
                outcome.times.add(clock.monotonic() - begun);
            }
            Ok(status) => *outcome.refused.entry(status).or_default() += 1,
            Err(_) => {
                stream = None;
                *outcome.refused.entry(0).or_default() += 1;
            }
        }
    }
}

/// The request as GitHub sends it.
pub(crate) fn write_request(out: &mut Vec<u8>, target: &Target, payload: &Signed, event: &str, guid: &str) {
    out.clear();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: GitHub-Hookshot/044aadd\r\nAccept: */*\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nX-GitHub-Event: {event}\r\n\
         X-GitHub-Delivery: {guid}\r\nX-GitHub-Hook-ID: 292430182\r\n\
         X-GitHub-Hook-Installation-Target-Type: integration\r\nX-GitHub-Hook-Installation-Target-ID: {APP}\r\n\
         X-Hub-Signature-256: sha256={signature}\r\n\r\n",
        path = target.path,
        address = target.address,
        length = payload.body.len(),
        signature = payload.signature,
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&payload.body);
}

/// One request and its whole answer, whose status it is; connects first where there is no connection.
pub(crate) async fn exchange(
    stream: &mut Option<TcpStream>,
    address: SocketAddr,
    request: &[u8],
    answer: &mut Vec<u8>,
) -> std::io::Result<u16> {
    if stream.is_none() {
        let made = TcpStream::connect(address).await?;
        made.set_nodelay(true)?;
        *stream = Some(made);
    }
    let Some(open) = stream.as_mut() else { return Err(std::io::ErrorKind::NotConnected.into()) };
    open.write_all(request).await?;
    answer.clear();
    loop {
        if let Some(read) = Answer::read(answer) {
            if read.closes {
                *stream = None;
            }
            return Ok(read.status);
        }
        if open.read_buf(answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    closes: bool,
}

impl Answer {
    /// None until all of it is there.
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let (mut length, mut chunked, mut closes) = (0, false, false);
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("connection") {
                closes = value.eq_ignore_ascii_case("close");
            }
        }
        let body = bytes.get(end + 4..)?;
        // Nothing follows the last chunk before the next request.
        let whole = if chunked { body.ends_with(b"0\r\n\r\n") } else { body.len() >= length };
        whole.then_some(Self { status, closes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let whole = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}";
        for cut in 0..whole.len() {
            assert_eq!(Answer::read(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(Answer::read(whole), Some(Answer { status: 202, closes: false }));
        let chunked =
            b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        assert_eq!(Answer::read(&chunked[..chunked.len() - 5]), None);
        assert_eq!(Answer::read(chunked), Some(Answer { status: 503, closes: true }));
    }
}

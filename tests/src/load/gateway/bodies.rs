//! The largest bodies that are taken, and what is one byte larger.

use cutover_daemon::clock::Clock;
use cutover_daemon::doors::http::LARGEST_BODY;
use tokio::task::JoinSet;

use super::client::{exchange, float, write_request};
use super::payload::{Signed, guid};
use super::server::{self, Server};
use super::{GatewayLoad, payload};
use crate::load::mapping::LoadError;
use crate::load::{Bar, Report};
use crate::world::rng::Rng;

/// Bodies at once.
const AT_ONCE: u64 = 16;

/// What the daemon may hold at most, in MiB: the four bodies that the door lets under way, packed too, and itself.
const MOST: f64 = 320.0;

pub(super) async fn run(load: &GatewayLoad, clock: &Clock) -> Result<Report, LoadError> {
    let folder = tempfile::Builder::new().prefix("cutover-gateway-").tempdir_in(&load.folder)?;
    let home = server::home(&load.program, &folder.path().join("home")).await?;
    let server = Server::daemon(&load.program, &home).await?;
    let mut report = Report::default();
    let before = server.process().memory_mib().unwrap_or(f64::INFINITY);
    report.add("memory before", before, "MiB", Bar::None);

    let largest = body(load.seed, LARGEST_BODY)?;
    let start = clock.monotonic();
    let mut tasks = JoinSet::new();
    for number in 0..AT_ONCE {
        let (target, largest) = (server.target.clone(), largest.clone());
        tasks.spawn(async move {
            let (mut request, mut answer) = (Vec::new(), Vec::new());
            write_request(&mut request, &target, &largest, "push", &guid(77, number));
            exchange(&mut None, target.address, &request, &mut answer).await
        });
    }
    let (mut taken, mut later, mut others) = (0, 0, 0);
    while let Some(done) = tasks.join_next().await {
        match done.map_err(|error| LoadError::Wrong(error.to_string()))? {
            Ok(202) => taken += 1,
            // Room for more did not come in time; GitHub keeps it as failed.
            Ok(503) => later += 1,
            _ => others += 1,
        }
    }
    let took = (clock.monotonic() - start).as_secs_f64();
    report.add("bodies of 25 MiB taken, 16 at once", float(taken), "", Bar::AtLeast(4.0));
    report.add("the same, told to come again", float(later), "", Bar::None);
    report.add("the same, anything else", float(others), "", Bar::Is(0.0));
    report.add("time for all", took, "s", Bar::None);

    let over = body(load.seed, LARGEST_BODY + 1)?;
    let mut request = Vec::new();
    write_request(&mut request, &server.target, &over, "push", &payload::guid(78, 0));
    // The refusal comes before the body is read, so that only the head is sent.
    let head = request.len() - over.body.len();
    request.truncate(head);
    let status = exchange(&mut None, server.address(), &request, &mut Vec::new()).await?;
    report.add("one byte more is answered with", f64::from(status), "", Bar::Is(413.0));
    let peak = server.process().peak_mib().unwrap_or(f64::INFINITY);
    report.add("memory at most", peak, "MiB", Bar::Below(MOST));
    server.kill().await?;
    Ok(report)
}

/// JSON of exactly so many bytes, that packs to about three quarters.
fn body(seed: u64, bytes: usize) -> Result<Signed, LoadError> {
    const HEAD: &str = r#"{"ref":"refs/heads/main","installation":{"id":1},"text":""#;
    const TAIL: &str = "\"}";
    let mut rng = Rng::of(&[seed, 25]);
    let text = rng.alphanumeric(bytes.saturating_sub(HEAD.len() + TAIL.len()));
    Signed::new(format!("{HEAD}{text}{TAIL}").into_bytes().into())
}

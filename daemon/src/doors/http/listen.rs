//! The listener: connections bounded in number, in silence and in age; drained on a stop, then cut.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::rt::{Sleep, Timer};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Door, Limits, Peer};
use crate::clock::Clock;

/// The largest head of a request, in bytes. GitHub's has one or two KiB.
const LARGEST_HEAD: usize = 32 * 1024;

/// How long a connection that was asked to end may take beyond the longest request.
const LET_GO: Duration = Duration::from_secs(2);

/// Why the address could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP door can't be opened at {address}: {cause}; http.listen says where")]
pub struct ListenError {
    address: SocketAddr,
    cause: std::io::Error,
}

/// The open address.
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds. Port 0 takes any that is free.
    ///
    /// # Errors
    /// The address is taken, or not of this machine.
    pub async fn open(address: SocketAddr) -> Result<Self, ListenError> {
        let failed = |cause| ListenError { address, cause };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it really listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`; then takes nothing new, lets requests under way end, and cuts the rest. Dropped, it cuts all.
    pub async fn serve(self, door: Arc<Door>, stop: CancellationToken) {
        let (clock, limits) = (door.clock.clone(), door.limits);
        let router = door.clone().router();
        let places = Arc::new(Semaphore::new(limits.connections));
        let cut = CancellationToken::new();
        let _cut_on_drop = cut.clone().drop_guard();
        let connections = TaskTracker::new();
        let listener = self.listener;
        loop {
            // Waits in the kernel's queue until there is a place.
            let accepting = async {
                let place = places.clone().acquire_owned().await;
                (listener.accept().await, place)
            };
            let (stream, peer, place) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                (accepted, place) = accepting => match accepted {
                    Ok((stream, peer)) => (stream, peer, place),
                    Err(error) => {
                        // Out of file handles, most likely: a busy loop would make it worse.
                        tracing::error!(%error, "a connection can't be accepted");
                        clock.sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            let serving = open(stream, Peer(peer), door.clone(), router.clone(), stop.clone());
            let cut = cut.clone();
            connections.spawn(async move {
                let _place = place;
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = serving => {}
                }
            });
        }
        door.stopping.store(true, Ordering::Relaxed);
        drop(listener);
        connections.close();
        if clock.timeout(limits.drain, connections.wait()).await.is_err() {
            tracing::warn!(left = connections.len(), "requests under way are cut");
            cut.cancel();
            connections.wait().await;
        }
    }
}

/// A connection from its first byte; the handshake is a part of it, and has the time of a head.
async fn open(stream: TcpStream, peer: Peer, door: Arc<Door>, router: Router, stop: CancellationToken) {
    let _open = door.metrics.connection();
    // Answers are one small write; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let (clock, limits) = (door.clock.clone(), door.limits);
    let Some(tls) = &door.tls else { return connection(stream, peer, router, clock, limits, stop).await };
    let handshake = tls.acceptor().accept(stream);
    let shaken = tokio::select! {
        () = stop.cancelled() => return,
        shaken = clock.timeout(limits.head, handshake) => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => connection(stream, peer, router, clock, limits, stop).await,
        Ok(Err(error)) => tracing::debug!(peer = %peer.0, %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!(peer = %peer.0, "a TLS handshake took too long"),
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send>(
    stream: S,
    peer: Peer,
    router: Router,
    clock: Clock,
    limits: Limits,
    stop: CancellationToken,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let answer = router.call(request.map(Body::new));
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let mut server = http1::Builder::new();
    server.timer(ClockTimer::new(clock.clone())).header_read_timeout(limits.head).max_buf_size(LARGEST_HEAD);
    let mut serving = pin!(server.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = serving.as_mut() => return report(peer, ended),
        () = stop.cancelled() => {}
        () = clock.sleep(limits.connection) => {}
    }
    // One that is silent ends here; a request under way has all its time, however late it was begun.
    serving.as_mut().graceful_shutdown();
    // A peer that never reads its answer would stay for ever.
    let longest = limits.request.max(limits.slow).saturating_add(LET_GO);
    match clock.timeout(longest, serving).await {
        Ok(ended) => report(peer, ended),
        Err(_) => tracing::debug!(peer = %peer.0, "a connection is cut"),
    }
}

/// Peers go as they like; that is no trouble of ours.
fn report(peer: Peer, ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(peer = %peer.0, %error, "a connection broke off");
    }
}

/// hyper's time-outs on our clock.
#[derive(Clone)]
struct ClockTimer {
    clock: Clock,
    /// An instant that stands for the clock's zero.
    origin: Instant,
}

impl ClockTimer {
    #[expect(
        clippy::disallowed_methods,
        reason = "hyper counts in instants; this is where they start, time is the clock's"
    )]
    fn new(clock: Clock) -> Self {
        Self { clock, origin: Instant::now() }
    }
}

impl Timer for ClockTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let (clock, at) = (self.clock.clone(), deadline.saturating_duration_since(self.origin));
        Box::pin(ClockSleep(Box::pin(async move { clock.sleep_until(at).await })))
    }

    fn now(&self) -> Instant {
        self.origin + self.clock.monotonic()
    }
}

struct ClockSleep(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl Sleep for ClockSleep {}

impl Future for ClockSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

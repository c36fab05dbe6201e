//! The files of a sandbox as a tar stream: written while it is read, a few files' names and 64 KiB in memory.

mod places;

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use nix::libc::O_NOFOLLOW;
use tokio::io::{AsyncRead, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex};
use tokio::runtime::Handle;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

pub(super) use self::places::{Place, Places};

use crate::clock::Clock;
use crate::sandbox::Lease;

/// Bytes between the writer and a reader that is slower.
const BUFFER: usize = 64 * 1_024;

/// Bytes a second that a reader has to take, after a time of grace: who reads more slowly holds a place for too long.
const SLOWEST: u64 = 64 * 1_024;
const GRACE: Duration = Duration::from_secs(10);

/// What an archive is made of. It is written until all is read, the reader is gone, or the sandbox is.
pub(super) struct Source {
    pub(super) lease: OwnedMutexGuard<Lease>,
    /// One of so many archives at once.
    pub(super) place: Place,
    pub(super) clock: Clock,
    /// On the clock's monotonic scale.
    pub(super) until: Duration,
    pub(super) over: CancellationToken,
}

impl Source {
    /// Begins to write; what comes back is read.
    pub(super) fn stream(self) -> Reading {
        let (to, from) = duplex(BUFFER);
        let whole = Arc::new(AtomicBool::new(false));
        let reading = Reading { from, whole: Arc::clone(&whole) };
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let Self { lease, place, clock, until, over } = self;
            let pipe = Pipe { to, runtime, clock, until, over, pace: Pace::default(), is_broken: false };
            match write(&lease.path(), pipe) {
                Ok(pipe) => {
                    whole.store(true, Ordering::SeqCst);
                    // Before the reader learns that it is the end: whoever has read all may work with it at once.
                    drop((lease, place));
                    drop(pipe);
                }
                Err(error) => {
                    tracing::info!(%error, sandbox = %lease.id(), "an archive of a sandbox was cut");
                }
            }
        });
        reading
    }
}

/// The reader's end. A stream that was cut ends with an error.
pub(super) struct Reading {
    from: DuplexStream,
    whole: Arc<AtomicBool>,
}

impl AsyncRead for Reading {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.from).poll_read(cx, buf);
        let is_end =
            matches!(polled, Poll::Ready(Ok(()))) && buf.filled().len() == before && buf.remaining() > 0;
        if is_end && !self.whole.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive was cut")));
        }
        polled
    }
}

/// How fast it is read. Only the waits for the reader count: it is not slow while the disk is.
#[derive(Default)]
struct Pace {
    waited: Duration,
    taken: u64,
}

impl Pace {
    /// How long the reader may still let wait.
    fn left(&self) -> Duration {
        GRACE.saturating_add(Duration::from_secs(self.taken / SLOWEST)).saturating_sub(self.waited)
    }

    fn took(&mut self, waited: Duration, bytes: usize) {
        self.waited = self.waited.saturating_add(waited);
        self.taken = self.taken.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

/// The writer's end, from a thread that may wait.
struct Pipe {
    to: DuplexStream,
    runtime: Handle,
    clock: Clock,
    until: Duration,
    over: CancellationToken,
    pace: Pace,
    /// Takes nothing more: what an archive that was cut would be ended with is not its end.
    is_broken: bool,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let Self { to, runtime, clock, until, over, pace, .. } = self;
        let began = clock.monotonic();
        let late = began.saturating_add(pace.left());
        let written = runtime.block_on(async {
            tokio::select! {
                biased;
                () = over.cancelled() => Err(io::Error::other("the sandbox was released")),
                () = clock.sleep_until(*until) => Err(io::Error::other("the sandbox's time is over")),
                written = to.write(bytes) => written,
                () = clock.sleep_until(late) => Err(io::Error::other("it is read too slowly")),
            }
        })?;
        pace.took(clock.monotonic().saturating_sub(began), written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(work: &Path, pipe: Pipe) -> io::Result<BufWriter<Pipe>> {
    let mut tar = tar::Builder::new(BufWriter::with_capacity(BUFFER, pipe));
    if let Err(error) = all(&mut tar, work) {
        tar.get_mut().get_mut().is_broken = true;
        return Err(error);
    }
    let mut out = tar.into_inner()?;
    out.flush()?;
    Ok(out)
}

/// Every file below a folder, by name, folder by folder. A work tree has neither links nor anything else that is no file.
fn all(tar: &mut tar::Builder<impl Write>, work: &Path) -> io::Result<()> {
    let mut left = vec![PathBuf::new()];
    while let Some(inside) = left.pop() {
        let path = work.join(&inside);
        let kind = path.symlink_metadata()?;
        if kind.is_dir() {
            let names = std::fs::read_dir(&path)?.map(|entry| Ok(entry?.file_name()));
            let mut names = names.collect::<io::Result<Vec<_>>>()?;
            names.sort_unstable();
            // Where git has put a submodule's place.
            if names.is_empty() && inside != Path::new("") {
                let mut header = header(tar::EntryType::Directory, 0o755, 0);
                tar.append_data(&mut header, &inside, io::empty())?;
            }
            left.extend(names.into_iter().rev().map(|name| inside.join(name)));
        } else if kind.is_file() {
            let file = File::options().read(true).custom_flags(O_NOFOLLOW).open(&path)?;
            let about = file.metadata()?;
            let mode = if about.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
            let mut header = header(tar::EntryType::Regular, mode, about.len());
            let mut file = file.take(about.len());
            tar.append_data(&mut header, &inside, &mut file)?;
            if file.limit() > 0 {
                return Err(io::Error::other("a file has become shorter while it was read"));
            }
        } else {
            return Err(io::Error::other("what is in the work tree is no file"));
        }
    }
    Ok(())
}

/// Nothing of this machine: neither its user nor its times.
fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

#[cfg(test)]
mod tests;

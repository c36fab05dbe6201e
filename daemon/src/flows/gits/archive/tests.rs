use std::collections::BTreeMap;
use std::io::Read as _;

use tokio::io::AsyncReadExt as _;

use super::*;

/// Writes a folder; what is read of it, and how that ended.
async fn archived(
    work: PathBuf,
    until: Duration,
    over: CancellationToken,
    take: u64,
) -> (Vec<u8>, io::Result<usize>) {
    let (to, from) = duplex(BUFFER);
    let whole = Arc::new(AtomicBool::new(false));
    let mut reading = Reading { from, whole: Arc::clone(&whole) };
    let (runtime, clock) = (Handle::current(), Clock::manual(0));
    let writing = tokio::task::spawn_blocking(move || {
        let pipe =
            Pipe { to, runtime, clock, until, over: over.clone(), pace: Pace::default(), is_broken: false };
        let written = write(&work, pipe);
        whole.store(written.is_ok(), Ordering::SeqCst);
        written.map(drop)
    });
    let mut bytes = Vec::new();
    let read = if take == 0 {
        reading.read_to_end(&mut bytes).await
    } else {
        (&mut reading).take(take).read_to_end(&mut bytes).await
    };
    drop(reading);
    let _ = writing.await.unwrap();
    (bytes, read)
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    file("b", b"two");
    file("a/deep/file", &vec![7; 300_000]);
    file(&format!("long/{}", "x".repeat(200)), b"");
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    std::fs::set_permissions(dir.path().join("b"), std::fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

const LATER: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_has_every_file_and_nothing_of_this_machine() {
    let dir = folder();
    let (bytes, read) = archived(dir.path().to_owned(), LATER, CancellationToken::new(), 0).await;
    assert_eq!(read.unwrap(), bytes.len());
    assert!(bytes.ends_with(&[0; 1_024]));
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut body = Vec::new();
        entry.read_to_end(&mut body).unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 0));
        let path = entry.path().unwrap().to_str().unwrap().trim_end_matches('/').to_owned();
        found.insert(path, (header.mode().unwrap(), body.len()));
    }
    let wanted = [
        ("a/deep/file".to_owned(), (0o644, 300_000)),
        ("b".to_owned(), (0o755, 3)),
        ("empty".to_owned(), (0o755, 0)),
        (format!("long/{}", "x".repeat(200)), (0o644, 0)),
    ];
    assert_eq!(found, BTreeMap::from(wanted));
}

/// What was cut must not look whole, whoever cuts it.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_cut_shows() {
    let dir = folder();
    let over = CancellationToken::new();
    over.cancel();
    let (bytes, read) = archived(dir.path().to_owned(), LATER, over, 0).await;
    assert_eq!((bytes.len(), read.unwrap_err().kind()), (0, io::ErrorKind::UnexpectedEof));
    let (_, read) = archived(dir.path().to_owned(), Duration::ZERO, CancellationToken::new(), 0).await;
    assert!(read.is_err(), "its time is over");

    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("z")).unwrap();
    let (bytes, read) = archived(dir.path().to_owned(), LATER, CancellationToken::new(), 0).await;
    assert!(read.is_err() && !bytes.ends_with(&[0; 1_024]), "{} bytes", bytes.len());
    // A reader that goes away holds nobody.
    let (bytes, _) = archived(dir.path().to_owned(), LATER, CancellationToken::new(), 100).await;
    assert_eq!(bytes.len(), 100);
}

/// A reader that takes next to nothing holds its place no longer than one that takes the least.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_too_slowly_is_cut() {
    let (to, mut from) = duplex(1);
    let (runtime, clock) = (Handle::current(), Clock::manual(0));
    let mut pipe = Pipe {
        to,
        runtime,
        clock: clock.clone(),
        until: Duration::MAX,
        over: CancellationToken::new(),
        pace: Pace::default(),
        is_broken: false,
    };
    let writing =
        tokio::task::spawn_blocking(move || pipe.write_all(b"abc").map_err(|error| error.to_string()));
    assert_eq!(from.read_u8().await.unwrap(), b'a');
    // The third byte has no room, and nothing else ends it.
    let ended = async {
        while !writing.is_finished() {
            clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
        writing.await.unwrap()
    };
    let Ok(ended) = Clock::system().timeout(Duration::from_secs(30), ended).await else {
        panic!("it never ends")
    };
    assert_eq!(ended, Err("it is read too slowly".to_owned()));
}

#[test]
fn a_reader_s_pace_is_of_its_own_waits() {
    let mut pace = Pace::default();
    assert_eq!(pace.left(), GRACE);
    pace.took(GRACE / 2, 0);
    assert_eq!(pace.left(), GRACE / 2);
    // Whoever takes the least pays for the time that it lets wait.
    let least = usize::try_from(SLOWEST).unwrap();
    pace.took(Duration::from_secs(1), least);
    assert_eq!(pace.left(), GRACE / 2);
    pace.took(GRACE / 2, 0);
    assert_eq!(pace.left(), Duration::ZERO);
    pace.took(Duration::ZERO, 7 * least);
    assert_eq!(pace.left(), Duration::from_secs(7));
}

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const QUIET: Stderr = Stderr { is_terminal: false, color: false };

fn config(dir: &Path) -> Log {
    Log { level: "info".into(), dir: dir.join("log"), keep_days: 3, stderr: StderrLog::Auto }
}

fn lines(dir: &Path) -> Vec<Value> {
    let mut text = String::new();
    for file in fs::read_dir(dir.join("log")).unwrap() {
        text.push_str(&fs::read_to_string(file.unwrap().path()).unwrap());
    }
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn events_are_json_lines_in_the_clocks_time() {
    let dir = tempfile::tempdir().unwrap();
    let (subscriber, logging) = build(&config(dir.path()), QUIET, &Clock::manual(1_700_000_000_123)).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(status = 200, route = "/x", "called");
        tracing::debug!("too fine");
    });
    drop(logging);
    let lines = lines(dir.path());
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["timestamp"], "2023-11-14T22:13:20.123Z");
    assert_eq!((&lines[0]["message"], &lines[0]["status"]), (&"called".into(), &200.into()));
    let name = fs::read_dir(dir.path().join("log")).unwrap().next().unwrap().unwrap().file_name();
    let name = name.to_string_lossy().into_owned();
    assert!(name.starts_with("cutoverd.") && name.ends_with(".jsonl"), "{name}");
}

#[test]
fn the_level_can_be_changed_while_running() {
    let dir = tempfile::tempdir().unwrap();
    let (subscriber, logging) = build(&config(dir.path()), QUIET, &Clock::manual(0)).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::debug!("one");
        logging.set_level("debug").unwrap();
        tracing::debug!("two");
        assert!(logging.set_level("a=loud").is_err());
        tracing::debug!("three");
    });
    drop(logging);
    let messages: Vec<_> = lines(dir.path()).iter().map(|line| line["message"].clone()).collect();
    assert_eq!(messages, ["two", "three"]);
}

#[test]
fn planted_secrets_are_not_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (subscriber, logging) = build(&config(dir.path()), QUIET, &Clock::manual(0)).unwrap();
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIplanted\n-----END RSA PRIVATE KEY-----";
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("mint", token = "ghs_plantedspan");
        let _in = span.enter();
        tracing::info!(token = "ghs_planted1", url = "postgres://u:planted2@h/d", "took gho_planted3");
        tracing::error!(%pem, "eyJplanted4.a.b {pem}");
        tracing::error!("half: -----BEGIN RSA PRIVATE KEY-----\nMIIplanted5");
    });
    drop(logging);
    let lines = lines(dir.path());
    assert_eq!(lines.len(), 3);
    assert!(!format!("{lines:?}").contains("planted"), "{lines:?}");
    assert_eq!(lines[0]["message"], "took [redacted]");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("log"), "a file").unwrap();
    let error = build(&config(dir.path()), QUIET, &Clock::manual(0)).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("can't write logs to") && error.contains("log.dir"), "{error}");
}

/// A disk with room for some writes, then none, then again.
#[derive(Clone, Default)]
struct Disk {
    written: Arc<Mutex<Vec<u8>>>,
    full: Arc<Mutex<bool>>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if *self.full.lock().unwrap() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if *self.full.lock().unwrap() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[test]
fn a_full_disk_loses_lines_says_so_and_stops_nobody() {
    let disk = Disk::default();
    let lost = Arc::new(AtomicU64::new(0));
    let mut writer = RedactingWriter::new(disk.clone(), Form::Json, lost.clone());
    writer.write_all(b"{\"n\":1}\n").unwrap();
    *disk.full.lock().unwrap() = true;
    writer.write_all(b"{\"n\":2}\n").unwrap();
    writer.write_all(b"{\"n\":3}\n").unwrap();
    writer.flush().unwrap();
    *disk.full.lock().unwrap() = false;
    writer.write_all(b"{\"n\":4}\n").unwrap();
    assert_eq!(lost.load(Ordering::Relaxed), 2);
    assert_eq!(
        String::from_utf8(disk.written.lock().unwrap().clone()).unwrap(),
        "{\"n\":1}\n\n{\"level\":\"WARN\",\"message\":\"2 log lines were lost\"}\n{\"n\":4}\n"
    );
}

#[test]
fn a_device_that_is_always_full_stops_nobody() {
    let lost = Arc::new(AtomicU64::new(0));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (writer, guard) =
        NonBlockingBuilder::default().finish(RedactingWriter::new(full, Form::Text, lost.clone()));
    let subscriber = tracing_subscriber::fmt().with_writer(writer).finish();
    tracing::subscriber::with_default(subscriber, || (0..50).for_each(|n| tracing::info!(n, "line")));
    drop(guard);
    assert_eq!(lost.load(Ordering::Relaxed), 50);
}

fn through(form: Form, event: &str) -> String {
    let disk = Disk::default();
    let mut writer = RedactingWriter::new(disk.clone(), form, Arc::default());
    writer.write_all(event.as_bytes()).unwrap();
    let bytes = disk.written.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

proptest! {
    /// Wherever a token stands in an event, it isn't in the line; and a JSON line stays JSON.
    #[test]
    fn no_planted_token_passes(
        mark in prop::sample::select(vec!["ghs_", "gho_", "ghu_", "ghr_", "ghp_", "github_pat_", "eyJ"]),
        body in "[A-Za-z0-9_.-]{8,300}",
        before in ".{0,40}",
        after in "|[^A-Za-z0-9_.-].{0,40}",
        field in any::<bool>(),
    ) {
        let token = format!("{mark}{body}");
        let text = format!("{before}{token}{after}");
        let event = if field {
            serde_json::json!({ "level": "INFO", "fields": [{ "k": text }] })
        } else {
            serde_json::json!({ text: 1 })
        };
        let line = through(Form::Json, &format!("{event}\n"));
        prop_assert!(!line.contains(&token), "{line}");
        prop_assert!(line.ends_with('\n') && line.lines().count() == 1);
        prop_assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");

        let line = through(Form::Text, &format!("INFO {before}{token}{after}\n"));
        prop_assert!(!line.contains(&token) && line.ends_with('\n'), "{line}");
    }

    #[test]
    fn any_bytes_can_be_written(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for form in [Form::Json, Form::Text] {
            let mut writer = RedactingWriter::new(Disk::default(), form, Arc::default());
            prop_assert_eq!(writer.write(&bytes).unwrap(), bytes.len());
        }
    }
}

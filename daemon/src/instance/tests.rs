use std::fs::Permissions;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::Duration;

use super::notify::Notifier;
use super::*;
use crate::config::Env;
use crate::shutdown::Shutdown;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_second_daemon_hears_who_has_the_folder_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("deep/state");
    let clock = Clock::manual(1_700_000_000_000);
    let first = Instance::take(&state, &clock).unwrap();
    assert_eq!((mode(&state), mode(&state.join("daemon.lock"))), (0o700, 0o600));
    let refused = Instance::take(&state, &clock).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "the state folder {} is in use by process {}, started 2023-11-14T22:13:20Z; stop that one first, or give \
             this one another `state_dir`",
            state.display(),
            std::process::id()
        )
    );
    drop(first);
    Instance::take(&state, &clock).unwrap();
}

#[test]
fn the_lock_of_a_killed_process_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(0);
    drop(Instance::take(dir.path(), &clock).unwrap());
    let lock = dir.path().join("daemon.lock");
    // Another process takes the lock, says so, and is killed.
    let script = format!("exec 9<>'{}'; flock -x 9; echo held; read x", lock.display());
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut held = [0; 5];
    child.stdout.as_mut().unwrap().read_exact(&mut held).unwrap();
    assert!(matches!(Instance::take(dir.path(), &clock), Err(InstanceError::Taken { .. })));
    child.kill().unwrap();
    child.wait().unwrap();
    Instance::take(dir.path(), &clock).unwrap();
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(0);
    for bad in [0o777, 0o770, 0o702] {
        fs::set_permissions(dir.path(), Permissions::from_mode(bad)).unwrap();
        let refused = Instance::take(dir.path(), &clock).unwrap_err();
        assert!(refused.to_string().contains("chmod 700"), "{refused}");
    }
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    Instance::take(dir.path(), &clock).unwrap();
}

#[test]
fn a_hostile_note_is_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daemon.lock");
    fs::write(&path, format!("\u{1b}[2J\n{}\n", "x".repeat(100_000))).unwrap();
    let holder = File::open(&path).unwrap();
    holder.lock().unwrap();
    let refused = Instance::take(dir.path(), &Clock::manual(0)).unwrap_err();
    assert!(refused.to_string().contains("in use by another daemon"), "{refused}");
}

fn receive(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 64];
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let length = socket.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[test]
fn systemd_hears_of_ready_and_stopping_by_path_and_by_abstract_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let name = format!("cutover-test-{}", std::process::id());
    let sockets = [
        (path.to_str().unwrap().to_owned(), UnixDatagram::bind(&path).unwrap()),
        (
            format!("@{name}"),
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap(),
        ),
    ];
    for (name, socket) in sockets {
        let notifier = Notifier::from_env(&[("NOTIFY_SOCKET", name)].into_iter().collect());
        notifier.ready();
        assert_eq!(receive(&socket), "READY=1");
        notifier.stopping();
        assert_eq!(receive(&socket), "STOPPING=1");
    }
}

#[test]
fn nobody_listening_harms_nobody() {
    Notifier::from_env(&Env::default()).ready();
    for name in ["/nowhere/at/all", "@", "relative"] {
        Notifier::from_env(&[("NOTIFY_SOCKET", name)].into_iter().collect()).ready();
    }
}

#[test]
fn the_watchdog_is_meant_for_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let _socket = UnixDatagram::bind(&path).unwrap();
    let every = |more: &[(&str, &str)]| {
        let all = [("NOTIFY_SOCKET", path.to_str().unwrap())].into_iter().chain(more.iter().copied());
        Notifier::from_env(&all.collect()).watchdog_every()
    };
    let own = std::process::id().to_string();
    assert_eq!(every(&[]), None);
    assert_eq!(every(&[("WATCHDOG_USEC", "3000000")]), Some(Duration::from_millis(1500)));
    assert_eq!(
        every(&[("WATCHDOG_USEC", "3000000"), ("WATCHDOG_PID", &own)]),
        Some(Duration::from_millis(1500))
    );
    assert_eq!(every(&[("WATCHDOG_USEC", "3000000"), ("WATCHDOG_PID", "1")]), None);
    assert_eq!(every(&[("WATCHDOG_USEC", "0")]), None);
    assert_eq!(every(&[("WATCHDOG_USEC", "x")]), None);
}

#[tokio::test]
async fn signs_of_life_go_on_through_a_graceful_stop() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
    let env = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "2000000")].into_iter().collect();
    let clock = Clock::manual(0);
    let shutdown = Shutdown::new(clock.clone());
    let (also, stop) = (clock.clone(), shutdown.clone());
    let task = tokio::spawn(async move { Notifier::from_env(&env).keep_alive(&also, &stop).await });
    let mut bytes = [0; 16];
    for _ in 0..3 {
        let length = socket.recv(&mut bytes).await.unwrap();
        assert_eq!(&bytes[..length], b"WATCHDOG=1");
        shutdown.ask();
        if shutdown.stage() == crate::shutdown::Stage::Forced {
            break;
        }
        // The next sign comes only when its time has come.
        assert!(socket.try_recv(&mut bytes).is_err());
        clock.advance(Duration::from_secs(1));
    }
    task.await.unwrap();
}

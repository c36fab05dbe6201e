//! What the other side can do to us: a scripted peer that hangs, resets, talks nonsense, or answers what no server would. The real
//! server is in `tests/tests/locks.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const PATIENCE: Duration = Duration::from_millis(400);

/// What the peer does with a connection once it has asked something.
#[derive(Clone, Copy)]
enum Peer {
    Hangs,
    Closes,
    Says(&'static [u8]),
    /// The same again and again.
    Floods(&'static [u8]),
}

/// Listens, and counts connections.
async fn peer(does: Peer) -> (RedisArbiter, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://:planted-password@{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(play(connection, does));
        }
    });
    (RedisArbiter::new(&SecretString::from(url), Clock::system(), PATIENCE).unwrap(), count)
}

/// Greets as a server does, then does its part.
async fn play(mut connection: TcpStream, does: Peer) {
    let mut heard = [0; 4096];
    loop {
        let Ok(n @ 1..) = connection.read(&mut heard).await else { return };
        let text = String::from_utf8_lossy(&heard[..n]);
        let commands = text.matches("\r\n*").count() + 1;
        if text.contains("AUTH") || text.contains("SETINFO") || text.contains("HELLO") {
            for _ in 0..commands {
                let _ = connection.write_all(b"+OK\r\n").await;
            }
            continue;
        }
        match does {
            Peer::Hangs => std::future::pending().await,
            Peer::Closes => return,
            Peer::Says(answer) => drop(connection.write_all(answer).await),
            Peer::Floods(answer) => while connection.write_all(answer).await.is_ok() {},
        }
    }
}

fn name() -> LockName {
    LockName::new("a").unwrap()
}

async fn granted(arbiter: &RedisArbiter) -> Result<Grant, LockError> {
    let ask = Ask { name: &name(), holder: "h", ttl: Duration::from_secs(30), above: 4 };
    arbiter.grant(ask).await
}

#[tokio::test]
async fn whatever_the_other_side_does_there_is_an_answer_in_time_and_no_grant() {
    let cases = [
        ("hangs", Peer::Hangs),
        ("closes", Peer::Closes),
        ("garbage", Peer::Says(b"\x00\xff\x17 not redis\r\n")),
        ("http", Peer::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        ("half", Peer::Says(b"*3\r\n:1\r\n$5\r\n5:h")),
        ("an endless text", Peer::Floods(b"+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
        ("a huge length", Peer::Says(b"$9999999999999999\r\n")),
        ("deep lists", Peer::Floods(b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n")),
        ("nothing", Peer::Says(b"$-1\r\n")),
        ("an error", Peer::Says(b"-LOADING Redis is loading the dataset in memory\r\n")),
        ("read only", Peer::Says(b"-READONLY You can't write against a read only replica.\r\n")),
        ("too few", Peer::Says(b"*1\r\n:1\r\n")),
        ("no fence", Peer::Says(b"*3\r\n:1\r\n$1\r\nh\r\n:30000\r\n")),
        ("a fence that is no number", Peer::Says(b"*3\r\n:1\r\n$3\r\nx:h\r\n:30000\r\n")),
        ("a fence too low", Peer::Says(b"*3\r\n:1\r\n$3\r\n4:h\r\n:30000\r\n")),
        ("a fence too high", Peer::Says(b"*3\r\n:1\r\n$18\r\n9007199254740992:h\r\n:30000\r\n")),
    ];
    for (word, does) in cases {
        let (arbiter, _) = peer(does).await;
        let began = Clock::system();
        let answer = granted(&arbiter).await;
        let Err(LockError::Unavailable { party: Party::Redis, cause }) = &answer else {
            panic!("{word}: {answer:?}")
        };
        assert!(!cause.contains("planted-password") && cause.chars().count() <= SHOWN, "{word}: {cause}");
        // A fence out of range is given back with a second question.
        let took = began.monotonic();
        assert!(took < PATIENCE * 2 + Duration::from_secs(2), "{word}: {took:?}");
    }
}

#[tokio::test]
async fn a_connection_that_failed_is_not_used_again() {
    let (arbiter, connections) = peer(Peer::Closes).await;
    for _ in 0..3 {
        assert!(arbiter.ping().await.is_err());
    }
    assert!(connections.load(Ordering::SeqCst) >= 3, "{connections:?}");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    drop(listener);
    let arbiter = RedisArbiter::new(&SecretString::from(url), Clock::system(), PATIENCE).unwrap();
    assert!(matches!(granted(&arbiter).await, Err(LockError::Unavailable { .. })));
}

#[test]
fn an_address_is_checked_and_never_shown() {
    for bad in [
        "",
        "redis://",
        "http://x",
        "rediss://:planted-password@x",
        "unix:///x",
        "redis://[:planted-password",
    ] {
        let error = RedisArbiter::new(&SecretString::from(bad), Clock::system(), PATIENCE).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("planted"), "{bad}");
    }
    let url = SecretString::from("redis://:planted-password@localhost:1/2");
    let arbiter = RedisArbiter::new(&url, Clock::system(), PATIENCE).unwrap();
    assert_eq!(format!("{arbiter:?}"), "RedisArbiter");
}

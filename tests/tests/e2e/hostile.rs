//! Hostile peers of the socket: the daemon goes on serving others, and nothing in it panics.

use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::rpc::{MAX_FRAME, Query};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::stage::Stage;

/// How long the daemon may take to serve somebody else.
const SOON: Duration = Duration::from_secs(8);

async fn serves(stage: &Stage) {
    let work = async { stage.connect().await.query(Query::Status).await.unwrap() };
    Clock::system().timeout(SOON, work).await.expect("the daemon serves others");
}

async fn send(stream: &mut UnixStream, value: &Value) -> std::io::Result<()> {
    let bytes = value.to_string().into_bytes();
    stream.write_all(&u32::try_from(bytes.len()).unwrap().to_be_bytes()).await?;
    stream.write_all(&bytes).await
}

async fn receive(stream: &mut UnixStream) -> std::io::Result<Value> {
    let length = stream.read_u32().await?;
    let mut frame = vec![0; length as usize];
    stream.read_exact(&mut frame).await?;
    Ok(serde_json::from_slice(&frame).unwrap())
}

fn request(id: u64, seconds: u64, message: &Value) -> Value {
    let id_of_trace = [0_u8; 16];
    let trace = json!({ "trace_id": id_of_trace, "span_id": 0, "sampling_decision": "Unsampled" });
    let context = json!({ "deadline": { "secs": seconds, "nanos": 0 }, "trace_context": trace });
    json!({ "Request": { "context": context, "id": id, "message": message } })
}

fn hello() -> Value {
    json!({ "Hello": { "hello": { "protocol": 1, "version": "0", "purpose": "e2e", "role": null } } })
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_garbage_end_their_own_connection_only() {
    let stage = Stage::of(20, None, "").await;
    let daemon = stage.daemon().await;
    let framed = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [&length[..], bytes].concat()
    };
    let deep = "[".repeat(200_000);
    let frames: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nHost: cutover\r\n\r\n".to_vec(),
        u32::MAX.to_be_bytes().to_vec(),
        u32::try_from(MAX_FRAME + 1).unwrap().to_be_bytes().to_vec(),
        [&framed(b"{}")[..], &[0xff; 64]].concat(),
        framed(b""),
        framed(b"null"),
        framed(b"{\"Request\":{}}"),
        framed(b"{\"Cancel\":{\"request_id\":18446744073709551615}}"),
        framed(b"\xff\xfe\x00"),
        framed(deep.as_bytes()),
        framed(request(1, 10, &json!({ "Explode": {} })).to_string().as_bytes()),
        framed(request(u64::MAX, 10, &json!({ "Query": { "query": { "run": 5 } } })).to_string().as_bytes()),
        // A frame that is announced and never sent whole.
        [&1000_u32.to_be_bytes()[..], b"half"].concat(),
        vec![0],
        Vec::new(),
    ];
    let mut held = Vec::new();
    for bytes in frames {
        let mut stream = UnixStream::connect(stage.home.socket()).await.unwrap();
        // The daemon may have hung up before the last byte.
        let _ = stream.write_all(&bytes).await;
        held.push(stream);
        serves(&stage).await;
    }
    drop(held);
    serves(&stage).await;
    daemon.stop().await.unwrap();
    let log = stage.log();
    assert!(!log.contains("panic"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_over_the_limit_is_not_read_to_its_end() {
    let stage = Stage::of(20, None, "").await;
    let daemon = stage.daemon().await;
    let mut stream = UnixStream::connect(stage.home.socket()).await.unwrap();
    let length = u32::try_from(MAX_FRAME + 1).unwrap();
    stream.write_all(&length.to_be_bytes()).await.unwrap();
    let flood = async {
        let part = vec![b' '; 64 * 1024];
        while stream.write_all(&part).await.is_ok() {}
    };
    Clock::system().timeout(SOON, flood).await.expect("the daemon hangs up");
    serves(&stage).await;
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_of_a_hundred_years_is_no_panic() {
    let stage = Stage::of(20, None, "").await;
    let daemon = stage.daemon().await;
    for seconds in [100 * 365 * 24 * 60 * 60, u64::from(u32::MAX) * 1_000, u64::MAX] {
        let mut stream = UnixStream::connect(stage.home.socket()).await.unwrap();
        send(&mut stream, &request(0, seconds, &hello())).await.unwrap();
        let _ = Clock::system().timeout(SOON, receive(&mut stream)).await.expect("answered, or hung up");
        serves(&stage).await;
    }
    daemon.stop().await.unwrap();
    let log = stage.log();
    assert!(!log.contains("panic"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_silent_connections_keep_nobody_out() {
    let stage = Stage::of(20, None, "").await;
    let daemon = stage.daemon().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(UnixStream::connect(stage.home.socket()).await.unwrap());
    }
    serves(&stage).await;
    // Those who greeted stay connected, however many come after them.
    let conn = stage.connect().await;
    for _ in 0..100 {
        silent.push(UnixStream::connect(stage.home.socket()).await.unwrap());
    }
    serves(&stage).await;
    conn.query(Query::Status).await.unwrap();
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_holds_up_nobody_else() {
    let stage = Stage::new().await;
    let daemon = stage.daemon().await;
    stage.import().await;
    let ask = json!({ "Query": { "query": { "catalog": { "links": { "tenant": null, "page": { "after": null, "limit": 500 } } } } } });
    let mut deaf = Vec::new();
    for _ in 0..4 {
        let mut stream = UnixStream::connect(stage.home.socket()).await.unwrap();
        send(&mut stream, &request(0, 600, &hello())).await.unwrap();
        assert_eq!(receive(&mut stream).await.unwrap()["message"]["Ok"]["Hello"]["Ok"]["role"], "admin");
        let flood = async {
            for id in 1..2_000 {
                if send(&mut stream, &request(id, 600, &ask)).await.is_err() {
                    return;
                }
            }
        };
        // It goes on until both directions are full, which is when the daemon stops reading it.
        let _ = Clock::system().timeout(Duration::from_secs(2), flood).await;
        deaf.push(stream);
        serves(&stage).await;
    }
    // Nor do they hold up a stop.
    let clock = Clock::system();
    let asked = clock.monotonic();
    daemon.stop().await.unwrap();
    assert!(clock.monotonic().saturating_sub(asked) < SOON);
}

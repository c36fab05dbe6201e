#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::faults::Faults;
use crate::store;

const NOW: i64 = 1_795_300_000_000;
const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// What a service answers. Parts are written one by one, so that they arrive as they stand here.
#[derive(Clone, Debug)]
enum Say {
    /// Chunks, and the end of the answer.
    Parts(Vec<&'static str>),
    /// The same, but the connection is cut.
    Cut(Vec<&'static str>),
    /// The same, and then nothing more.
    Silent(Vec<&'static str>),
    /// Data without end.
    Endless,
    Status(&'static str),
}

async fn chunk(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n", text.len()).as_bytes()).await?;
    stream.write_all(text).await?;
    stream.write_all(b"\r\n").await?;
    stream.flush().await
}

async fn answer(stream: &mut TcpStream, say: Say) -> std::io::Result<()> {
    let (parts, say) = match say {
        Say::Status(head) => return stream.write_all(head.as_bytes()).await,
        Say::Endless => (vec!["event: chunk\ndata: x\n\n"], Say::Endless),
        Say::Parts(parts) => (parts, Say::Parts(Vec::new())),
        Say::Cut(parts) => (parts, Say::Cut(Vec::new())),
        Say::Silent(parts) => (parts, Say::Silent(Vec::new())),
    };
    stream.write_all(HEAD).await?;
    for part in parts {
        chunk(stream, part.as_bytes()).await?;
    }
    match say {
        Say::Endless => loop {
            chunk(stream, &[b'x'; 64 * 1024]).await?;
        },
        Say::Silent(_) => std::future::pending().await,
        Say::Parts(_) => stream.write_all(b"0\r\n\r\n").await,
        Say::Cut(_) | Say::Status(_) => Ok(()),
    }
}

struct Stage {
    probes: Probes,
    clock: Clock,
    say: watch::Sender<Say>,
    /// First lines and headers of the requests.
    asked: mpsc::UnboundedReceiver<String>,
    _dir: tempfile::TempDir,
}

impl Stage {
    async fn new(say: Say, rule: Rule) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/docs/{{project}}?r={{repository}}", listener.local_addr().unwrap());
        let (say, heard) = watch::channel(say);
        let (tell, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 4096];
                let n = stream.read(&mut head).await.unwrap();
                let _ = tell.send(String::from_utf8_lossy(&head[..n]).into_owned());
                let say = heard.borrow().clone();
                tokio::spawn(async move { answer(&mut stream, say).await });
            }
        });
        let dir = tempfile::tempdir().unwrap();
        let file = format!("sqlite:{}", dir.path().join("t.db").display());
        let db = store::open(&file, Faults::none()).await.unwrap();
        let clock = Clock::manual(NOW);
        let token = Some(SecretString::from("hidden-token".to_owned()));
        let probe =
            Probe { name: "docs".into(), url, post: None, token, rule, timeout: Duration::from_secs(60) };
        let client = Client::new().unwrap();
        let probes = Probes::new(ProbeParts { db, clock: clock.clone(), client, probes: vec![probe] });
        Self { probes, clock, say, asked, _dir: dir }
    }

    async fn record(&self) -> ProbeView {
        self.probes.record(&link(), &Who::daemon()).await.unwrap().remove(0)
    }

    async fn compare(&self) -> ProbeView {
        self.probes.compare(&link()).await.unwrap().remove(0)
    }

    async fn compare_to(&self, say: Say) -> ProbeView {
        self.say.send_replace(say);
        self.compare().await
    }
}

fn link() -> LinkRow {
    store::sample::link("p-1", "t-1", "Acme/web")
}

fn stream_rule() -> Rule {
    Rule { end_event: Some("done".into()), contains: Some("api".into()), digest: true, length_permille: 100 }
}

fn good() -> Vec<&'static str> {
    vec![
        "event: chu",
        "nk\nda",
        "ta: the a",
        "\n\nevent: chunk\r\ndata: pi\r",
        "\n\r\nevent: do",
        "ne\ndata: {}\n",
        "\n",
    ]
}

fn failing(view: &ProbeView) -> Vec<&str> {
    view.checks.iter().filter(|check| !check.passed).map(|check| check.what.as_str()).collect()
}

#[tokio::test]
async fn what_was_recorded_is_found_again_and_a_difference_is_named() {
    let mut stage = Stage::new(Say::Silent(good()), stream_rule()).await;
    let unknown = stage.compare().await;
    assert_eq!(unknown.passed, None, "{unknown:?}");
    assert!(unknown.error.unwrap().contains("nothing was recorded"));
    assert!(stage.asked.try_recv().is_err(), "without a record nothing is called");

    // It ends at the end event, whatever the connection does then.
    let recorded = stage.record().await;
    assert_eq!((recorded.passed, recorded.error.as_deref()), (Some(true), None), "{recorded:?}");
    let head = stage.asked.recv().await.unwrap().to_lowercase();
    assert!(head.starts_with("get /docs/p-1?r=acme%2fweb http/1.1"), "{head}");
    assert!(head.contains("accept: text/event-stream") && head.contains("bearer hidden-token"), "{head}");

    let whole = vec!["event: chunk\ndata: the a\n\nevent: chunk\ndata: pi\n\nevent: done\ndata: {}\n\n"];
    assert_eq!(stage.compare_to(Say::Parts(whole)).await.passed, Some(true));
    let other = vec!["event: chunk\ndata: the a\n\nevent: chunk\ndata: pi\n\nevent: done\ndata: []\n\n"];
    assert_eq!(failing(&stage.compare_to(Say::Parts(other)).await), ["digest"]);
    let short = vec!["event: error\ndata: no\n\nevent: done\ndata: {}\n\n"];
    let view = stage.compare_to(Say::Parts(short)).await;
    assert_eq!((view.passed, failing(&view)), (Some(false), vec!["contains", "events", "length", "digest"]));
    let none = stage.compare_to(Say::Parts(vec!["event: chunk\ndata: the a\n\n"])).await;
    assert!(failing(&none).contains(&"end event"), "{none:?}");
    let refused = stage.compare_to(Say::Status("HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno")).await;
    assert!(failing(&refused).contains(&"status"), "{refused:?}");
}

#[tokio::test]
async fn a_stream_that_does_not_come_to_its_end_fails_and_says_how() {
    let stage = Stage::new(Say::Parts(good()), stream_rule()).await;
    assert_eq!(stage.record().await.passed, Some(true));
    let cut = stage.compare_to(Say::Cut(good()[..4].to_vec())).await;
    assert_eq!(cut.passed, Some(false));
    let why = cut.error.unwrap();
    assert!(why.contains("broke after 1 events, before `done`") && !why.contains("hidden"), "{why}");

    let endless = stage.compare_to(Say::Endless).await;
    assert_eq!(endless.passed, Some(false));
    assert!(endless.error.as_deref().unwrap().contains("longer than 8388608 bytes"), "{endless:?}");

    stage.say.send_replace(Say::Silent(good()[..2].to_vec()));
    let mut waiting = Box::pin(stage.compare());
    // The clock is moved once the call waits for it, which shows in nothing but that it has not ended.
    let view = loop {
        tokio::select! {
            biased;
            view = &mut waiting => break view,
            () = tokio::task::yield_now() => stage.clock.advance(Duration::from_secs(1)),
        }
    };
    assert_eq!(view.passed, Some(false));
    assert!(view.error.as_deref().unwrap().contains("no answer within 60 s"), "{view:?}");
    assert!(view.ms >= 60_000, "{view:?}");
}

#[tokio::test]
async fn a_bad_answer_is_not_recorded_and_leaves_the_record_that_was() {
    let rule = Rule { end_event: None, contains: Some("ok".into()), digest: true, length_permille: 0 };
    let stage = Stage::new(Say::Status("HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nok"), rule).await;
    let view = stage.record().await;
    assert_eq!((view.passed, failing(&view)), (Some(false), vec!["status"]));
    assert_eq!(stage.compare().await.passed, None);

    stage.say.send_replace(Say::Status("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    assert_eq!(stage.record().await.passed, Some(true));
    assert_eq!(stage.compare().await.passed, Some(true));
    stage.say.send_replace(Say::Status("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nok"));
    let cut = stage.record().await;
    assert!(cut.passed == Some(false) && cut.error.is_some(), "{cut:?}");
    let longer = stage.compare_to(Say::Status("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok!")).await;
    assert_eq!(failing(&longer), ["length", "digest"]);
}

#[tokio::test]
async fn a_record_of_another_call_is_not_compared() {
    let stage = Stage::new(Say::Parts(good()), stream_rule()).await;
    assert_eq!(stage.record().await.passed, Some(true));
    let mut probe = stage.probes.0.probes[0].clone();
    probe.url.push_str("&v=2");
    let parts = ProbeParts {
        db: stage.probes.0.db.clone(),
        clock: stage.clock.clone(),
        client: Client::new().unwrap(),
        probes: vec![probe],
    };
    let view = Probes::new(parts).compare(&link()).await.unwrap().remove(0);
    assert_eq!(view.passed, None);
    assert!(view.error.unwrap().contains("another call was recorded"));
}

#[tokio::test]
async fn a_post_sends_its_body_and_is_another_call_than_a_get_or_another_post() {
    let mut stage = Stage::new(Say::Parts(good()), stream_rule()).await;
    assert_eq!(stage.record().await.passed, Some(true));
    let get = stage.asked.recv().await.unwrap();
    assert!(!get.to_lowercase().contains("content-type"), "{get}");
    let with = |body: Option<&str>| {
        let mut probe = stage.probes.0.probes[0].clone();
        probe.post = Some(Post { body: body.map(str::to_owned) });
        Probes::new(ProbeParts {
            db: stage.probes.0.db.clone(),
            clock: stage.clock.clone(),
            client: Client::new().unwrap(),
            probes: vec![probe],
        })
    };
    let one = with(Some(r#"{"project":"{project}","r":"{repository}"}"#));
    let view = one.compare(&link()).await.unwrap().remove(0);
    assert!(view.passed.is_none() && view.error.unwrap().contains("another call"));
    assert!(stage.asked.try_recv().is_err(), "what can't be compared is not called");

    assert_eq!(one.record(&link(), &Who::daemon()).await.unwrap()[0].passed, Some(true));
    let post = stage.asked.recv().await.unwrap();
    assert!(post.starts_with("POST /docs/p-1?r=Acme%2Fweb HTTP/1.1"), "{post}");
    let lower = post.to_lowercase();
    assert!(
        lower.contains("content-type: application/json") && lower.contains("bearer hidden-token"),
        "{post}"
    );
    assert!(post.ends_with("\r\n\r\n{\"project\":\"p-1\",\"r\":\"Acme/web\"}"), "{post}");
    assert_eq!(one.compare(&link()).await.unwrap()[0].passed, Some(true));
    for other in [None, Some("{}")] {
        assert_eq!(with(other).compare(&link()).await.unwrap()[0].passed, None, "{other:?}");
    }
    // It is not led elsewhere with its body.
    let away = Say::Status("HTTP/1.1 307 Go\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
    stage.say.send_replace(away);
    while stage.asked.try_recv().is_ok() {}
    let view = one.compare(&link()).await.unwrap().remove(0);
    assert!(failing(&view).contains(&"status"), "{view:?}");
    assert!(stage.asked.recv().await.is_some() && stage.asked.try_recv().is_err(), "one call");
}

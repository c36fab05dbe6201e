//! TLS: certificates change while the door serves.

use std::path::Path;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::clock::Clock;

struct Files {
    dir: tempfile::TempDir,
    roots: RootCertStore,
}

impl Files {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), roots: RootCertStore::empty() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a new pair, as a program does that renews certificates: beside, then moved. What it is known by.
    fn renew(&mut self, year: i32) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        for (name, text) in [("key.pem", key.serialize_pem()), ("cert.pem", cert.pem())] {
            std::fs::write(self.path("new"), text).unwrap();
            std::fs::rename(self.path("new"), self.path(name)).unwrap();
        }
        self.roots.add(cert.der().clone()).unwrap();
        cert.der().clone()
    }

    async fn load(&self) -> Arc<Certificates> {
        Certificates::load(self.path("cert.pem"), self.path("key.pem")).await.unwrap()
    }

    fn break_key(&self) {
        std::fs::write(self.path("key.pem"), "-----BEGIN PRIVATE KEY-----\nplanted\n").unwrap();
    }

    async fn connect(&self, world: &World) -> TlsStream<TcpStream> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(world.at).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

async fn world(tls: &Arc<Certificates>) -> World {
    let tls = Some(tls.clone());
    World::of(|setup| Setup { tls, ..setup }).await
}

/// One request on a connection that stays open.
async fn deliver(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(&push().without("connection").bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "cut: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..read]);
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_new_pair_is_for_new_handshakes_and_a_broken_one_for_nobody() {
    let mut files = Files::new();
    let first = files.renew(2030);
    let tls = files.load().await;
    let world = world(&tls).await;
    let mut old = files.connect(&world).await;
    assert_eq!(shown(&old), first);
    assert!(deliver(&mut old).await.starts_with("HTTP/1.1 202"));
    assert_eq!(tls.state().ends_at, 1_893_456_000_000);
    assert_eq!(tls.reload().await, Ok(false), "nothing is new");

    let second = files.renew(2031);
    assert_eq!(tls.reload().await, Ok(true));
    assert_eq!(shown(&files.connect(&world).await), second);
    assert!(deliver(&mut old).await.starts_with("HTTP/1.1 202"), "the old connection lives");
    assert_eq!(tls.state().ends_at, 1_924_992_000_000);

    files.break_key();
    let error = tls.reload().await.unwrap_err();
    assert!(matches!(error, TlsError::NotPem { what: "private key", .. }), "{error}");
    assert!(!error.to_string().contains("planted"));
    assert_eq!(tls.state().trouble, Some(error.to_string()));
    assert_eq!(shown(&files.connect(&world).await), second);

    // A key that belongs to another certificate.
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(files.path("key.pem"), other).unwrap();
    assert!(matches!(tls.reload().await, Err(TlsError::Pair { .. })));
    for (content, name) in [("", "cert.pem"), ("no certificate", "cert.pem"), ("\u{0}", "cert.pem")] {
        std::fs::write(files.path(name), content).unwrap();
        assert!(tls.reload().await.is_err(), "{content:?}");
    }
    std::fs::remove_file(files.path("cert.pem")).unwrap();
    assert!(matches!(tls.reload().await, Err(TlsError::Unreadable { .. })));
    assert_eq!(shown(&files.connect(&world).await), second);
    assert!(deliver(&mut old).await.starts_with("HTTP/1.1 202"));

    let third = files.renew(2032);
    assert_eq!(tls.reload().await, Ok(true));
    assert_eq!((shown(&files.connect(&world).await), tls.state().trouble), (third, None));
}

/// Waits until the certificate that is served ends then.
async fn until_served(tls: &Certificates, ends_at: i64) {
    let clock = Clock::system();
    let waiting = async {
        while tls.state().ends_at != ends_at {
            tokio::task::yield_now().await;
        }
    };
    clock.timeout(Duration::from_secs(30), waiting).await.expect("the new pair was not seen");
}

#[tokio::test]
async fn new_files_are_seen_and_a_reload_looks_at_once() {
    let mut files = Files::new();
    files.renew(2030);
    let (tls, metrics) = (files.load().await, Metrics::new());
    let reloads = tokio::sync::watch::Sender::new(0);
    // The system tells of the change: the look that comes each minute is far away.
    let watching = tokio::spawn(tls.clone().watch(Clock::system(), reloads.subscribe(), metrics.clone()));
    while !metrics.render().contains("cutover_http_certificate_expires_seconds 1893456000") {
        tokio::task::yield_now().await;
    }
    files.renew(2031);
    until_served(&tls, 1_924_992_000_000).await;
    while !metrics.render().contains("cutover_http_certificate_expires_seconds 1924992000") {
        tokio::task::yield_now().await;
    }
    watching.abort();

    // A clock that stands still, and a folder that tells nothing: only SIGHUP is left.
    let folder = files.path("elsewhere");
    std::fs::create_dir(&folder).unwrap();
    let link = |name: &str| {
        std::os::unix::fs::symlink(files.path(name), folder.join(name)).unwrap();
        folder.join(name)
    };
    let linked = Certificates::load(link("cert.pem"), link("key.pem")).await.unwrap();
    let watching = tokio::spawn(linked.clone().watch(Clock::manual(0), reloads.subscribe(), Metrics::new()));
    files.renew(2032);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(linked.state().ends_at, 1_924_992_000_000);
    reloads.send_replace(1);
    until_served(&linked, 1_956_528_000_000).await;
    watching.abort();
}

#[tokio::test]
async fn a_handshake_has_its_time_and_its_place() {
    let mut files = Files::new();
    files.renew(2030);
    let tls = files.load().await;
    let world = World::of(|setup| Setup {
        tls: Some(tls),
        limits: Limits { connections: 1, ..Limits::default() },
        ..setup
    })
    .await;
    // Plain HTTP is no handshake.
    assert_eq!(world.send(&push()).await.status, 0);
    let mut silent = TcpStream::connect(world.at).await.unwrap();
    silent.write_all(&[0x16]).await.unwrap();
    while !world.metrics.render().contains("cutover_http_connections 1") {
        tokio::task::yield_now().await;
    }
    let waiting = async {
        let mut stream = files.connect(&world).await;
        deliver(&mut stream).await
    };
    let answer = world.moving(Duration::from_millis(500), waiting).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    // It had the only place until its time was over.
    assert!(world.clock.monotonic() >= Limits::default().head);
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn a_door_without_a_pair_does_not_open() {
    let missing = Path::new("/nowhere/cert.pem").to_owned();
    let error = Certificates::load(missing.clone(), missing).await.err().unwrap();
    assert!(error.to_string().starts_with("/nowhere/cert.pem can't be read"), "{error}");
}

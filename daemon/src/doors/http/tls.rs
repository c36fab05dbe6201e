//! The door's certificate. A new pair of files is taken while it serves: connections that are open go on with the old one, new
//! handshakes see the new one, and a pair that makes no sense changes nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock::{Clock, Millis};
use crate::flows::doctor::Certificate;
use crate::metrics::Metrics;

/// No certificate with its chain is larger, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Two files never change at the same moment; whoever writes them gets this long.
const SETTLE: Duration = Duration::from_millis(500);

/// How often is looked, whatever the system says about changes: some file systems tell nobody.
const LOOK: Duration = Duration::from_secs(60);

/// Why a pair can't be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    #[error("{path} can't be read: {cause}")]
    Unreadable { path: PathBuf, cause: String },
    #[error("{path} is larger than 1 MiB")]
    TooLarge { path: PathBuf },
    /// Nothing of what it says is repeated: it may be the key.
    #[error("{path} holds no {what} in PEM")]
    NotPem { path: PathBuf, what: &'static str },
    #[error("certificate and key can't be served: {cause}")]
    Pair { cause: String },
}

/// A certificate and key that are served, and the files they come from.
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    now: ArcSwap<Pair>,
    /// Why the newest files are not served.
    trouble: Mutex<Option<TlsError>>,
}

struct Pair {
    config: Arc<ServerConfig>,
    /// Of both files: tells whether there is anything new.
    digest: [u8; 32],
    ends_at: Millis,
}

impl Certificates {
    /// # Errors
    /// The files make no pair that can be served.
    pub async fn load(certificate: PathBuf, key: PathBuf) -> Result<Arc<Self>, TlsError> {
        let files = Files::read(&certificate, &key).await?;
        let now = ArcSwap::from_pointee(files.pair(&certificate, &key)?);
        Ok(Arc::new(Self { certificate, key, now, trouble: Mutex::new(None) }))
    }

    /// Looks at the files; true when a new pair is served from now on.
    ///
    /// # Errors
    /// The files make no pair: the old one stays.
    pub async fn reload(&self) -> Result<bool, TlsError> {
        let outcome = self.newer().await;
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = outcome.as_ref().err().cloned();
        let Some(pair) = outcome? else { return Ok(false) };
        self.now.store(Arc::new(pair));
        Ok(true)
    }

    async fn newer(&self) -> Result<Option<Pair>, TlsError> {
        let files = Files::read(&self.certificate, &self.key).await?;
        if files.digest() == self.now.load().digest {
            return Ok(None);
        }
        files.pair(&self.certificate, &self.key).map(Some)
    }

    /// What `doctor` says about.
    pub fn state(&self) -> Certificate {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        Certificate { ends_at: self.now.load().ends_at, trouble: trouble.as_ref().map(ToString::to_string) }
    }

    /// For the next handshake.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.now.load().config.clone())
    }

    /// Takes new files when they change or a reload is asked for, until it is dropped.
    pub async fn watch(self: Arc<Self>, clock: Clock, mut reloads: watch::Receiver<u64>, metrics: Metrics) {
        let (seen, mut changes) = mpsc::channel(1);
        let _watcher = self.watcher(seen);
        let mut said = None;
        loop {
            metrics.certificate_expires(self.now.load().ends_at / 1_000);
            tokio::select! {
                Some(()) = changes.recv() => clock.sleep(SETTLE).await,
                Ok(()) = reloads.changed() => {}
                () = clock.sleep(LOOK) => {}
            }
            // What changed in between is looked at now.
            let _ = changes.try_recv();
            let failure = match self.reload().await {
                Ok(new) => {
                    if new {
                        let ends_at = self.now.load().ends_at;
                        tracing::info!(ends_at, "a new certificate is served");
                    }
                    None
                }
                Err(error) => Some(error),
            };
            // Once for each kind of trouble, not with every look.
            if let Some(error) = failure.as_ref().filter(|error| said.as_ref() != Some(*error)) {
                tracing::error!(%error, "the new certificate is not served; the old one stays");
            }
            said = failure;
        }
    }

    /// Folders are watched, not files: new ones are usually moved or linked into the old ones' places.
    fn watcher(&self, seen: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
        use notify::Watcher as _;
        let tell = move |event: notify::Result<notify::Event>| {
            // Our own reading is no change. A full channel already says what there is to say.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = seen.try_send(());
            }
        };
        let watching = notify::recommended_watcher(tell).and_then(|mut watcher| {
            for file in [&self.certificate, &self.key] {
                let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
                watcher.watch(folder.unwrap_or(Path::new(".")), notify::RecursiveMode::NonRecursive)?;
            }
            Ok(watcher)
        });
        watching
            .inspect_err(|error| {
                tracing::warn!(%error, "the certificate's folder can't be watched: looking each minute instead");
            })
            .ok()
    }
}

struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    async fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self { certificate: read(certificate).await?, key: read(key).await? })
    }

    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(Sha256::digest(&self.certificate));
        digest.update(Sha256::digest(&self.key));
        digest.finalize().into()
    }

    fn pair(&self, certificate: &Path, key: &Path) -> Result<Pair, TlsError> {
        let not_pem = |path: &Path, what| TlsError::NotPem { path: path.to_owned(), what };
        let pair = |cause: String| TlsError::Pair { cause };
        let chain = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| not_pem(certificate, "certificate"))?;
        let first = chain.first().ok_or_else(|| not_pem(certificate, "certificate"))?;
        let (_, parsed) =
            X509Certificate::from_der(first).map_err(|_| pair("the certificate can't be read".to_owned()))?;
        let ends_at = parsed.validity().not_after.timestamp().saturating_mul(1_000);
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| not_pem(key, "private key"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| pair(error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| pair(error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Pair { config: Arc::new(config), digest: self.digest(), ends_at })
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable =
        |error: std::io::Error| TlsError::Unreadable { path: path.to_owned(), cause: error.to_string() };
    if tokio::fs::metadata(path).await.map_err(unreadable)?.len() > LARGEST_FILE {
        return Err(TlsError::TooLarge { path: path.to_owned() });
    }
    tokio::fs::read(path).await.map_err(unreadable)
}

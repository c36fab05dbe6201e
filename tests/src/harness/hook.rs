//! Delivers webhooks as GitHub does: signed, over HTTP, to wherever the daemon listens now.

use std::net::SocketAddr;
use std::path::PathBuf;

use cutover_daemon::hex::hex;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{HarnessError, Home};

/// A sender of deliveries.
pub struct Hook {
    /// Where the daemon writes its address.
    note: PathBuf,
    secret: String,
    app_id: i64,
}

/// What the daemon answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookAnswer {
    pub status: u16,
    pub body: String,
}

impl Hook {
    /// A sender that signs with `secret`.
    pub fn new(home: &Home, secret: &str, app_id: i64) -> Self {
        Self { note: home.state().join("http.addr"), secret: secret.to_owned(), app_id }
    }

    /// Delivers once. An error means that no whole answer came: the daemon may have taken it or not.
    pub async fn deliver(&self, guid: &str, event: &str, body: &[u8]) -> Result<HookAnswer, HarnessError> {
        let failed = |cause| HarnessError::Io { doing: "delivering a webhook".to_owned(), cause };
        let text = std::fs::read_to_string(&self.note).map_err(failed)?;
        let address: SocketAddr =
            text.trim().parse().map_err(|error| failed(std::io::Error::other(error)))?;
        let mut stream = TcpStream::connect(address).await.map_err(failed)?;
        let head = format!(
            "POST /webhooks/github HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\nX-GitHub-Event: {event}\r\nX-GitHub-Delivery: {guid}\r\n\
             X-GitHub-Hook-Installation-Target-Type: integration\r\nX-GitHub-Hook-Installation-Target-ID: {app}\r\n\
             X-Hub-Signature-256: sha256={signature}\r\nUser-Agent: GitHub-Hookshot/cutover\r\n\r\n",
            length = body.len(),
            app = self.app_id,
            signature = self.sign(body)?,
        );
        stream.write_all(head.as_bytes()).await.map_err(failed)?;
        stream.write_all(body).await.map_err(failed)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.map_err(failed)?;
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let (Some(status), Some((_, body))) = (status, answer.split_once("\r\n\r\n")) else {
            return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
        };
        Ok(HookAnswer { status, body: body.to_owned() })
    }

    fn sign(&self, body: &[u8]) -> Result<String, HarnessError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).map_err(|error| {
            HarnessError::Io { doing: "signing a webhook".to_owned(), cause: std::io::Error::other(error) }
        })?;
        mac.update(body);
        Ok(hex(&mac.finalize().into_bytes()))
    }
}

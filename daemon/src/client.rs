//! Calls to other services than GitHub: the workflow engine, key sets, probes. One connection pool, bounded in time and size.

pub mod sse;

use std::ops::ControlFlow;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Method, Url};

use crate::clock::Clock;

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The client could not be made, which names the cause.
    #[error("no client for other services: {0}")]
    Setup(String),
    /// Could not connect, or the connection broke; whether the request arrived is not known.
    #[error("{0}")]
    Broken(String),
    /// No whole answer in time; whether the request arrived is not known.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The answer is longer than allowed.
    #[error("the answer is longer than {LONGEST_ANSWER} bytes")]
    TooLarge,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

/// Speaks HTTP/1.1 to other services. Cheap to clone. It follows no redirect: a credential is meant for one host.
#[derive(Clone)]
pub struct Client(reqwest::Client);

impl Client {
    /// # Errors
    /// [`ClientError::Setup`]: no root certificates.
    pub fn new() -> Result<Self, ClientError> {
        reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("cutover/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|error| ClientError::Setup(cause(&error)))
    }

    /// A request to be sent with [`Client::send`].
    pub fn request(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        self.0.request(method, url)
    }

    /// Sends it and reads the whole answer, whatever its status, within `patience`.
    ///
    /// # Errors
    /// All but [`ClientError::Setup`].
    pub async fn send(
        &self,
        request: reqwest::RequestBuilder,
        patience: Duration,
    ) -> Result<Answered, ClientError> {
        let failed = |error: reqwest::Error| {
            if error.is_timeout() {
                ClientError::TimedOut(patience)
            } else {
                ClientError::Broken(cause(&error))
            }
        };
        let mut answer = request.timeout(patience).send().await.map_err(failed)?;
        let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
        let mut body = BytesMut::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if body.len().saturating_add(part.len()) > LONGEST_ANSWER {
                return Err(ClientError::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        Ok(Answered { status, headers, body: body.freeze() })
    }

    /// Sends it and hands over the answer as it comes, whatever its status, until it ends or `take` wants no more. The status.
    ///
    /// # Errors
    /// All but [`ClientError::Setup`]; what was handed over by then is not the whole answer.
    pub async fn stream(
        &self,
        request: reqwest::RequestBuilder,
        patience: Duration,
        clock: &Clock,
        mut take: impl FnMut(&[u8]) -> ControlFlow<()> + Send,
    ) -> Result<u16, ClientError> {
        let broken = |error: reqwest::Error| ClientError::Broken(cause(&error));
        let work = async {
            let mut answer = request.send().await.map_err(broken)?;
            let status = answer.status().as_u16();
            let mut left = LONGEST_ANSWER;
            while let Some(part) = answer.chunk().await.map_err(broken)? {
                left = left.checked_sub(part.len()).ok_or(ClientError::TooLarge)?;
                if take(&part).is_break() {
                    break;
                }
            }
            Ok(status)
        };
        clock.timeout(patience, work).await.unwrap_or(Err(ClientError::TimedOut(patience)))
    }
}

/// The last cause of a chain, without the address: it may hold a credential.
fn cause(error: &reqwest::Error) -> String {
    let mut at: &dyn std::error::Error = error;
    while let Some(next) = at.source() {
        at = next;
    }
    let text = if std::ptr::addr_eq(at, std::ptr::from_ref::<dyn std::error::Error>(error)) {
        "the request could not be made".to_owned()
    } else {
        at.to_string()
    };
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests;

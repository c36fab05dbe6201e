//! What must be known to speak to one GitHub host as one App.

use std::time::Duration;

use http::Uri;
use secrecy::{ExposeSecret, SecretString};

/// GitHub refuses more concurrent requests than this from one App.
const MOST_IN_FLIGHT: usize = 100;

/// One host, one App, and the limits that the daemon sets itself there.
#[derive(Clone, Debug)]
pub struct GitHubSettings {
    /// `https://api.github.com`, `https://ghe.example/api/v3` or `http://127.0.0.1:PORT`; no trailing slash needed.
    pub api_base: String,
    /// Where people click; derived from `api_base` when absent.
    pub web_base: Option<String>,
    /// The App's numeric id, `iss` of every JWT.
    pub app_id: i64,
    /// One or two RSA private keys in PEM, the current one first; a literal `\n` stands for a line end.
    pub keys: Vec<SecretString>,
    /// Client id and secret of the old OAuth App, only needed to check its user tokens.
    pub oauth: Option<OAuthApp>,
    /// GitHub refuses requests without one.
    pub user_agent: String,
    /// The longest one HTTP exchange may take, body included.
    pub request_timeout: Duration,
    /// The longest a TCP connection may take to be made.
    pub connect_timeout: Duration,
    /// Concurrent requests over all credentials, 1 to 100. Background work gets three quarters of them.
    pub max_in_flight: usize,
    /// Share of each credential's hourly budget, in 1/1000, that background work leaves to live traffic.
    pub background_reserve: u16,
    /// Points (a read costs 1, a write 5) that one credential may spend in any minute; GitHub's own limit is 900.
    pub points_per_minute: u32,
    /// A token is replaced this long before it expires (plus up to a minute of jitter).
    pub token_margin: Duration,
    /// The longest JSON body that is read, in bytes.
    pub max_body: usize,
    /// The longest file that is read, in bytes.
    pub max_blob: usize,
    /// Answers kept for conditional requests.
    pub cache_entries: usize,
    /// Bytes of answers kept for conditional requests.
    pub cache_bytes: usize,
}

/// The OAuth App whose user tokens are being replaced.
#[derive(Clone, Debug)]
pub struct OAuthApp {
    /// Public client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: SecretString,
}

/// Why a client could not be built; each names the setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// `api_base` or `web_base` is not a plain http(s) address.
    #[error("{setting}: {why}")]
    BadBase {
        /// Which setting.
        setting: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Neither one nor two keys.
    #[error("keys: one or two App private keys are needed, {0} given")]
    KeyCount(usize),
    /// A key that no JWT can be signed with; the text never holds key material.
    #[error("keys: number {number} is not an RSA private key in PEM")]
    BadKey {
        /// 1 or 2.
        number: usize,
    },
    /// A number outside its range.
    #[error("{setting}: {why}")]
    OutOfRange {
        /// Which setting.
        setting: &'static str,
        /// The range.
        why: &'static str,
    },
    /// TLS could not be set up, for instance because no root certificates are installed.
    #[error("TLS: {0}")]
    Tls(String),
    /// Built outside a tokio runtime.
    #[error("the client must be built inside a tokio runtime")]
    NoRuntime,
}

impl GitHubSettings {
    /// Settings with the usual limits.
    pub fn new(api_base: impl Into<String>, app_id: i64, keys: Vec<SecretString>) -> Self {
        Self {
            api_base: api_base.into(),
            web_base: None,
            app_id,
            keys,
            oauth: None,
            user_agent: concat!("cutover/", env!("CARGO_PKG_VERSION")).to_owned(),
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_in_flight: 32,
            background_reserve: 200,
            points_per_minute: 900,
            token_margin: Duration::from_secs(300),
            max_body: 16 << 20,
            max_blob: 100 << 20,
            cache_entries: 4096,
            cache_bytes: 32 << 20,
        }
    }

    /// Tells apart ids of different hosts: `github.com`, or the host (and port, if not the usual one) of `api_base`.
    ///
    /// # Errors
    /// [`SetupError::BadBase`] when `api_base` is no address.
    pub fn host_id(&self) -> Result<String, SetupError> {
        Ok(Base::parse("api_base", &self.api_base)?.host_id())
    }

    pub(crate) fn checked(&self) -> Result<(Base, String), SetupError> {
        let api = Base::parse("api_base", &self.api_base)?;
        let web = match &self.web_base {
            Some(given) => Base::parse("web_base", given)?.text,
            None => api.web(),
        };
        if !(1..=MOST_IN_FLIGHT).contains(&self.max_in_flight) {
            return Err(SetupError::OutOfRange { setting: "max_in_flight", why: "must be 1 to 100" });
        }
        if self.background_reserve > 1000 {
            return Err(SetupError::OutOfRange {
                setting: "background_reserve",
                why: "must be 0 to 1000 (in 1/1000)",
            });
        }
        if self.points_per_minute < 10 {
            return Err(SetupError::OutOfRange { setting: "points_per_minute", why: "must be at least 10" });
        }
        if !(1..=2).contains(&self.keys.len()) {
            return Err(SetupError::KeyCount(self.keys.len()));
        }
        Ok((api, web))
    }
}

/// A PEM as it came from a file or an environment variable, with `\n` understood.
pub(crate) fn pem_text(given: &SecretString) -> SecretString {
    SecretString::from(given.expose_secret().replace("\\r", "").replace("\\n", "\n").trim().to_owned())
}

/// A base address without trailing slash, and what makes another address "the same place".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    text: String,
    scheme: String,
    host: String,
    port: u16,
    prefix: String,
}

impl Base {
    pub(crate) fn parse(setting: &'static str, given: &str) -> Result<Self, SetupError> {
        let bad = |why| SetupError::BadBase { setting, why };
        let text = given.trim().trim_end_matches('/').to_owned();
        let uri: Uri = text.parse().map_err(|_| bad("not an address"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad("must start with https:// or http://"));
        };
        if scheme != "https" && scheme != "http" {
            return Err(bad("must start with https:// or http://"));
        }
        if authority.as_str().contains('@') {
            return Err(bad("must not carry a user or password"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(bad("must not carry a query or fragment"));
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16().unwrap_or_else(|| usual_port(scheme)),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            text,
        })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// The address of a path that starts with `/`.
    pub(crate) fn join(&self, path_and_query: &str) -> Option<Uri> {
        format!("{}{path_and_query}", self.text).parse().ok()
    }

    /// Whether a token for this base may be sent to `uri`: same scheme, host, port and path prefix.
    pub(crate) fn owns(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return false;
        };
        let under = uri.path().strip_prefix(self.prefix.as_str()).is_some_and(|rest| rest.starts_with('/'));
        under
            && scheme == self.scheme
            && !authority.as_str().contains('@')
            && authority.host().eq_ignore_ascii_case(&self.host)
            && authority.port_u16().unwrap_or_else(|| usual_port(scheme)) == self.port
            && !uri.path().split('/').any(|segment| segment == "..")
    }

    /// An address found in a header: absolute, or a path on the same origin.
    pub(crate) fn resolve(&self, location: &str) -> Option<Uri> {
        if location.starts_with('/') && !location.starts_with("//") {
            let port =
                if self.port == usual_port(&self.scheme) { String::new() } else { format!(":{}", self.port) };
            return format!("{}://{}{port}{location}", self.scheme, self.host).parse().ok();
        }
        location.parse().ok()
    }

    pub(crate) fn host_id(&self) -> String {
        if self.host == "api.github.com" {
            "github.com".to_owned()
        } else if self.port == usual_port(&self.scheme) {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    fn web(&self) -> String {
        if self.host == "api.github.com" {
            return "https://github.com".to_owned();
        }
        self.text.strip_suffix("/api/v3").unwrap_or(&self.text).to_owned()
    }
}

fn usual_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

#[cfg(test)]
mod tests;

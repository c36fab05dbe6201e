//! What can go wrong with GitHub, told apart as far as a caller can act on it. No variant ever holds a credential.

use crate::clock::Millis;

/// The longest text of GitHub's that is kept in an error.
const LONGEST_MESSAGE: usize = 200;

/// Nobody answered usefully; trying again later is right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    /// GitHub answered with this 5xx status.
    #[error("status {0}")]
    Status(u16),
    /// No answer within the time given.
    #[error("timed out")]
    Timeout,
    /// The connection could not be made, or broke.
    #[error("connection: {0}")]
    Connection(String),
}

/// Why no installation token could be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// GitHub knows neither of the App's keys (or not the App id).
    #[error("GitHub rejects the App's private key: check the App id and the key")]
    KeyRejected,
    /// The machine's clock is wrong by this much (GitHub's time minus ours), and correcting the JWT for it did not help.
    #[error("the clock differs from GitHub's by {seconds} s: synchronise it")]
    ClockSkew {
        /// GitHub's time minus ours, in seconds.
        seconds: i64,
    },
    /// The account's owner has suspended the installation.
    #[error("the installation is suspended")]
    Suspended,
    /// There is no such installation (any more); a reinstall has a new id.
    #[error("the installation is gone")]
    Gone,
    /// The wanted repositories or permissions are not within the installation.
    #[error("the wanted scope is not granted: {message}")]
    Scope {
        /// GitHub's words.
        message: String,
    },
    /// The App's own budget is used up.
    #[error("the App's rate limit is used up until {until}")]
    RateLimited {
        /// Epoch milliseconds.
        until: Millis,
    },
    /// Any other refusal.
    #[error("GitHub refuses to issue a token ({status}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// GitHub's words.
        message: String,
    },
    /// An answer without a token in it.
    #[error("unexpected answer of GitHub's: wanted {what}")]
    BadAnswer {
        /// What was expected.
        what: &'static str,
    },
    /// GitHub did not answer.
    #[error("GitHub is unavailable: {cause}")]
    Unavailable {
        /// How.
        cause: Outage,
    },
}

impl MintError {
    /// The class alone, as shown in lists.
    pub fn class(&self) -> &'static str {
        match self {
            Self::KeyRejected => "key_rejected",
            Self::ClockSkew { .. } => "clock_skew",
            Self::Suspended => "suspended",
            Self::Gone => "gone",
            Self::Scope { .. } => "scope",
            Self::RateLimited { .. } => "rate_limited",
            Self::Refused { .. } => "refused",
            Self::BadAnswer { .. } => "bad_answer",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// Whether time alone may heal it.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. } | Self::BadAnswer { .. })
    }
}

/// Why a call to GitHub has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitHubError {
    /// No token for it.
    #[error("no installation token: {0}")]
    Mint(#[from] MintError),
    /// The credential's budget is used up for longer than the caller waits.
    #[error("rate limited until {until}")]
    RateLimited {
        /// Epoch milliseconds.
        until: Millis,
    },
    /// GitHub did not answer, after retries.
    #[error("GitHub is unavailable: {cause}")]
    Unavailable {
        /// How.
        cause: Outage,
    },
    /// GitHub answered with a status that this call has no meaning for.
    #[error("GitHub refuses ({status}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// GitHub's words.
        message: String,
    },
    /// The answer could not be understood.
    #[error("unexpected answer of GitHub's: wanted {what}")]
    BadAnswer {
        /// What was expected.
        what: &'static str,
    },
    /// The answer is longer than allowed.
    #[error("GitHub's answer is longer than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// A link or redirect led to another host; credentials are never sent there.
    #[error("a link or redirect of GitHub's leads to another host")]
    ForeignHost,
    /// The caller's own input cannot be part of an address.
    #[error("not a valid {what}")]
    BadInput {
        /// Which input.
        what: &'static str,
    },
}

impl From<GitHubError> for MintError {
    fn from(error: GitHubError) -> Self {
        match error {
            GitHubError::Mint(error) => error,
            GitHubError::RateLimited { until } => Self::RateLimited { until },
            GitHubError::Unavailable { cause } => Self::Unavailable { cause },
            GitHubError::Refused { status, message } => Self::Refused { status, message },
            GitHubError::BadAnswer { what } | GitHubError::BadInput { what } => Self::BadAnswer { what },
            GitHubError::TooLarge { .. } => Self::BadAnswer { what: "a short answer" },
            GitHubError::ForeignHost => Self::BadAnswer { what: "an answer from the same host" },
        }
    }
}

/// GitHub's `message` out of an error body, short, on one line, without anything that looks like a credential.
pub(crate) fn message_of(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(default)]
        message: String,
    }
    let text = serde_json::from_slice::<Body>(body).map_or_else(|_| String::new(), |b| b.message);
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .map(|word| if looks_secret(word) { "[redacted]" } else { word })
        .collect();
    words.join(" ").chars().take(LONGEST_MESSAGE).collect()
}

/// Tokens have no fixed length, so only their prefixes tell.
fn looks_secret(word: &str) -> bool {
    ["ghs_", "gho_", "ghu_", "ghr_", "ghp_", "github_pat_", "eyJ"].iter().any(|mark| word.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_short_and_holds_no_credential() {
        let body =
            format!("{{\"message\":\"bad\\ntoken ghs_abc.def and \\\"gho_x\\\" {}\"}}", "y".repeat(500));
        let message = message_of(body.as_bytes());
        assert!(message.starts_with("bad token [redacted] and [redacted] yyy"));
        assert_eq!(message.chars().count(), LONGEST_MESSAGE);
        assert_eq!(message_of(b"<html>"), "");
    }
}

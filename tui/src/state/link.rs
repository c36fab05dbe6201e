//! The connection as people see it, and when it is tried again.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::rpc::Welcome;

/// The first pause before a new try; it doubles with each.
const FIRST_MS: i64 = 250;

/// The longest pause.
const LONGEST_MS: i64 = 10_000;

/// How long tries go on in vain until the wording changes from a hiccup to an outage.
const HICCUP: u32 = 3;

/// Where the connection stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// A try is under way; `attempt` counts those that failed before.
    Connecting {
        attempt: u32,
    },
    Connected {
        welcome: Welcome,
        since: i64,
    },
    /// The next try comes at `until`.
    Waiting {
        attempt: u32,
        until: i64,
        error: RpcError,
    },
    /// The daemon speaks another protocol; tried again, because it may be replaced.
    Incompatible {
        until: i64,
        attempt: u32,
        error: RpcError,
    },
    /// The daemon knows this user and says no; tried again, because its configuration may change.
    Refused {
        until: i64,
        attempt: u32,
        error: RpcError,
    },
}

impl Link {
    pub fn welcome(&self) -> Option<&Welcome> {
        match self {
            Self::Connected { welcome, .. } => Some(welcome),
            Self::Connecting { .. }
            | Self::Waiting { .. }
            | Self::Incompatible { .. }
            | Self::Refused { .. } => None,
        }
    }

    /// When the next try is due.
    pub fn until(&self) -> Option<i64> {
        match self {
            Self::Waiting { until, .. } | Self::Incompatible { until, .. } | Self::Refused { until, .. } => {
                Some(*until)
            }
            Self::Connecting { .. } | Self::Connected { .. } => None,
        }
    }

    /// Tries that failed since it was connected last.
    pub fn attempt(&self) -> u32 {
        match self {
            Self::Connecting { attempt }
            | Self::Waiting { attempt, .. }
            | Self::Incompatible { attempt, .. }
            | Self::Refused { attempt, .. } => *attempt,
            Self::Connected { .. } => 0,
        }
    }

    /// Why it is not connected.
    pub fn error(&self) -> Option<&RpcError> {
        match self {
            Self::Waiting { error, .. } | Self::Incompatible { error, .. } | Self::Refused { error, .. } => {
                Some(error)
            }
            Self::Connecting { .. } | Self::Connected { .. } => None,
        }
    }

    /// The state after a failure. `luck` in permille is the jitter: the pause lies anywhere between nothing and its
    /// longest, so that consoles do not come back all at once.
    pub fn failed(&self, error: RpcError, now: i64, luck: u16) -> Self {
        let attempt = self.attempt().saturating_add(1);
        let until = now.saturating_add(pause(attempt, luck));
        match error.code {
            ErrorCode::Version => Self::Incompatible { until, attempt, error },
            ErrorCode::Role => Self::Refused { until, attempt, error },
            _ => Self::Waiting { attempt, until, error },
        }
    }

    /// A few tries in vain may be a restart; more are an outage.
    pub fn is_outage(&self) -> bool {
        self.attempt() > HICCUP
    }
}

/// Full jitter below a doubling limit, in milliseconds.
fn pause(attempt: u32, luck: u16) -> i64 {
    let limit = FIRST_MS.saturating_mul(1_i64 << attempt.saturating_sub(1).min(16)).min(LONGEST_MS);
    limit * i64::from(luck.min(1000)) / 1000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(code: ErrorCode) -> RpcError {
        RpcError::new(code, "gone", "wait")
    }

    #[test]
    fn each_failure_says_what_it_is() {
        let link = Link::Connecting { attempt: 0 };
        assert!(matches!(
            link.failed(error(ErrorCode::NotReached), 0, 500),
            Link::Waiting { until: 125, .. }
        ));
        assert!(matches!(link.failed(error(ErrorCode::Version), 0, 500), Link::Incompatible { .. }));
        assert!(matches!(link.failed(error(ErrorCode::Role), 0, 500), Link::Refused { .. }));
    }

    proptest! {
        #[test]
        fn the_pause_is_bounded_and_may_be_anything_below(attempt in 1_u32..1000, luck in 0_u16..=1000) {
            let pause = pause(attempt, luck);
            prop_assert!((0..=LONGEST_MS).contains(&pause));
            prop_assert!(luck != 1000 || pause == FIRST_MS.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST_MS));
        }
    }
}

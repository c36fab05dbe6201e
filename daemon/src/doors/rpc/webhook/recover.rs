//! The act that compares GitHub's list of deliveries with the inbox.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::webhook::WebhookReceipt;

use crate::audit::Who;
use crate::doors::rpc::{Parts, read_error, write_error};
use crate::gateway::recover::{Ask, RecoverError};

/// Events of one act.
const MOST_EVENTS: usize = 100;

/// The longest name of an event, in bytes.
const LONGEST_EVENT: usize = 64;

pub(super) async fn recover(
    parts: &Parts,
    since: Option<i64>,
    events: Vec<String>,
    look: bool,
    who: &Who,
) -> Result<WebhookReceipt, RpcError> {
    if since.is_some_and(|since| since > parts.clock.now()) {
        return Err(usage("that time is still to come", "give a time that has passed, or leave out --since"));
    }
    if events.len() > MOST_EVENTS {
        return Err(usage(format!("more than {MOST_EVENTS} events"), "without --event all are compared"));
    }
    if let Some(odd) = events.iter().find(|event| !is_event(event)) {
        let what = format!("{odd:?} is no name of an event");
        return Err(usage(what, "name events as GitHub does: push, installation, pull_request"));
    }
    let ask = Ask { since, events: events.into_iter().collect(), look };
    let recovery = parts.recoverer.recover(&ask, who).await.map_err(refused)?;
    Ok(WebhookReceipt { replayed: 0, recovery: Some(recovery) })
}

fn is_event(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=LONGEST_EVENT).contains(&name.len()) && name.bytes().all(fits)
}

fn usage(what: impl Into<String>, mend: &str) -> RpcError {
    RpcError::new(ErrorCode::Usage, what, mend)
}

fn refused(error: RecoverError) -> RpcError {
    let text = error.to_string();
    match error {
        RecoverError::Read(error) => read_error(error),
        RecoverError::Write(error) => write_error(error),
        RecoverError::Busy => RpcError::new(
            ErrorCode::Busy,
            text,
            "wait for its end; `cutover webhook list` shows what it brings",
        ),
        RecoverError::GitHub(_) => RpcError::new(
            ErrorCode::GitHub,
            text,
            "what was taken in stays; `cutover doctor` checks the way to GitHub, then ask again",
        )
        .with_runbook("missed_webhooks.md"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_events_are_github_s() {
        for good in ["push", "installation_repositories", "a1"] {
            assert!(is_event(good), "{good}");
        }
        for bad in ["", "Push", "push ", "pull-request", "a\u{1b}"] {
            assert!(!is_event(bad), "{bad}");
        }
        assert!(!is_event(&"a".repeat(65)));
    }
}

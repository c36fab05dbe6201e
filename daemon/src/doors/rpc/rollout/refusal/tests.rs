//! Each refusal names the rollout, and the command that it offers is one.

use cutover_shared::rollout::{Operation, Ring, RolloutName, Side, Stage, WorthDecision};

use super::*;
use crate::rollout::criteria::Unmet;
use crate::store::{ReadError, WriteError};

const NAME: &str = "github-auth";

fn stage(word: &str) -> Stage {
    word.parse().unwrap()
}

fn gone() -> WriteError {
    WriteError::Unavailable("disk full".to_owned())
}

fn every() -> Vec<RolloutError> {
    let (from, to, next) = (stage("live"), stage("shadow"), stage("complete"));
    let unmet = |never: &[&str]| Unmet {
        name: "soak".to_owned(),
        text: "2 h of 24 h".to_owned(),
        others: vec!["verdict".to_owned(), "armed".to_owned()],
        never: never.iter().map(|name| (*name).to_owned()).collect(),
    };
    let illegal = [
        Illegal::Same(from),
        Illegal::Skips { from, to, next },
        Illegal::Last(from),
        Illegal::Backward { from, to },
        Illegal::Forward { from, to },
        Illegal::Unknown(to),
        Illegal::Narrow(from, Ring::Beta),
        Illegal::Open(from, Ring::Beta),
        Illegal::Ring(from),
    ];
    let mut all: Vec<RolloutError> = illegal.into_iter().map(RolloutError::from).collect();
    all.extend([
        unmet(&[]).into(),
        unmet(&["armed"]).into(),
        RolloutError::Stale { from, to },
        RolloutError::UnknownTenant { tenant: "acmee".into(), near: Some("acme".into()) },
        RolloutError::UnknownTenant { tenant: "nobody".into(), near: None },
        RolloutError::Overrides(100),
        RolloutError::Exact,
        RolloutError::Returns(3),
        RolloutError::NoList(Ring::All),
        RolloutError::RingSize,
        RolloutError::Unrecorded(RolloutName::GithubAuth),
        RolloutError::Ahead,
        RolloutError::Cursor("x".to_owned()),
        RolloutError::Unread,
        RolloutError::Owed(gone()),
        RolloutError::Undeclared { went: "github-auth went back to shadow".to_owned(), cause: gone() },
        ReadError::Unavailable { doing: "reading rollouts", cause: "disk I/O error".to_owned() }.into(),
        gone().into(),
    ]);
    all
}

#[test]
fn every_refusal_says_what_why_and_the_mend_with_the_rollout_s_name() {
    let told: Vec<String> = every()
        .into_iter()
        .map(|error| {
            let error = rollout(error, NAME);
            assert!(!error.message.is_empty() && !error.hint.is_empty(), "{error:?}");
            assert!(!error.hint.contains("NAME"), "{}", error.hint);
            format!("{} {}\n  {}", error.code.exit(), error.message, error.hint)
        })
        .collect();
    for wanted in [
        "3 shadow lies before live: that is a rollback\n  `cutover rollback github-auth --to shadow --reason TEXT` goes back",
        "3 soak does not hold: 2 h of 24 h; nor do verdict, armed\n  an approver may pass them with --override REASON; \
         `cutover rollout stage github-auth` says how each stands",
        "nor do verdict, armed\n  nobody may pass armed: mend that first;",
        "3 this is not the digest of the step from live to shadow",
        "2 tenant acmee is not in the catalog\n  did you mean acme? `cutover tenant list` shows",
        "2 tenant nobody is not in the catalog\n  `cutover tenant list` shows",
        "6 github-auth went back to shadow; the incident itself is not written down: the store can't be written: disk full",
    ] {
        assert!(told.iter().any(|one| one.contains(wanted)), "{wanted}\nin\n{}", told.join("\n"));
    }
}

#[test]
fn what_leads_forward_wants_a_reason_and_no_way_back_does() {
    let (name, reason) = (RolloutName::GithubAuth, String::from(" \t"));
    let passed = |reason: &str| RolloutAct::Stage {
        name,
        to: stage("live"),
        exact: None,
        ring: None,
        digest: "0".into(),
        override_reason: Some(reason.to_owned()),
    };
    for act in [
        passed(""),
        RolloutAct::Flag { operation: Operation::Import, on: true, reason: reason.clone() },
        RolloutAct::Override {
            name,
            tenant: "acme".into(),
            side: Some(Side::Target),
            reason: reason.clone(),
        },
        RolloutAct::Freeze { name, reason: reason.clone() },
        RolloutAct::Decide { name, decision: WorthDecision::Migrate, reason: reason.clone() },
        RolloutAct::Unkill { name: None, reason: reason.clone() },
    ] {
        let refused = reasoned(&act).unwrap_err();
        assert_eq!(refused.code, ErrorCode::Usage, "{act:?}");
    }
    for act in [
        passed("we know"),
        RolloutAct::Rollback { name, to: None, reason: reason.clone() },
        RolloutAct::Declare { name: None, text: reason },
    ] {
        assert_eq!(reasoned(&act), Ok(()), "{act:?}");
    }
}

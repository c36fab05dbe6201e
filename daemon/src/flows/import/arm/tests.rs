use proptest::prelude::*;

use super::*;

const ID: InstallationId = InstallationId(7);

/// Every situation there is.
fn all() -> impl Iterator<Item = (Side, Decided, Mapping, bool, Grace)> {
    Side::ALL.iter().copied().flat_map(|side| {
        Decided::ALL.iter().copied().flat_map(move |why| {
            [Mapping::Mapped(ID), Mapping::Unmapped].into_iter().flat_map(move |mapping| {
                [false, true].into_iter().flat_map(move |token| {
                    [Grace::Open, Grace::Over]
                        .into_iter()
                        .map(move |grace| (side, why, mapping, token, grace))
                })
            })
        })
    })
}

/// The table of `docs/import.md`, in its order.
fn expected(side: Side, mapping: Mapping, token: bool, grace: Grace) -> &'static str {
    match (side, mapping, grace, token) {
        (Side::Legacy, .., true) => "oauth",
        (Side::Legacy, .., false) => "no token",
        (Side::Target, Mapping::Mapped(_), Grace::Open, true) => "installation, fallback",
        (Side::Target, Mapping::Mapped(_), ..) => "installation",
        (Side::Target, Mapping::Unmapped, Grace::Open, true) => "oauth",
        (Side::Target, Mapping::Unmapped, Grace::Open, false) => "no token",
        (Side::Target, Mapping::Unmapped, Grace::Over, _) => "grace over",
    }
}

#[test]
fn every_situation_has_the_arm_of_the_document() {
    let mut seen = 0;
    for (side, why, mapping, token, grace) in all() {
        let arm = arm((side, why), mapping, token, grace);
        let word = match arm {
            Arm::Installation { id: ID, fallback: true } => "installation, fallback",
            Arm::Installation { id: ID, fallback: false } => "installation",
            Arm::Installation { .. } => "another installation",
            Arm::OAuth(_) => "oauth",
            Arm::Refused(Reason::NoToken(_)) => "no token",
            Arm::Refused(Reason::GraceOver) => "grace over",
        };
        assert_eq!(word, expected(side, mapping, token, grace), "{side} {why} {mapping:?} {token} {grace:?}");
        // Legacy says why in the rollout's words, whatever else is so.
        if side == Side::Legacy {
            let said = match arm {
                Arm::OAuth(why) | Arm::Refused(Reason::NoToken(why)) => why.text(),
                other => panic!("{other:?}"),
            };
            assert_eq!(said, why.text());
        }
        seen += 1;
    }
    assert_eq!(seen, 2 * Decided::ALL.len() * 8);
}

proptest! {
    /// On legacy no installation is reached, and what an installation serves is what was mapped.
    #[test]
    fn the_rollout_is_the_ceiling(target: bool, why in 0..Decided::ALL.len(), id in any::<i64>(), mapped: bool, token: bool, over: bool) {
        let side = if target { Side::Target } else { Side::Legacy };
        let mapping = if mapped { Mapping::Mapped(InstallationId(id)) } else { Mapping::Unmapped };
        let grace = if over { Grace::Over } else { Grace::Open };
        let why = Decided::ALL[why];
        match arm((side, why), mapping, token, grace) {
            Arm::Installation { id: served, fallback } => {
                prop_assert!(target && mapped);
                prop_assert_eq!(served, InstallationId(id));
                prop_assert!(!fallback || (token && !over));
            }
            Arm::OAuth(said) => {
                prop_assert!(token);
                prop_assert_eq!(said == Why::Rollout(why), !target);
                prop_assert!(said != Why::Asked);
            }
            Arm::Refused(Reason::NoToken(_)) => prop_assert!(!token),
            Arm::Refused(Reason::GraceOver) => prop_assert!(over && !mapped && target),
        }
    }
}

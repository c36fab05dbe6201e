use proptest::prelude::*;

use super::*;

const ID: InstallationId = InstallationId(7);
const MODES: [Mode; 3] = [Mode::Off, Mode::Canary, Mode::On];

/// Every situation there is.
fn all() -> impl Iterator<Item = (Mode, Mapping, Tenant, bool, Grace)> {
    let both = [false, true];
    MODES.into_iter().flat_map(move |mode| {
        [Mapping::Mapped(ID), Mapping::Unmapped].into_iter().flat_map(move |mapping| {
            both.into_iter().flat_map(move |listed| {
                both.into_iter().flat_map(move |token| {
                    both.into_iter().flat_map(move |killed| {
                        [Grace::Open, Grace::Over]
                            .into_iter()
                            .map(move |grace| (mode, mapping, Tenant { listed, token }, killed, grace))
                    })
                })
            })
        })
    })
}

/// The table of `docs/import.md`, in its order.
fn expected(mode: Mode, mapping: Mapping, tenant: Tenant, killed: bool, grace: Grace) -> &'static str {
    let legacy = killed || mode == Mode::Off || (mode == Mode::Canary && !tenant.listed);
    match (legacy, mapping, grace, tenant.token) {
        (true, .., true) => "oauth",
        (true, .., false) => "no token",
        (false, Mapping::Mapped(_), Grace::Open, true) => "installation, fallback",
        (false, Mapping::Mapped(_), ..) => "installation",
        (false, Mapping::Unmapped, Grace::Open, true) => "oauth",
        (false, Mapping::Unmapped, Grace::Open, false) => "no token",
        (false, Mapping::Unmapped, Grace::Over, _) => "grace over",
    }
}

#[test]
fn every_situation_has_the_arm_of_the_document() {
    let mut seen = 0;
    for (mode, mapping, tenant, killed, grace) in all() {
        let word = match arm(mode, mapping, tenant, killed, grace) {
            Arm::Installation { id: ID, fallback: true } => "installation, fallback",
            Arm::Installation { id: ID, fallback: false } => "installation",
            Arm::Installation { .. } => "another installation",
            Arm::OAuth(_) => "oauth",
            Arm::Refused(Reason::NoToken(_)) => "no token",
            Arm::Refused(Reason::GraceOver) => "grace over",
        };
        let wanted = expected(mode, mapping, tenant, killed, grace);
        assert_eq!(word, wanted, "{mode} {mapping:?} {tenant:?} {killed} {grace:?}");
        seen += 1;
    }
    assert_eq!(seen, 96);
}

#[test]
fn the_reason_is_the_first_that_holds() {
    let tenant = Tenant { listed: false, token: true };
    let why = |mode, killed| arm(mode, Mapping::Unmapped, tenant, killed, Grace::Open);
    assert_eq!(why(Mode::Off, true), Arm::OAuth(Why::Killed));
    assert_eq!(why(Mode::Off, false), Arm::OAuth(Why::Off));
    assert_eq!(why(Mode::Canary, false), Arm::OAuth(Why::NotListed));
    assert_eq!(why(Mode::On, false), Arm::OAuth(Why::Grace));
}

proptest! {
    /// Killed and off never reach an installation, and what an installation serves is what was mapped.
    #[test]
    fn the_ceiling_holds(mode in 0..3_usize, id in any::<i64>(), mapped: bool, listed: bool, token: bool, killed: bool, over: bool) {
        let mode = MODES[mode];
        let mapping = if mapped { Mapping::Mapped(InstallationId(id)) } else { Mapping::Unmapped };
        let grace = if over { Grace::Over } else { Grace::Open };
        match arm(mode, mapping, Tenant { listed, token }, killed, grace) {
            Arm::Installation { id: served, fallback } => {
                prop_assert!(!killed && mode != Mode::Off && mapped && (mode == Mode::On || listed));
                prop_assert_eq!(served, InstallationId(id));
                prop_assert!(!fallback || (token && !over));
            }
            Arm::OAuth(why) => {
                prop_assert!(token);
                prop_assert_eq!(why == Why::Killed, killed);
            }
            Arm::Refused(Reason::NoToken(_)) => prop_assert!(!token),
            Arm::Refused(Reason::GraceOver) => prop_assert!(over && !mapped && !killed && mode != Mode::Off),
        }
    }

    /// Listing a tenant or raising the mode never takes a mapped repository back to the old arm.
    #[test]
    fn more_is_never_less(listed: bool, token: bool, over: bool) {
        let grace = if over { Grace::Over } else { Grace::Open };
        let at = |mode, listed| {
            let tenant = Tenant { listed, token };
            matches!(arm(mode, Mapping::Mapped(ID), tenant, false, grace), Arm::Installation { .. })
        };
        prop_assert!(at(Mode::Off, listed) <= at(Mode::Canary, listed));
        prop_assert!(at(Mode::Canary, listed) <= at(Mode::On, listed));
        prop_assert!(at(Mode::Canary, false) <= at(Mode::Canary, true));
    }
}

//! Which credential serves an import: the one place that decides it. By mode and mapping now, by rollouts later.

use cutover_shared::ids::InstallationId;
use cutover_shared::mapping::Mode;

/// How the repository of the project is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    Mapped(InstallationId),
    Unmapped,
}

/// What is known of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// On the canary list.
    pub listed: bool,
    /// A user's token is stored for the repository.
    pub token: bool,
}

/// Whether repositories that are not mapped may still use users' tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// Its end has not come, or none is set.
    Open,
    Over,
}

/// Who serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    Installation {
        id: InstallationId,
        /// When the installation itself can't serve, a user's token may, once.
        fallback: bool,
    },
    OAuth(Why),
    Refused(Reason),
}

/// Why a user's token serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Killed,
    Off,
    /// Canary mode, and the tenant is not on the list.
    NotListed,
    /// Not mapped, inside the grace period.
    Grace,
    /// An operator asked for it; the rule never says it.
    Asked,
}

/// Why nobody serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A user's token would have its turn, and none is stored.
    NoToken(Why),
    /// Not mapped, and the grace period is over.
    GraceOver,
}

impl Why {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Killed => "the kill switch is pulled",
            Self::Off => "the mode is off",
            Self::NotListed => "the mode is canary, and the tenant is not on the list",
            Self::Asked => "a user's token was asked for",
            Self::Grace => "the repository is not mapped yet, and the grace period lasts",
        }
    }
}

/// The arm. In every doubt it is the old one; only an end of the grace period that was set takes it away from a repository that
/// is not mapped.
pub fn arm(mode: Mode, mapping: Mapping, tenant: Tenant, killed: bool, grace: Grace) -> Arm {
    let oauth = |why| if tenant.token { Arm::OAuth(why) } else { Arm::Refused(Reason::NoToken(why)) };
    match (killed, mode, mapping) {
        (true, ..) => oauth(Why::Killed),
        (false, Mode::Off, _) => oauth(Why::Off),
        (false, Mode::Canary, _) if !tenant.listed => oauth(Why::NotListed),
        (false, Mode::Canary | Mode::On, Mapping::Mapped(id)) => {
            Arm::Installation { id, fallback: tenant.token && grace == Grace::Open }
        }
        (false, Mode::Canary | Mode::On, Mapping::Unmapped) => match grace {
            Grace::Open => oauth(Why::Grace),
            Grace::Over => Arm::Refused(Reason::GraceOver),
        },
    }
}

#[cfg(test)]
mod tests;

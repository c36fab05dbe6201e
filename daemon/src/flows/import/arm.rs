//! Which credential serves an import: the one place that decides it. The rollout says whose turn it is, mapping and grace period
//! whether it can be.

use cutover_shared::ids::InstallationId;
use cutover_shared::rollout::{Side, Why as Decided};

/// How the repository of the project is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    Mapped(InstallationId),
    Unmapped,
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
    /// The rollout has the tenant on legacy.
    Rollout(Decided),
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
            Self::Rollout(why) => why.text(),
            Self::Asked => "a user's token was asked for",
            Self::Grace => "the repository is not mapped yet, and the grace period lasts",
        }
    }
}

impl Arm {
    /// The rollout's arm that this is; none where nobody serves.
    pub fn side(self) -> Option<Side> {
        match self {
            Self::Installation { .. } => Some(Side::Target),
            Self::OAuth(_) => Some(Side::Legacy),
            Self::Refused(_) => None,
        }
    }
}

/// The arm. `decided` is the rollout's side and why; `token`: a user's token is stored for the repository. Legacy is legacy in
/// every case; only an end of the grace period that was set takes it away from a repository that is not mapped.
pub fn arm((side, decided): (Side, Decided), mapping: Mapping, token: bool, grace: Grace) -> Arm {
    let oauth = |why| if token { Arm::OAuth(why) } else { Arm::Refused(Reason::NoToken(why)) };
    match (side, mapping, grace) {
        (Side::Legacy, ..) => oauth(Why::Rollout(decided)),
        (Side::Target, Mapping::Mapped(id), _) => {
            Arm::Installation { id, fallback: token && grace == Grace::Open }
        }
        (Side::Target, Mapping::Unmapped, Grace::Open) => oauth(Why::Grace),
        (Side::Target, Mapping::Unmapped, Grace::Over) => Arm::Refused(Reason::GraceOver),
    }
}

#[cfg(test)]
mod tests;

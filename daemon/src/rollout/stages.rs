//! The order of stages and what may follow what. Forward goes one step at a time; back goes anywhere, at any time.

use cutover_shared::rollout::{Percent, Ring, Stage};

/// The track of a rollout: its stages in order. The shares of `canary` are configured, the rest is fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track(Vec<Stage>);

/// Where a rollout is: a stage, and whom it is open for. Only the first share of `canary` begins with a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub stage: Stage,
    pub ring: Ring,
}

impl Place {
    /// A stage that is open for all whom it takes.
    pub const fn all(stage: Stage) -> Self {
        Self { stage, ring: Ring::All }
    }
}

/// The shares are no track.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTrack {
    #[error("a share is a whole percent from 1 to 100, not {0}")]
    Share(u8),
    #[error("each share must be greater than the one before: {0} after {1}")]
    Order(u8, u8),
    #[error("the last share must be 100, so that all tenants have been on the target before `live`")]
    End,
}

/// Why a step is not legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    #[error("it is in stage {0} already")]
    Same(Stage),
    #[error("{to} does not follow {from}: the next stage is {next}, and none is skipped")]
    Skips { from: Stage, to: Stage, next: Stage },
    #[error("{0} is the last stage")]
    Last(Stage),
    #[error("{to} lies before {from}: that is a rollback")]
    Backward { from: Stage, to: Stage },
    #[error("{to} does not lie before {from}: that is no rollback")]
    Forward { from: Stage, to: Stage },
    #[error("{0} is no stage of this rollout's track")]
    Unknown(Stage),
    #[error("{0} is open for ring {1} alone: it opens for the next ring or for all before another stage")]
    Narrow(Stage, Ring),
    #[error("{0} is open for ring {1} already")]
    Open(Stage, Ring),
    #[error("a ring is how the first share of `canary` begins, not {0}")]
    Ring(Stage),
}

impl Track {
    /// With these shares of `canary`.
    pub fn new(shares: &[u8]) -> Result<Self, BadTrack> {
        let mut track = vec![Stage::Off, Stage::DualWrite, Stage::Shadow];
        let mut last = 0;
        for share in shares.iter().copied() {
            let percent = Percent::new(share).ok_or(BadTrack::Share(share))?;
            if share <= last {
                return Err(BadTrack::Order(share, last));
            }
            last = share;
            track.push(Stage::Canary(percent));
        }
        if last != 100 {
            return Err(BadTrack::End);
        }
        track.extend([Stage::Live, Stage::Complete]);
        Ok(Self(track))
    }

    /// All stages in order.
    pub fn stages(&self) -> &[Stage] {
        &self.0
    }

    /// The stage after this one. A share that is none of the track's (it was configured otherwise once) is followed by the
    /// next greater one.
    pub fn next(&self, from: Stage) -> Option<Stage> {
        self.0.iter().copied().find(|stage| *stage > from)
    }

    /// Where a way back leads that names no stage: the last one in which legacy answered for everybody, since a smaller share of a
    /// target that is broken is broken, too. From there on, the stage before.
    pub fn last_good(&self, from: Stage) -> Option<Stage> {
        self.0.iter().copied().rev().find(|stage| *stage < from && !stage.opens_target())
    }

    /// A step forward: to the very next stage.
    pub fn forward(&self, from: Stage, to: Stage) -> Result<(), Illegal> {
        if from == to {
            return Err(Illegal::Same(from));
        }
        if to < from {
            return Err(Illegal::Backward { from, to });
        }
        if !self.0.contains(&to) {
            return Err(Illegal::Unknown(to));
        }
        match self.next(from) {
            Some(next) if next == to => Ok(()),
            Some(next) => Err(Illegal::Skips { from, to, next }),
            None => Err(Illegal::Last(from)),
        }
    }

    /// A step forward by stage or by ring: to a wider ring of the same stage, or from all of a stage to the very next one.
    pub fn step(&self, from: Place, to: Place) -> Result<(), Illegal> {
        if from.stage == to.stage {
            return match to.ring {
                ring if ring > from.ring => Ok(()),
                _ if from.ring.is_all() => Err(Illegal::Same(from.stage)),
                _ => Err(Illegal::Open(from.stage, from.ring)),
            };
        }
        if !from.ring.is_all() && to.stage > from.stage {
            return Err(Illegal::Narrow(from.stage, from.ring));
        }
        self.forward(from.stage, to.stage)?;
        if !to.ring.is_all() && self.first_share() != Some(to.stage) {
            return Err(Illegal::Ring(to.stage));
        }
        Ok(())
    }

    /// Where a step leads to whose stage or ring is not said: through the rings that have tenants, then on. None at the last stage.
    pub fn towards(
        &self,
        from: Place,
        stage: Option<Stage>,
        ring: Option<Ring>,
        has: impl Fn(Ring) -> bool,
    ) -> Option<Place> {
        let usual = if from.ring.is_all() { self.next(from.stage)? } else { from.stage };
        let stage = stage.unwrap_or(usual);
        let begins = stage == from.stage || self.first_share() == Some(stage);
        let listed = || {
            let wider = |ring: &Ring| stage != from.stage || *ring > from.ring;
            Ring::LISTED.into_iter().find(|ring| begins && wider(ring) && has(*ring))
        };
        Some(Place { stage, ring: ring.or_else(listed).unwrap_or_default() })
    }

    fn first_share(&self) -> Option<Stage> {
        self.0.iter().copied().find(|stage| matches!(stage, Stage::Canary(_)))
    }

    /// A step back, to any stage before. Legal in every state.
    pub fn back(&self, from: Stage, to: Stage) -> Result<(), Illegal> {
        if from == to {
            return Err(Illegal::Same(from));
        }
        if to > from {
            return Err(Illegal::Forward { from, to });
        }
        // A share of an older configuration was a stage, and may be one again.
        let known = self.0.contains(&to) || matches!(to, Stage::Canary(_));
        if known { Ok(()) } else { Err(Illegal::Unknown(to)) }
    }
}

#[cfg(test)]
mod tests;

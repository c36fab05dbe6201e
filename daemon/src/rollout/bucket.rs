//! Which bucket a tenant falls into. The algorithm's version and the salt are stored with each rollout: a better
//! algorithm gets a new version and moves nobody who is in by an old one.

/// The algorithm of new rollouts: `MurmurHash3` (x86, 32 bits) over the tenant's name, its seed the same hash over the salt (with seed
/// 0), scaled to the buckets by multiplication.
pub const ALGORITHM: u16 = 1;

/// Buckets, a hundredth of a percent each.
pub const BUCKETS: u16 = 10_000;

/// Buckets in a percent.
pub const PER_PERCENT: u16 = BUCKETS / 100;

/// How the tenants of one rollout are ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucketing {
    algorithm: u16,
    salt: String,
    seed: u32,
}

/// This daemon does not know the algorithm that a rollout was begun with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bucketing algorithm {0} is not known to this version")]
pub struct UnknownAlgorithm(pub u16);

impl Bucketing {
    /// By the algorithm of this version.
    pub fn new(algorithm: u16, salt: &str) -> Result<Self, UnknownAlgorithm> {
        if algorithm == ALGORITHM {
            Ok(Self { algorithm, salt: salt.to_owned(), seed: murmur3(salt.as_bytes(), 0) })
        } else {
            Err(UnknownAlgorithm(algorithm))
        }
    }

    /// Its version.
    pub fn algorithm(&self) -> u16 {
        self.algorithm
    }

    /// What makes its order of tenants another than that of other rollouts.
    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// The tenant's rank: the whole hash. The lower, the earlier the tenant is in.
    pub fn rank(&self, tenant: &str) -> u32 {
        murmur3(tenant.as_bytes(), self.seed)
    }

    /// The tenant's bucket, below [`BUCKETS`].
    pub fn bucket(&self, tenant: &str) -> u16 {
        scaled(self.rank(tenant))
    }
}

/// The bucket of a rank.
pub fn scaled(rank: u32) -> u16 {
    let scaled = (u64::from(rank) * u64::from(BUCKETS)) >> 32;
    u16::try_from(scaled).unwrap_or(BUCKETS - 1)
}

/// `MurmurHash3`, x86, 32 bits. Nothing is allocated.
fn murmur3(bytes: &[u8], seed: u32) -> u32 {
    let mut rest = bytes;
    // Reading from memory can't fail.
    murmur3::murmur3_32(&mut rest, seed).unwrap_or_default()
}

#[cfg(test)]
mod tests;

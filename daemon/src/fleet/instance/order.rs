//! A tenant's place in the order of waves.

use cutover_shared::ids::TenantId;

use crate::fleet::wave::PLACES;

/// 0 for a canary tenant, else 1 plus a number under 1,000,000 that follows from the id (`MurmurHash3`, x86, 32 bits, seed 0): the
/// same in every run, and nobody's favourite.
pub fn places(tenant: &TenantId, canary: &[TenantId]) -> u32 {
    if canary.contains(tenant) {
        return 0;
    }
    let mut bytes = tenant.as_str().as_bytes();
    // Reading from memory can't fail.
    1 + murmur3::murmur3_32(&mut bytes, 0).unwrap_or_default() % PLACES
}

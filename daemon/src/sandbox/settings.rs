//! How large the service is.

use std::path::PathBuf;
use std::time::Duration;

/// The fewest warm sandboxes, whatever is set.
pub const LEAST_WARM: usize = 3;

/// Sandboxes of one arm in use at once.
pub const AT_ONCE: usize = 16;

/// Callers of one arm that may wait for a sandbox.
pub const WAITING: usize = 64;

/// Sandboxes of one arm that one tenant may have at once.
pub const PER_TENANT: usize = 4;

/// How long a caller may keep a sandbox.
pub const LEASE: Duration = Duration::from_secs(15 * 60);

/// Mirrors of all tenants.
pub const MIRRORS: usize = 256;

/// Bytes of all mirrors.
pub const MIRROR_BYTES: u64 = 10 << 30;

/// Bytes of one tenant's mirrors.
pub const TENANT_MIRROR_BYTES: u64 = 2 << 30;

/// Fetches after which a mirror is made anew, so that it does not become a heap of small packs and references.
pub const MIRROR_PACKS: usize = 50;

/// Bytes that the disk keeps free.
pub const LEAST_FREE: u64 = 512 << 20;

/// How often the pool is looked at.
pub const ROUND: Duration = Duration::from_secs(10);

/// How large the service is, and where.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// `git`, or where it is.
    pub program: PathBuf,
    /// A folder of its own; all sandboxes and mirrors are below it.
    pub folder: PathBuf,
    /// Sandboxes that stand ready for the pooled arm, at least [`LEAST_WARM`].
    pub warm: usize,
    /// Sandboxes of one arm in use at once; each arm has as many.
    pub at_once: usize,
    /// Callers of one arm that may wait; more are refused.
    pub waiting: usize,
    /// Sandboxes of one arm that one tenant may have at once.
    pub per_tenant: usize,
    /// How long a caller may keep a sandbox; then it is taken away.
    pub lease: Duration,
    /// Mirrors of all tenants; the least used goes first.
    pub mirrors: usize,
    /// Bytes of all mirrors.
    pub mirror_bytes: u64,
    /// Bytes of one tenant's mirrors.
    pub tenant_mirror_bytes: u64,
    /// Fetches after which a mirror is made anew.
    pub mirror_packs: usize,
    /// Bytes that the disk keeps free: below them nothing new is begun.
    pub least_free: u64,
    /// How often the pool is filled up, looked after and reaped.
    pub round: Duration,
}

impl SandboxSettings {
    /// The documented defaults in `folder`.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, ..Self::default() }
    }
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            program: PathBuf::from("git"),
            folder: PathBuf::from("sandboxes"),
            warm: LEAST_WARM,
            at_once: AT_ONCE,
            waiting: WAITING,
            per_tenant: PER_TENANT,
            lease: LEASE,
            mirrors: MIRRORS,
            mirror_bytes: MIRROR_BYTES,
            tenant_mirror_bytes: TENANT_MIRROR_BYTES,
            mirror_packs: MIRROR_PACKS,
            least_free: LEAST_FREE,
            round: ROUND,
        }
    }
}

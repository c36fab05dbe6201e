//! Git for tenants: how large the service of sandboxes is, and what one operation may use.

use std::time::Duration;

use super::gather::Values;
use super::key::{Key, Kind, usual};
use super::mistake::{Mistake, MistakeKind, Mistakes};

const BYTES: Kind = Kind::Whole { min: 1_048_576, max: 1_099_511_627_776 };
const TIME: Kind = Kind::Length { min: Duration::from_secs(1), max: Duration::from_secs(60 * 60) };

/// Their keys, in the order of the file.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    usual("sandbox.warm", Kind::Whole { min: 3, max: 64 },
        "Sandboxes of the pool that stand ready.", "3", "8"),
    usual("sandbox.at_once", Kind::Whole { min: 1, max: 1_024 },
        "Sandboxes of one arm in use at once; each arm has as many.", "16", "32"),
    usual("sandbox.waiting", Kind::Whole { min: 0, max: 10_000 },
        "Callers of one arm that may wait for a sandbox; more are refused.", "64", "16"),
    usual("sandbox.per_tenant", Kind::Whole { min: 1, max: 1_024 },
        "Sandboxes of one arm that one tenant may have at once.", "4", "2"),
    usual("sandbox.lease", Kind::Length { min: Duration::from_secs(10), max: Duration::from_secs(24 * 60 * 60) },
        "How long a caller may keep a sandbox; then it is taken away. More than `wall`.", r#""15m""#, r#""30m""#),
    usual("sandbox.mirrors", Kind::Whole { min: 1, max: 100_000 },
        "Mirrors of repositories, of all tenants; the least used goes first.", "256", "64"),
    usual("sandbox.mirror_bytes", BYTES,
        "Bytes of all mirrors.", "10737418240", "21474836480"),
    usual("sandbox.tenant_mirror_bytes", BYTES,
        "Bytes of one tenant's mirrors.", "2147483648", "1073741824"),
    usual("sandbox.mirror_packs", Kind::Whole { min: 2, max: 10_000 },
        "Fetches after which a mirror is made anew: each may leave a pack and a reference.", "50", "100"),
    usual("sandbox.least_free", Kind::Whole { min: 0, max: 1_099_511_627_776 },
        "Bytes that the disk keeps free: below them nothing new is begun.", "536870912", "1073741824"),
    usual("sandbox.wall", TIME,
        "Real time of one operation, its wait for a sandbox included. Less than `lease`, and no more than `rollout.shadow_timeout`.", r#""2m""#, r#""90s""#),
    usual("sandbox.cpu", TIME,
        "Processor time of each process of git's, whole seconds.", r#""1m""#, r#""2m""#),
    usual("sandbox.memory", Kind::Whole { min: 134_217_728, max: 1_099_511_627_776 },
        "Bytes of address space of each process of git's.", "1073741824", "2147483648"),
    usual("sandbox.disk", BYTES,
        "Bytes of one sandbox: once for what git stores, once for the files of the work tree.", "1073741824", "2147483648"),
    usual("sandbox.processes", Kind::Whole { min: 8, max: 1_024 },
        "Processes of one operation at once, git and all that it starts.", "16", "32"),
];

/// Git for tenants.
#[derive(Clone, Debug)]
pub struct Sandbox {
    pub warm: usize,
    pub at_once: usize,
    pub waiting: usize,
    pub per_tenant: usize,
    pub lease: Duration,
    pub mirrors: usize,
    pub mirror_bytes: u64,
    pub tenant_mirror_bytes: u64,
    pub mirror_packs: usize,
    pub least_free: u64,
    pub wall: Duration,
    pub cpu: Duration,
    pub memory: u64,
    pub disk: u64,
    pub processes: usize,
}

/// What can't stand together.
pub(super) fn check(values: &Values, mistakes: &mut Mistakes) {
    let (small, large) = ("sandbox.tenant_mirror_bytes", "sandbox.mirror_bytes");
    if let (Some(one), Some(all)) = (values.whole_number(small), values.whole_number(large))
        && one > all
    {
        let what = "is more than all mirrors together may have (sandbox.mirror_bytes)";
        let mend = "write less here, or more there";
        let place = values.place(small);
        mistakes.push(Mistake::new(MistakeKind::Contradiction, small, place, what, mend));
    }
    times(values, mistakes);
}

/// Nothing may end an operation before its own time does: it would look as if its arm were broken.
fn times(values: &Values, mistakes: &mut Mistakes) {
    let wall = "sandbox.wall";
    let (lease, shadow) = ("sandbox.lease", "rollout.shadow_timeout");
    let (Some(operation), Some(kept), Some(beside)) =
        (values.length(wall), values.length(lease), values.length(shadow))
    else {
        return;
    };
    let mut wrong = |other: &str, what: &str, mend: &str| {
        let name = if values.is_written(wall) { wall } else { other };
        let place = values.place(name);
        mistakes.push(Mistake::new(MistakeKind::Contradiction, name, place, what, mend));
    };
    if kept <= operation {
        let what = "an operation (sandbox.wall) may take as long as a sandbox is kept (sandbox.lease): it would lose it on its way";
        wrong(lease, what, "make the lease longer than one operation");
    }
    if beside < operation {
        let what = "an operation (sandbox.wall) may take longer than one that is compared (rollout.shadow_timeout): slow ones would \
                    count as failures of the arm beside";
        wrong(shadow, what, "make the time for comparisons as long as one operation, or longer");
    }
}

pub(super) fn sandbox(values: &Values) -> Option<Sandbox> {
    let count = |name| usize::try_from(values.whole_number(name)?).ok();
    let bytes = |name| u64::try_from(values.whole_number(name)?).ok();
    Some(Sandbox {
        warm: count("sandbox.warm")?,
        at_once: count("sandbox.at_once")?,
        waiting: count("sandbox.waiting")?,
        per_tenant: count("sandbox.per_tenant")?,
        lease: values.length("sandbox.lease")?,
        mirrors: count("sandbox.mirrors")?,
        mirror_bytes: bytes("sandbox.mirror_bytes")?,
        tenant_mirror_bytes: bytes("sandbox.tenant_mirror_bytes")?,
        mirror_packs: count("sandbox.mirror_packs")?,
        least_free: bytes("sandbox.least_free")?,
        wall: values.length("sandbox.wall")?,
        cpu: values.length("sandbox.cpu")?,
        memory: bytes("sandbox.memory")?,
        disk: bytes("sandbox.disk")?,
        processes: count("sandbox.processes")?,
    })
}

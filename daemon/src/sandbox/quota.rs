//! What one operation may use.

use std::fmt;
use std::time::Duration;

/// Real time of one operation, its wait for a sandbox included.
pub const WALL: Duration = Duration::from_secs(120);

/// Processor time of each process of git's, whole seconds.
pub const CPU: Duration = Duration::from_secs(60);

/// Bytes of address space of each process of git's.
pub const MEMORY: u64 = 1 << 30;

/// Bytes on disk: what git stores, and the files of the work tree.
pub const DISK: u64 = 1 << 30;

/// Processes at once, git and all that it starts.
pub const PROCESSES: usize = 16;

/// Bytes that a file or folder takes at least, whatever is in it.
pub(super) const BLOCK: u64 = 4_096;

/// Folders in one another. Removing a tree holds a file descriptor for each level of it.
pub const MOST_LEVELS: usize = 200;

/// The bounds of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub wall: Duration,
    pub cpu: Duration,
    pub memory: u64,
    pub disk: u64,
    pub processes: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self { wall: WALL, cpu: CPU, memory: MEMORY, disk: DISK, processes: PROCESSES }
    }
}

/// Which quota was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuotaKind {
    Cpu,
    Memory,
    Disk,
    Processes,
    /// Sandboxes of one tenant at once.
    Sandboxes,
}

impl QuotaKind {
    /// All of them, in the order in which figures show them.
    pub const ALL: [Self; 5] = [Self::Cpu, Self::Memory, Self::Disk, Self::Processes, Self::Sandboxes];

    /// For metrics and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Processes => "processes",
            Self::Sandboxes => "sandboxes",
        }
    }
}

impl fmt::Display for QuotaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

//! The folder of one process, and what others have left beside it.
//!
//! `ROOT/INSTANCE/owner` names the process; `rooms/` and `mirrors/` are beside it. Nothing else has to be remembered to clear
//! away after a process that was killed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use uuid::Uuid;

use super::error::SandboxError;
use super::spread::spread;

const OWNER: &str = "owner";

/// Looks for processes of a folder, at most: each look may find what one of the last has started before it died.
const LOOKS: usize = 5;

/// Tries to remove a folder in which a dying process may still write.
const TRIES: usize = 5;

/// The folder of this process's sandboxes, and which rooms are meant to be in it.
pub(super) struct House {
    folder: PathBuf,
    known: Mutex<HashSet<Uuid>>,
}

impl House {
    /// Makes a folder below `root`. What git of processes that are gone still runs is killed; their folders come back.
    pub(super) fn open(root: &Path) -> Result<(Self, Left), SandboxError> {
        private(root, true)?;
        let root = root.canonicalize()?;
        // A line break would end the line that names a mirror.
        if root.to_str().is_none_or(|path| path.contains('\n')) {
            return Err(SandboxError::BadInput("folder of sandboxes"));
        }
        let mut left = Left::default();
        for entry in std::fs::read_dir(&root)?.filter_map(Result::ok) {
            if !lives(&entry.path()) {
                let rooms = std::fs::read_dir(rooms(&entry.path())).map_or(0, Iterator::count);
                left.rooms = left.rooms.saturating_add(u64::try_from(rooms).unwrap_or(u64::MAX));
                kill_in(&entry.path());
                left.folders.push(entry.path());
            }
        }
        // Whole from its first moment: a folder without an owner is somebody's who is gone.
        let (id, made) = (Uuid::now_v7(), root.join(format!(".new-{}", Uuid::now_v7())));
        private(&made, false)?;
        private(&rooms(&made), false)?;
        private(&made.join("mirrors"), false)?;
        spread(&rooms(&made));
        spread(&made.join("mirrors"));
        std::fs::write(made.join(OWNER), Owner::this().to_text())?;
        let folder = root.join(id.to_string());
        std::fs::rename(&made, &folder)?;
        Ok((Self { folder, known: Mutex::default() }, left))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn mirrors(&self) -> PathBuf {
        self.folder.join("mirrors")
    }

    pub(super) fn room(&self, id: Uuid) -> PathBuf {
        rooms(&self.folder).join(id.to_string())
    }

    pub(super) fn known(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes rooms that nobody knows of; how many.
    pub(super) fn reap(&self) -> u64 {
        let Ok(found) = std::fs::read_dir(rooms(&self.folder)) else { return 0 };
        let mut reaped = 0;
        for entry in found.filter_map(Result::ok) {
            let id = entry.file_name().to_str().and_then(|name| Uuid::parse_str(name).ok());
            if !id.is_some_and(|id| self.known().contains(&id)) {
                kill_in(&entry.path());
                reaped += u64::from(remove(&entry.path()));
            }
        }
        reaped
    }

    /// Ends every process of this house and removes it.
    pub(super) fn close(&self) {
        kill_in(&self.folder);
        remove(&self.folder);
    }
}

/// What processes that are gone have left. No name of it is used again, so that it may go whenever there is time.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) rooms: u64,
    pub(super) folders: Vec<PathBuf>,
}

impl Left {
    /// Removes it where that blocks nobody.
    pub(super) fn clear(self) {
        aside(move || {
            for folder in self.folders {
                remove(&folder);
            }
        });
    }
}

fn rooms(folder: &Path) -> PathBuf {
    folder.join("rooms")
}

/// A new folder for this user only.
pub(super) fn private(folder: &Path, with_parents: bool) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(with_parents).mode(0o700).create(folder)
}

/// A process, told from another that has its number by when it started.
#[derive(Debug, PartialEq, Eq)]
struct Owner {
    pid: u32,
    /// Ticks of the kernel since it was started.
    started: u64,
    /// Which start of the kernel.
    boot: String,
}

impl Owner {
    fn this() -> Self {
        let pid = std::process::id();
        Self { pid, started: started(pid).unwrap_or(0), boot: boot() }
    }

    fn to_text(&self) -> String {
        format!("{} {} {}\n", self.pid, self.started, self.boot)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let (pid, started) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { pid, started, boot: words.next().unwrap_or_default().to_owned() })
    }

    fn lives(&self) -> bool {
        self.boot == boot() && started(self.pid) == Some(self.started)
    }
}

fn lives(folder: &Path) -> bool {
    let text = std::fs::read_to_string(folder.join(OWNER)).unwrap_or_default();
    Owner::parse(&text).is_some_and(|owner| owner.lives())
}

fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// When a process was started; nothing when there is none, or the system does not tell.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name may hold blanks and brackets: only what follows the last bracket can be counted.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Kills every process whose home is below the folder. Git's processes have their sandbox for a home, whoever is their parent.
pub(super) fn kill_in(folder: &Path) {
    let home = format!("HOME={}/", folder.display());
    let this = i32::try_from(std::process::id()).unwrap_or(0);
    for _ in 0..LOOKS {
        let Ok(all) = std::fs::read_dir("/proc") else { return };
        let mut found = false;
        for entry in all.filter_map(Result::ok) {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let is_in = environment.split(|byte| *byte == 0).any(|pair| pair.starts_with(home.as_bytes()));
            if pid != this && is_in {
                found |= kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok();
            }
        }
        if !found {
            return;
        }
    }
}

/// Removes a folder; false when it is not there or stays.
pub(super) fn remove(folder: &Path) -> bool {
    let mut last = None;
    for _ in 0..TRIES {
        match std::fs::remove_dir_all(folder) {
            Ok(()) => return true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return false,
            Err(error) => last = Some(error),
        }
    }
    let error = last.map_or_else(String::new, |error| error.to_string());
    tracing::warn!(folder = %folder.display(), %error, "a folder of sandboxes can't be removed yet");
    false
}

/// Removes a folder where that blocks nobody, then lets go of `held`.
pub(super) fn discard(folder: PathBuf, held: impl Send + 'static) {
    aside(move || {
        remove(&folder);
        drop(held);
    });
}

/// On a thread that may block; a stop does not wait for it.
fn aside(work: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => work(),
    }
}

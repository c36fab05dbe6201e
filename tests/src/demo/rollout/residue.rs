//! What a daemon holds: counted before and after, so that what is leaked shows.

use std::fmt;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::super::DemoError;

/// Files that a daemon at work may have open more than before.
const FILES_MORE: usize = 64;

/// Folders of the state folder in which git works, by process and then by task: fetches, and sandboxes.
const ROOMS: [&str; 3] = ["git", "git-shadow", "sandboxes"];

/// What a daemon holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Residue {
    /// Open file descriptors.
    pub(super) files: usize,
    pub(super) threads: usize,
    /// Names of processes that it started and that are still there.
    pub(super) children: Vec<String>,
    /// Locks that somebody has, by the store.
    pub(super) locks: i64,
    /// Leases of runs.
    pub(super) leases: i64,
    /// Second writes that are neither done nor given up.
    pub(super) writes: i64,
    /// Folders of fetches and of sandboxes.
    pub(super) rooms: usize,
    /// Markers of ways back that the store does not have.
    pub(super) markers: usize,
}

impl Residue {
    /// Counts in `/proc`, in the store (read-only) and in the state folder.
    pub(super) async fn of(pid: u32, state: &Path) -> Result<Self, DemoError> {
        let failed = |error: sqlx::Error| DemoError::Check(format!("the store can't be read: {error}"));
        let options = SqliteConnectOptions::new().filename(state.join("cutover.db")).read_only(true);
        let mut store = options.connect().await.map_err(failed)?;
        let locks = count(&mut store, "SELECT COUNT(*) FROM locks WHERE holder IS NOT NULL").await;
        let leases = count(&mut store, "SELECT COUNT(*) FROM runs WHERE lease_holder IS NOT NULL").await;
        let writes = count(&mut store, "SELECT COUNT(*) FROM second_writes WHERE ended_at IS NULL").await;
        store.close().await.map_err(failed)?;
        Ok(Self {
            files: entries(Path::new(&format!("/proc/{pid}/fd")))?.len(),
            threads: entries(Path::new(&format!("/proc/{pid}/task")))?.len(),
            children: children(pid)?,
            locks: locks.map_err(failed)?,
            leases: leases.map_err(failed)?,
            writes: writes.map_err(failed)?,
            rooms: rooms(state)?,
            markers: markers(state)?,
        })
    }

    /// What there is more of than before, in words; none: nothing was leaked.
    pub(super) fn leaked(&self, before: &Self) -> Option<String> {
        let more = [
            (!self.children.is_empty()).then(|| format!("processes {:?}", self.children)),
            (self.locks > 0).then(|| format!("{} locks", self.locks)),
            (self.leases > before.leases).then(|| format!("{} leases", self.leases)),
            (self.writes > before.writes).then(|| format!("{} second writes", self.writes)),
            (self.rooms > before.rooms).then(|| format!("{} rooms of git", self.rooms)),
            (self.markers > 0).then(|| format!("{} markers", self.markers)),
            (self.files > before.files + FILES_MORE).then(|| format!("{} open files", self.files)),
        ];
        let more: Vec<String> = more.into_iter().flatten().collect();
        (!more.is_empty()).then(|| more.join(", "))
    }
}

impl fmt::Display for Residue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, threads, children, locks, leases, writes, rooms, markers } = self;
        write!(
            f,
            "{locks} locks held, {} child processes, {rooms} sandboxes and fetches, {leases} leases, {writes} second writes open, \
             {markers} markers, {files} files, {threads} threads",
            children.len()
        )
    }
}

async fn count(store: &mut SqliteConnection, query: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(query).fetch_one(store).await
}

/// Names in a folder; none where there is no such folder.
fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, DemoError> {
    match std::fs::read_dir(folder) {
        Ok(entries) => Ok(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn rooms(state: &Path) -> Result<usize, DemoError> {
    let mut rooms = 0;
    for name in ROOMS {
        for process in entries(&state.join(name))? {
            // A room may go while it is looked at.
            rooms += if process.is_dir() { entries(&process).map_or(0, |rooms| rooms.len()) } else { 0 };
        }
    }
    Ok(rooms)
}

fn markers(state: &Path) -> Result<usize, DemoError> {
    let is_marker = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "marker");
    Ok(entries(state)?.iter().filter(|path| is_marker(path)).count())
}

/// Names of the processes that this one started and that are still there.
fn children(pid: u32) -> Result<Vec<String>, DemoError> {
    let mut names = Vec::new();
    for entry in entries(Path::new("/proc"))? {
        // `pid (name) state parent`; a process may end while it is looked at.
        let Ok(stat) = std::fs::read_to_string(entry.join("stat")) else { continue };
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        if rest.split_whitespace().nth(1) == Some(pid.to_string().as_str()) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_leaked_is_named() {
        let before = Residue { files: 40, leases: 1, writes: 2, rooms: 1, ..Residue::default() };
        assert_eq!(before.leaked(&before), None);
        let more = FILES_MORE + 1;
        for (now, named) in [
            (Residue { children: vec!["git".to_owned()], ..before.clone() }, "processes [\"git\"]"),
            (Residue { locks: 1, ..before.clone() }, "1 locks"),
            (Residue { leases: 2, ..before.clone() }, "2 leases"),
            (Residue { writes: 3, ..before.clone() }, "3 second writes"),
            (Residue { rooms: 2, ..before.clone() }, "2 rooms of git"),
            (Residue { markers: 1, ..before.clone() }, "1 markers"),
            (Residue { files: before.files + more, ..before.clone() }, "105 open files"),
        ] {
            assert_eq!(now.leaked(&before).as_deref(), Some(named));
        }
    }
}

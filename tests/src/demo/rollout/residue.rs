//! What a daemon holds: counted before and after, so that what is leaked shows.

use std::fmt;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::super::DemoError;

/// Files that a daemon at work may have open more than before.
const FILES_MORE: usize = 64;

/// Folders of the state folder in which git fetches, by process and then by task.
const FETCHES: [&str; 2] = ["git", "git-shadow"];

/// The folder of sandboxes: by process, then `rooms` and by sandbox. Mirrors beside them are kept on purpose.
const SANDBOXES: &str = "sandboxes";

/// What a daemon holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Residue {
    /// Open file descriptors.
    pub(super) files: usize,
    pub(super) threads: usize,
    /// Names of processes that it started and that are still there.
    pub(super) children: Vec<String>,
    /// Processes of git whose home is in the state folder, whoever started them: one that outlives its parent is nobody's child.
    pub(super) gits: usize,
    /// Locks that somebody has, by the store.
    pub(super) locks: i64,
    /// Leases of runs.
    pub(super) leases: i64,
    /// Second writes that are neither done nor given up.
    pub(super) writes: i64,
    /// Folders of fetches, and sandboxes.
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
            gits: gits(pid, state)?,
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
            (self.gits > 0).then(|| format!("{} processes of git", self.gits)),
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
        let Self { files, threads, children, gits, locks, leases, writes, rooms, markers } = self;
        write!(
            f,
            "{locks} locks held, {} child processes, {gits} of git, {rooms} sandboxes and fetches, {leases} leases, {writes} second writes open, \
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
    let (mut folders, mut rooms) = (Vec::new(), 0);
    for name in FETCHES {
        folders.extend(entries(&state.join(name))?);
    }
    folders.extend(entries(&state.join(SANDBOXES))?.into_iter().map(|process| process.join("rooms")));
    for folder in folders {
        // A room may go while it is looked at.
        rooms += if folder.is_dir() { entries(&folder).map_or(0, |rooms| rooms.len()) } else { 0 };
    }
    Ok(rooms)
}

/// Processes other than this one whose home lies where git works.
fn gits(pid: u32, state: &Path) -> Result<usize, DemoError> {
    let homes = FETCHES.iter().chain([&SANDBOXES]).map(|name| state.join(name));
    let homes: Vec<String> = homes.map(|folder| format!("HOME={}/", folder.display())).collect();
    let mut count = 0;
    for entry in entries(Path::new("/proc"))? {
        let own = entry.file_name().is_some_and(|name| *name == *pid.to_string());
        // Not ours, or gone meanwhile.
        let Ok(environment) = std::fs::read(entry.join("environ")) else { continue };
        let mut all = environment.split(|byte| *byte == 0);
        let is_git = all.any(|one| homes.iter().any(|home| one.starts_with(home.as_bytes())));
        count += usize::from(is_git && !own);
    }
    Ok(count)
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
            (Residue { gits: 2, ..before.clone() }, "2 processes of git"),
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

    /// The state folder as a daemon at work leaves it.
    #[test]
    fn a_sandbox_that_is_left_is_counted_and_what_is_kept_on_purpose_is_not() {
        let state = tempfile::tempdir().unwrap();
        let make = |path: &str| std::fs::create_dir_all(state.path().join(path)).unwrap();
        for path in
            ["sandboxes/one/rooms/a", "sandboxes/one/rooms/b", "sandboxes/one/mirrors/m", "git/one/task"]
        {
            make(path);
        }
        std::fs::write(state.path().join("sandboxes/one/owner"), "1 2 3").unwrap();
        assert_eq!(rooms(state.path()).unwrap(), 3);
        make("sandboxes/one/mirrors/n");
        assert_eq!(rooms(state.path()).unwrap(), 3);
        make("sandboxes/one/rooms/c");
        assert_eq!(rooms(state.path()).unwrap(), 4);
    }

    #[test]
    fn a_git_that_is_nobodys_child_any_more_is_counted_by_its_home() {
        let state = tempfile::tempdir().unwrap();
        let start =
            |home: &Path| std::process::Command::new("sleep").arg("60").env("HOME", home).spawn().unwrap();
        let room = state.path().join("sandboxes/one/rooms/a/home");
        let (mut inside, mut outside) = (start(&room), start(state.path()));
        let counted = (gits(1, state.path()), gits(inside.id(), state.path()));
        for child in [&mut inside, &mut outside] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!((counted.0.unwrap(), counted.1.unwrap()), (1, 0));
    }
}

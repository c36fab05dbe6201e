//! The migrations of the demo's fleet, and where its operator writes them.

use std::path::{Path, PathBuf};

use super::super::DemoError;
use crate::harness::Home;

/// Waves after the canary tenants.
const WAVES: &str = r#"["10%", "100%"]"#;

/// Its name, and what it holds.
pub(super) type File = (&'static str, &'static str);

/// Everybody gets a table.
pub(super) const NOTES: [File; 2] = [
    (
        "0001_notes.up.sql",
        "-- Notes of a tenant.\nCREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL);\n",
    ),
    ("0001_notes.down.sql", "DROP TABLE notes;\n"),
];

/// What some tenants' rows do not allow.
pub(super) const UNIQUE: [File; 2] = [
    ("0002_unique_titles.up.sql", "-- No title twice.\nCREATE UNIQUE INDEX notes_title ON notes (title);\n"),
    ("0002_unique_titles.down.sql", "DROP INDEX IF EXISTS notes_title;\n"),
];

/// The mend that everybody tries first: the file itself is changed.
pub(super) const IN_PLACE: File = (
    "0002_unique_titles.up.sql",
    "-- No title twice.\nUPDATE notes SET title = title || ' (' || id || ')';\nCREATE UNIQUE INDEX notes_title ON notes (title);\n",
);

/// The mend that holds: whoever has the index keeps it, the others get it once their doubles are told apart.
pub(super) const REPLACES: [File; 2] = [
    (
        "0003_unique_titles_again.up.sql",
        "-- No title twice: doubles are told apart by their number.\n\
         -- replaces: 0002_unique_titles\n\
         -- verify: SELECT count(*) = 0\n\
         --   FROM (SELECT 1 FROM notes GROUP BY title HAVING count(*) > 1) AS doubles\n\
         UPDATE notes SET title = title || ' (' || id || ')'\n\
         WHERE EXISTS (SELECT 1 FROM notes AS first WHERE first.title = notes.title AND first.id < notes.id);\n\
         CREATE UNIQUE INDEX IF NOT EXISTS notes_title ON notes (title);\n",
    ),
    ("0003_unique_titles_again.down.sql", "DROP INDEX IF EXISTS notes_title;\n"),
];

/// The folder that the daemon reads.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes it in a home, and tells the daemon of it, which is not there yet.
    pub(super) fn configure(home: &Home, canary: &[&str]) -> Result<Self, DemoError> {
        let folder = Self(home.dir().join("migrations"));
        std::fs::create_dir_all(&folder.0)?;
        let text = std::fs::read_to_string(home.config())?;
        let more = format!("\n[fleet]\nfolder = {:?}\ncanary = {canary:?}\nwaves = {WAVES}\n", folder.0);
        home.write("cutover.toml", (text + &more).as_bytes())?;
        Ok(folder)
    }

    pub(super) fn write(&self, files: &[File]) -> Result<(), DemoError> {
        for (name, text) in files {
            std::fs::write(self.0.join(name), text)?;
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

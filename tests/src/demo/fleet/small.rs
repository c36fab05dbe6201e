//! A small fleet beside the mapping, so that the console has one to show.

use std::collections::BTreeSet;

use super::super::DemoError;
use super::super::stage::Stage;
use super::migrations::{Folder, NOTES, UNIQUE};
use super::tenants;

/// The most tenants that get a database.
const MOST: usize = 40;

/// The first of them are the canary tenants.
const CANARY: usize = 2;

/// Tenants of the application, each with a SQLite file. The daemon is not there yet.
pub(in super::super) async fn plant(stage: &Stage) -> Result<Fleet, DemoError> {
    let names: BTreeSet<String> = stage.catalog.rows.iter().map(|row| row.tenant_id.clone()).collect();
    let names: Vec<String> = names.into_iter().take(MOST).collect();
    let dir = stage.home.dir().join("tenants");
    std::fs::create_dir_all(&dir)?;
    let canary: Vec<&str> = names.iter().take(CANARY).map(String::as_str).collect();
    let folder = Folder::configure(&stage.home, &canary)?;
    folder.write(&NOTES)?;
    folder.write(&UNIQUE)?;
    let tenants = tenants::make(names, &dir, None, 0).await?;
    let file = stage.home.write("tenants.csv", tenants::csv(&tenants).as_bytes())?;
    Ok(Fleet { tenants: tenants.len(), file: file.display().to_string() })
}

/// What was planted.
pub(in super::super) struct Fleet {
    pub(in super::super) tenants: usize,
    file: String,
}

impl Fleet {
    /// Tells the daemon of it.
    pub(in super::super) async fn add(&self, stage: &Stage) -> Result<(), DemoError> {
        stage.cli.json(&[0], &["fleet", "instance", "add", "--file", &self.file]).await?;
        Ok(())
    }
}

//! The embedded catalog's import, and that of sandboxes' records. Parts of an upload are sealed as they arrive; the commit checks the whole file and
//! takes it, or refuses it with every bad row. A daemon that dies while it takes one goes on at the next start.

use std::collections::HashMap;
use std::sync::Arc;

use cutover_shared::catalog::{BadRow, CatalogFormat, CatalogReceipt, Contents, ImportReceipt};
use cutover_shared::ids::LinkKey;
use cutover_shared::sandbox_record::SandboxRecord;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

mod sandbox;

use super::parse::{ParseError, ParsedLink, parse};
use crate::audit::Who;
use crate::clock::Clock;
use crate::mapping::ask::token_owner;
use crate::mapping::link::row_of;
use crate::seal::{Seal, SealError};
use crate::store::{CatalogOp, Db, Lane, LinkRow, ReadError, UNIT_ROWS, Unit, UploadRow, WriteError};

/// Bytes of one upload at most; a hundred thousand projects are about 20 MB.
pub const UPLOAD_MOST: i64 = 128 * 1024 * 1024;

/// Bytes of one part at most.
pub const PART_MOST: usize = 2 * 1024 * 1024;

/// Bad rows that one answer lists; the count is always of all.
const LISTED: usize = 1_000;

/// Open uploads that wait at once.
const OPEN_MOST: usize = 16;

/// An upload that was not committed for so long is dropped.
const ABANDONED_MS: i64 = 60 * 60 * 1000;

/// Why an upload was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("there is no open upload {0}")]
    NoUpload(String),
    #[error("part {part} comes out of turn; part {expected} is next")]
    OutOfTurn { part: u64, expected: i64 },
    #[error("the upload is larger than {UPLOAD_MOST} bytes")]
    TooLarge,
    #[error("a part is larger than {PART_MOST} bytes")]
    PartTooLarge,
    #[error("{OPEN_MOST} uploads are open already")]
    TooMany,
    #[error("a sealed value can't be made or opened: {0}")]
    Seal(#[from] SealError),
    #[error("the file could not be read over: {0}")]
    Worker(String),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Takes uploads.
#[derive(Clone)]
pub struct Importer {
    db: Db,
    seal: Arc<Seal>,
    clock: Clock,
}

/// A file that was checked as a whole.
struct Checked<T> {
    rows: Vec<T>,
    bad: Vec<BadRow>,
    bad_count: u64,
    /// A mistake that `--skip-bad` can't leave out.
    broken: bool,
}

impl<T> Checked<T> {
    fn of(rows: impl Iterator<Item = Result<T, ParseError>>) -> Self {
        let mut checked = Self { rows: Vec::new(), bad: Vec::new(), bad_count: 0, broken: false };
        for row in rows {
            match row {
                Ok(row) => checked.rows.push(row),
                Err(error) => {
                    checked.broken |= matches!(error, ParseError::File(_));
                    checked.bad_count += error.bad().len() as u64;
                    let room = LISTED.saturating_sub(checked.bad.len());
                    checked.bad.extend(error.bad().iter().take(room).cloned());
                }
            }
        }
        checked
    }

    /// Why nothing of it is taken.
    fn refused(&mut self, skip_bad: bool) -> Option<CatalogReceipt> {
        let refuse = self.broken || (self.bad_count > 0 && !skip_bad);
        refuse.then(|| CatalogReceipt::Refused {
            bad: std::mem::take(&mut self.bad),
            bad_count: self.bad_count,
        })
    }
}

/// What a checked file holds.
enum Taken {
    Links(Checked<ParsedLink>),
    Sandboxes(Checked<SandboxRecord>),
}

/// The word of an upload in the store.
fn word(of: Contents, format: CatalogFormat) -> &'static str {
    match (of, format) {
        (Contents::Links, CatalogFormat::Csv) => "csv",
        (Contents::Links, CatalogFormat::JsonLines) => "json_lines",
        (Contents::SandboxRecords, CatalogFormat::Csv) => "sandbox_records_csv",
        (Contents::SandboxRecords, CatalogFormat::JsonLines) => "sandbox_records_json_lines",
    }
}

/// What a stored upload is; none for a word of another version.
fn form(stored: &str) -> Option<(Contents, CatalogFormat)> {
    [Contents::Links, Contents::SandboxRecords]
        .into_iter()
        .flat_map(|of| [CatalogFormat::Csv, CatalogFormat::JsonLines].map(|format| (of, format)))
        .find(|(of, format)| word(*of, *format) == stored)
}

impl Importer {
    /// Over a store and a seal.
    pub fn new(db: Db, seal: Arc<Seal>, clock: Clock) -> Self {
        Self { db, seal, clock }
    }

    /// Opens an upload.
    pub async fn begin(
        &self,
        format: CatalogFormat,
        of: Contents,
        who: &Who,
    ) -> Result<CatalogReceipt, ImportError> {
        let at = self.clock.now();
        let mut open = 0;
        for upload in self.db.uploads().await? {
            if upload.state == "open" && upload.at < at - ABANDONED_MS {
                let close = CatalogOp::Close { upload: upload.id };
                self.db.write(Lane::Handler, Unit::new().with(close)).await?;
            } else {
                open += 1;
            }
        }
        if open >= OPEN_MOST {
            return Err(ImportError::TooMany);
        }
        let upload = uuid::Uuid::now_v7().to_string();
        let op = CatalogOp::Open {
            upload: upload.clone(),
            at,
            operator: who.operator.0.clone(),
            format: word(of, format).to_owned(),
        };
        self.db.write(Lane::Handler, Unit::new().with(op)).await?;
        Ok(CatalogReceipt::Opened { upload })
    }

    /// Adds a part. A part that is there already is not taken twice.
    pub async fn chunk(&self, id: &str, part: u64, text: &str) -> Result<CatalogReceipt, ImportError> {
        let upload = self.open_upload(id).await?;
        if text.len() > PART_MOST {
            return Err(ImportError::PartTooLarge);
        }
        let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
        let number = i64::try_from(part).unwrap_or(i64::MAX);
        if number < upload.parts {
            return Ok(CatalogReceipt::Taken { parts: u64::try_from(upload.parts).unwrap_or(0) });
        }
        if number > upload.parts {
            return Err(ImportError::OutOfTurn { part, expected: upload.parts });
        }
        if upload.bytes.saturating_add(bytes) > UPLOAD_MOST {
            return Err(ImportError::TooLarge);
        }
        let sealed = self.seal.seal(&part_owner(id, number), text.as_bytes())?;
        let op = CatalogOp::Part { upload: id.to_owned(), part: number, bytes, sealed };
        self.db.write(Lane::Handler, Unit::new().with(op)).await?;
        Ok(CatalogReceipt::Taken { parts: part + 1 })
    }

    /// Checks the whole and takes it, or refuses it with every bad row.
    pub async fn commit(&self, id: &str, skip_bad: bool, who: &Who) -> Result<CatalogReceipt, ImportError> {
        let upload = self.open_upload(id).await?;
        let mut checked = self.check(&upload).await?;
        let refused = match &mut checked {
            Taken::Links(checked) => checked.refused(skip_bad),
            Taken::Sandboxes(checked) => checked.refused(skip_bad),
        };
        if let Some(refused) = refused {
            self.db
                .write(Lane::Handler, Unit::new().with(CatalogOp::Close { upload: id.to_owned() }))
                .await?;
            return Ok(refused);
        }
        let taking = CatalogOp::Taking { upload: id.to_owned(), skip_bad };
        self.db.write(Lane::Handler, Unit::new().with(taking)).await?;
        self.take(&upload, checked, who).await
    }

    /// Goes on with imports that a crash interrupted.
    pub async fn resume(&self) -> Result<(), ImportError> {
        for upload in self.db.uploads().await? {
            if upload.state == "taking" {
                tracing::info!(upload = upload.id, "going on with an import");
                let checked = self.check(&upload).await?;
                let who = Who { operator: upload.operator.as_str().into(), origin: "resumed".to_owned() };
                self.take(&upload, checked, &who).await?;
            }
        }
        Ok(())
    }

    async fn open_upload(&self, id: &str) -> Result<UploadRow, ImportError> {
        let upload = self.db.upload(id).await?.filter(|upload| upload.state == "open");
        upload.ok_or_else(|| ImportError::NoUpload(id.chars().take(64).collect()))
    }

    async fn check(&self, upload: &UploadRow) -> Result<Taken, ImportError> {
        let mut plain = Vec::with_capacity(usize::try_from(upload.bytes).unwrap_or(0));
        for part in 0..upload.parts {
            let sealed = self.db.upload_part(&upload.id, part).await?.unwrap_or_default();
            plain.extend(self.seal.open(&part_owner(&upload.id, part), &sealed)?);
        }
        let Some((of, format)) = form(&upload.format) else {
            return Err(ImportError::Worker(format!("an upload of an unknown form, {}", upload.format)));
        };
        // A large file takes a second of one core: not on a thread that others wait for.
        let checked = tokio::task::spawn_blocking(move || match of {
            Contents::Links => Taken::Links(Checked::of(parse(format, plain.as_slice()))),
            Contents::SandboxRecords => Taken::Sandboxes(sandbox::check(format, &plain)),
        });
        checked.await.map_err(|error| ImportError::Worker(error.to_string()))
    }

    async fn take(
        &self,
        upload: &UploadRow,
        checked: Taken,
        who: &Who,
    ) -> Result<CatalogReceipt, ImportError> {
        Ok(match checked {
            Taken::Links(checked) => {
                CatalogReceipt::Imported(Box::new(self.take_links(upload, checked, who).await?))
            }
            Taken::Sandboxes(checked) => self.take_sandboxes(upload, checked, who).await?,
        })
    }

    async fn take_links(
        &self,
        upload: &UploadRow,
        checked: Checked<ParsedLink>,
        who: &Who,
    ) -> Result<ImportReceipt, ImportError> {
        let (mut added, mut changed, mut unchanged) = (0_u64, 0_u64, 0_u64);
        for chunk in checked.rows.chunks(UNIT_ROWS) {
            let (rows, tokens) = self.rows(chunk)?;
            let keys: Vec<LinkKey> = rows.iter().map(|row| row.key.clone()).collect();
            let known: HashMap<LinkKey, String> = self
                .db
                .links_by_key(&keys)
                .await?
                .into_iter()
                .map(|row| (row.key, row.fingerprint))
                .collect();
            let news: Vec<LinkRow> = rows
                .into_iter()
                .filter(|row| match known.get(&row.key) {
                    None => {
                        added += 1;
                        true
                    }
                    Some(before) if *before == row.fingerprint => {
                        unchanged += 1;
                        false
                    }
                    Some(_) => {
                        changed += 1;
                        true
                    }
                })
                .collect();
            let at = self.clock.now();
            let mut unit = Unit::new().with(CatalogOp::PutTokens { rows: tokens, at });
            if !news.is_empty() {
                // With each: whoever looks between two units must see that there is more after the second.
                unit = unit
                    .with(CatalogOp::Bump { at, by: who.operator.0.clone() })
                    .with(CatalogOp::PutLinks { rows: news });
            }
            self.db.write(Lane::Run, unit).await?;
        }
        let at = self.clock.now();
        let detail = json!({
            "added": added, "changed": changed, "unchanged": unchanged, "skipped": checked.bad_count,
        });
        let unit = Unit::new().with(CatalogOp::Close { upload: upload.id.clone() }).with(who.did(
            at,
            "catalog.import",
            upload.id.as_str(),
            detail,
        ));
        self.db.write(Lane::Handler, unit).await?;
        let (tenants, projects, repositories) = self.db.catalog_counts().await?;
        Ok(ImportReceipt {
            added,
            changed,
            unchanged,
            skipped_count: checked.bad_count,
            skipped: checked.bad,
            tenants,
            projects,
            repositories,
            revision: self.db.catalog_revision().await?,
        })
    }

    /// Rows with fingerprints of their tokens, and the sealed tokens.
    fn rows(&self, chunk: &[ParsedLink]) -> Result<(Vec<LinkRow>, Vec<SealedToken>), SealError> {
        let (mut rows, mut tokens) = (Vec::with_capacity(chunk.len()), HashMap::new());
        for parsed in chunk {
            let mut link = parsed.link.clone();
            if let Some(token) = &parsed.token {
                let (fingerprint, sealed) = seal_token(&self.seal, token)?;
                link.token = Some(fingerprint.clone());
                tokens.insert(fingerprint, sealed);
            }
            rows.push(row_of(link, None));
        }
        Ok((rows, tokens.into_iter().collect()))
    }
}

/// The fingerprint of a user token, and its envelope.
pub(crate) type SealedToken = (String, String);

/// Seals a user token for its own fingerprint.
pub(crate) fn seal_token(seal: &Seal, token: &SecretString) -> Result<SealedToken, SealError> {
    let fingerprint = seal.fingerprint(token);
    let sealed = seal.seal(&token_owner(&fingerprint), token.expose_secret().as_bytes())?;
    Ok((fingerprint, sealed))
}

fn part_owner(upload: &str, part: i64) -> String {
    format!("upload:{upload}:{part}")
}

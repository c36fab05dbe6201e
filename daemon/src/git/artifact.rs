//! What was fetched, kept for a while so that it can be taken away.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Fetched;
use super::error::GitError;
use crate::clock::{Clock, Millis};

/// Ending of an artifact's file: a tar archive, compressed by zstd.
const ENDING: &str = "tar.zst";

/// How often artifacts that are over are looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// Names one artifact; can't be guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactId(String);

impl ArtifactId {
    /// From text; nothing when it has another form, so that it can't name another file.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, rest) = text.split_once('-')?;
        let fits = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit())
        };
        (fits(at, 15) && rest.len() == 32 && fits(rest, 32)).then(|| Self(text.to_ascii_lowercase()))
    }

    fn new(now: Millis) -> Self {
        Self(format!("{:x}-{:032x}", now.max(0), rand::random::<u128>()))
    }

    /// When it was made.
    fn made(&self) -> Millis {
        self.0.split_once('-').and_then(|(at, _)| Millis::from_str_radix(at, 16).ok()).unwrap_or(0)
    }

    /// As in addresses.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An artifact that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    pub id: ArtifactId,
    /// Milliseconds since the epoch, UTC.
    pub expires_at: Millis,
}

/// The folder of artifacts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Artifacts {
    folder: PathBuf,
    keep: Duration,
    /// Bytes of all of them; the oldest go first.
    most: u64,
    clock: Clock,
}

impl Artifacts {
    /// Makes the folder; what is in it stays until it is over.
    ///
    /// # Errors
    /// [`GitError::Disk`].
    pub fn new(folder: PathBuf, keep: Duration, most: u64, clock: Clock) -> Result<Self, GitError> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder, keep, most, clock })
    }

    /// Takes the archive of a fetch.
    ///
    /// # Errors
    /// [`GitError::Disk`].
    pub fn keep(&self, fetched: &Fetched) -> Result<Artifact, GitError> {
        let now = self.clock.now();
        let id = ArtifactId::new(now);
        std::fs::rename(fetched.scratch.archive(), self.path(&id))?;
        self.drop_old();
        Ok(Artifact { expires_at: self.expires(&id), id })
    }

    /// Where the artifact is, while it is kept.
    pub fn find(&self, id: &ArtifactId) -> Option<PathBuf> {
        let path = self.path(id);
        (self.expires(id) > self.clock.now() && path.is_file()).then_some(path)
    }

    fn path(&self, id: &ArtifactId) -> PathBuf {
        self.folder.join(format!("{}.{ENDING}", id.0))
    }

    fn expires(&self, id: &ArtifactId) -> Millis {
        id.made().saturating_add(Millis::try_from(self.keep.as_millis()).unwrap_or(Millis::MAX))
    }

    /// Removes what is over, for ever.
    pub async fn sweep(self) {
        loop {
            self.drop_old();
            self.clock.sleep(SWEEP).await;
        }
    }

    /// Removes what is over, and the oldest while all together are too large. The newest always stays.
    fn drop_old(&self) {
        let Ok(files) = std::fs::read_dir(&self.folder) else { return };
        let now = self.clock.now();
        let mut kept: Vec<(Millis, PathBuf, u64)> = Vec::new();
        for file in files.filter_map(Result::ok) {
            let path = file.path();
            let Some(id) = id_of(&path) else { continue };
            if self.expires(&id) <= now {
                let _ = std::fs::remove_file(&path);
            } else {
                kept.push((id.made(), path, file.metadata().map_or(0, |file| file.len())));
            }
        }
        kept.sort_unstable_by(|a, b| b.cmp(a));
        let mut sum = 0_u64;
        for (place, (_, path, size)) in kept.iter().enumerate() {
            sum = sum.saturating_add(*size);
            if sum > self.most && place > 0 {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

fn id_of(path: &Path) -> Option<ArtifactId> {
    ArtifactId::parse(path.file_name()?.to_str()?.strip_suffix(ENDING)?.strip_suffix('.')?)
}

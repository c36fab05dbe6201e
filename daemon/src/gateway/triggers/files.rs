//! The files that a pull request changes, asked at GitHub when a rule needs them and nothing else has decided.

use async_trait::async_trait;

use crate::github::{GitHub, GitHubError, MintError, Traffic};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub paths: Vec<String>,
    /// Why these are not all; none when they are.
    pub lacks: Option<String>,
}

/// They could not be had now; the next try may help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pull request's files could not be read: {0}")]
pub struct FilesError(pub String);

/// Where files of pull requests are listed.
#[async_trait]
pub trait Files: Send + Sync {
    /// # Errors
    /// [`FilesError`]: for now. What will never be known is a listing that lacks.
    async fn of(&self, installation: i64, repository: &str, number: i64) -> Result<Listing, FilesError>;
}

/// GitHub's list.
pub struct GitHubFiles(pub GitHub);

#[async_trait]
impl Files for GitHubFiles {
    async fn of(&self, installation: i64, repository: &str, number: i64) -> Result<Listing, FilesError> {
        match self.0.reader(Traffic::Live).pull_request_files(installation, repository, number).await {
            Ok(Some(files)) => {
                let lacks =
                    (!files.complete).then(|| format!("unknown: more than {} files", files.paths.len()));
                Ok(Listing { paths: files.paths, lacks })
            }
            Ok(None) => Ok(lacking("GitHub does not show the pull request")),
            Err(error) if is_final(&error) => Ok(lacking(&error.to_string())),
            Err(error) => Err(FilesError(error.to_string())),
        }
    }
}

fn lacking(why: &str) -> Listing {
    Listing { paths: Vec::new(), lacks: Some(format!("unknown: {why}")) }
}

/// GitHub has said no, and will say so again: a permission is missing, the installation is gone.
fn is_final(error: &GitHubError) -> bool {
    matches!(
        error,
        GitHubError::Refused { .. }
            | GitHubError::BadInput { .. }
            | GitHubError::Mint(MintError::Suspended | MintError::Gone | MintError::Scope { .. })
    )
}

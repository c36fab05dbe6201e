//! The columns of a catalog file and what to say of a name that is none of them.

/// A column of the catalog file, by the name that the issue gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    ProjectId,
    TenantId,
    RepoFullName,
    RepoId,
    OwnerId,
    OwnerLogin,
    GithubAccessToken,
    ImportedCommitSha,
    ImportedTreeSha,
    ImportedAt,
    ImportMethod,
}

impl Column {
    /// Every column.
    pub const ALL: [Self; 11] = [
        Self::ProjectId,
        Self::TenantId,
        Self::RepoFullName,
        Self::RepoId,
        Self::OwnerId,
        Self::OwnerLogin,
        Self::GithubAccessToken,
        Self::ImportedCommitSha,
        Self::ImportedTreeSha,
        Self::ImportedAt,
        Self::ImportMethod,
    ];

    /// Those without which a row says nothing.
    pub const NEEDED: [Self; 3] = [Self::ProjectId, Self::TenantId, Self::RepoFullName];

    /// The name in the header, and of the JSON field.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProjectId => "projectId",
            Self::TenantId => "tenantId",
            Self::RepoFullName => "repoFullName",
            Self::RepoId => "repoId",
            Self::OwnerId => "ownerId",
            Self::OwnerLogin => "ownerLogin",
            Self::GithubAccessToken => "githubAccessToken",
            Self::ImportedCommitSha => "importedCommitSha",
            Self::ImportedTreeSha => "importedTreeSha",
            Self::ImportedAt => "importedAt",
            Self::ImportMethod => "importMethod",
        }
    }

    /// Its place in [`Column::ALL`].
    pub(super) fn position(self) -> usize {
        self as usize
    }

    /// The column with exactly this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// The column that somebody who wrote `name` probably meant.
    pub fn near(name: &str) -> Option<Self> {
        if name.len() > 40 {
            return None;
        }
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        let distance = |column: &Self| edits(&plain, &column.name().to_ascii_lowercase());
        Self::ALL.into_iter().min_by_key(distance).filter(|column| distance(column) <= 2)
    }

    /// `projectId, tenantId and repoFullName`.
    pub(super) fn needed_names() -> String {
        let [first, second, third] = Self::NEEDED.map(Self::name);
        format!("{first}, {second} and {third}")
    }

    /// JSON may hold a number here: ids and times, of the application too.
    pub(super) fn takes_number(self) -> bool {
        matches!(self, Self::ProjectId | Self::TenantId | Self::RepoId | Self::OwnerId | Self::ImportedAt)
    }

    /// What a JSON value of another type is told.
    pub(super) fn expected(self) -> &'static str {
        if self.takes_number() { "must be a string or a whole number" } else { "must be a string" }
    }
}

/// A foreign column's name, if it looks like a name; else its number: a token may stand where a name should.
pub(super) fn shown(name: &str, at: usize) -> String {
    let like_a_name = !name.is_empty()
        && name.len() <= 30
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-. ".contains(c));
    if like_a_name { name.to_owned() } else { format!("column {}", at + 1) }
}

/// What is wrong with a name that is no column's, and the mend.
pub(super) fn unknown(name: &str) -> String {
    match Column::near(name) {
        Some(near) => format!("no such column: write {}", near.name()),
        None => format!(
            "no such column: leave it out, or write one of {}",
            Column::ALL.map(Column::name).join(", ")
        ),
    }
}

/// Levenshtein's distance. Both texts are at most 40 bytes.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

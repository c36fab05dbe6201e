//! What may be named as branch, tag or commit.

use super::ImportError;

/// Letters of a branch, tag or commit.
const LONGEST_REF: usize = 255;

/// Branch, tag or commit. What git would take for an option or a pattern is refused before anything is asked.
pub(super) fn checked_ref(text: &str) -> Result<&str, ImportError> {
    let bad = text.is_empty()
        || text.len() > LONGEST_REF
        || text.starts_with(['-', '/', '.'])
        || text.ends_with(['/', '.'])
        || text.contains("..")
        || text.contains("//")
        || text.chars().any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\@{".contains(c));
    if bad { Err(ImportError::BadRequest("ref is no branch, tag or commit".to_owned())) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_that_git_could_take_otherwise_are_refused() {
        for good in ["main", "feature/x", "v1.2.3", "0123abc", "refs/tags/v1", "ümlaut"] {
            assert!(checked_ref(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-x",
            "--upload-pack=id",
            "a..b",
            "a b",
            "a\nb",
            "a:b",
            "a^",
            "a~1",
            "HEAD@{1}",
            "/a",
            "a/",
            "*",
        ] {
            assert!(checked_ref(bad).is_err(), "{bad}");
        }
        assert!(checked_ref(&"x".repeat(256)).is_err());
    }
}

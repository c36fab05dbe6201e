//! Pages, as GitHub links them: the next address comes from the `Link` header and is never built.

use http::Uri;

use super::error::GitHubError;
use super::settings::Base;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf<T> {
    /// The rows, in GitHub's order.
    pub rows: Vec<T>,
    /// Hand it back for the next page; it may be stored. `None` at the end.
    pub next: Option<String>,
    /// Rows of the whole list when this page was made, where GitHub says. Pages are counted from the list's start,
    /// so a total that differs between two pages means that a row may have slipped past.
    pub total: Option<u64>,
}

/// Pages that one walk reads at most: 100,000 rows.
pub(crate) const MOST_PAGES: usize = 1000;

/// The address of `rel="next"`.
pub(crate) fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some(start) = rest.find('<') {
        let (target, after) = rest[start + 1..].split_once('>')?;
        // Parameters end where the next link begins.
        let (parameters, following) = match after.find('<') {
            Some(end) => after.split_at(end),
            None => (after, ""),
        };
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else {
                return false;
            };
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split_ascii_whitespace()
                    .any(|relation| relation.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        rest = following;
    }
    None
}

/// The address of a stored or received cursor, if credentials may go there.
///
/// # Errors
/// [`GitHubError::BadInput`] when it is no address, [`GitHubError::ForeignHost`] when it leads elsewhere.
pub(crate) fn cursor_uri(api: &Base, cursor: &str) -> Result<Uri, GitHubError> {
    let uri = api.resolve(cursor).ok_or(GitHubError::BadInput { what: "cursor" })?;
    if api.owns(&uri) { Ok(uri) } else { Err(GitHubError::ForeignHost) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn next_is_found_wherever_it_stands() {
        let next = "https://h/installations?page=3&per_page=100";
        for header in [
            format!("<https://h/x?page=1>; rel=\"prev\", <{next}>; rel=\"next\""),
            format!("<{next}>; rel=\"next\", <https://h/x?page=9>; rel=\"last\""),
            format!("<{next}>;rel=next"),
            format!("<{next}>; title=\"a\"; rel=\"last next\""),
        ] {
            assert_eq!(next_link(&header), Some(next), "{header}");
        }
        for header in ["", "<https://h/x>; rel=\"last\"", "<broken; rel=\"next\""] {
            assert_eq!(next_link(header), None, "{header}");
        }
    }

    #[test]
    fn a_cursor_to_another_host_is_refused() {
        let api = Base::parse("api_base", "https://ghe.example/api/v3").unwrap();
        assert!(cursor_uri(&api, "https://ghe.example/api/v3/installations?page=2").is_ok());
        assert_eq!(
            cursor_uri(&api, "https://evil.example/api/v3/installations?page=2"),
            Err(GitHubError::ForeignHost)
        );
    }

    proptest! {
        #[test]
        fn no_header_panics(header in ".{0,200}") {
            let _ = next_link(&header);
        }
    }
}

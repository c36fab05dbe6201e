//! Where a probe calls for one repository. Only path and query may depend on it: a credential is meant for one host.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All that could end a path segment or a value of a query, and more.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Puts the values, escaped, in the place of `{name}`. None: a value is `.` or `..`, which would be taken for a way up however
/// it is written.
pub fn address(template: &str, values: &[(&str, &str)]) -> Option<String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    // One pass, so that a value that looks like a placeholder stays a value.
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let found = values
            .iter()
            .find_map(|(name, value)| Some((*value, after.strip_prefix(name)?.strip_prefix('}')?)));
        rest = match found {
            Some((".." | ".", _)) => return None,
            Some((value, after)) => {
                out.extend(utf8_percent_encode(value, ESCAPED));
                after
            }
            None => {
                out.push('{');
                after
            }
        };
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_never_read_again() {
        let put = |project: &str| {
            address(
                "https://a.example/p/{project}/d?r={repository}",
                &[("project", project), ("repository", "acme/web")],
            )
        };
        assert_eq!(put("p-1").as_deref(), Some("https://a.example/p/p-1/d?r=acme%2Fweb"));
        assert_eq!(
            put("{repository}").as_deref(),
            Some("https://a.example/p/%7Brepository%7D/d?r=acme%2Fweb")
        );
        assert_eq!(put("a/../?x#y").as_deref(), Some("https://a.example/p/a%2F..%2F%3Fx%23y/d?r=acme%2Fweb"));
        assert_eq!(put(".."), None);
        assert_eq!(address("https://a.example/{b", &[("b", "c")]).as_deref(), Some("https://a.example/{b"));
    }
}

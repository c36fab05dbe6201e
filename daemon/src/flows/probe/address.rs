//! Where a probe calls for one repository, and what it sends. Only path, query and the texts of a body may depend on it: a
//! credential is meant for one host.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All that could end a path segment or a value of a query, and more.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Puts the values, escaped, in the place of `{name}`. None: a value is `.` or `..`, which would be taken for a way up however
/// it is written.
pub fn address(template: &str, values: &[(&str, &str)]) -> Option<String> {
    fill(template, values, |value| match value {
        ".." | "." => None,
        value => Some(utf8_percent_encode(value, ESCAPED).to_string()),
    })
}

/// Puts the values in the place of `{name}` in the texts of a JSON template, whatever they hold. None for no value that JSON could
/// not hold.
pub fn body(template: &str, values: &[(&str, &str)]) -> Option<String> {
    fill(template, values, |value| {
        let quoted = serde_json::to_string(value).ok()?;
        Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
    })
}

fn fill(template: &str, values: &[(&str, &str)], escape: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    // One pass, so that a value that looks like a placeholder stays a value.
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let found = values
            .iter()
            .find_map(|(name, value)| Some((*value, after.strip_prefix(name)?.strip_prefix('}')?)));
        rest = match found {
            Some((value, after)) => {
                out.push_str(&escape(value)?);
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
        let quote = r#"a"}, {repository} \ and ..""#;
        let filled = body(
            r#"{"p":"{project}","r":["{repository}"],"q":"{ x }"}"#,
            &[("project", quote), ("repository", "..")],
        );
        let json: serde_json::Value = serde_json::from_str(&filled.unwrap()).unwrap();
        assert_eq!(json, serde_json::json!({ "p": quote, "r": [".."], "q": "{ x }" }));
        assert_eq!(address("https://a.example/{b", &[("b", "c")]).as_deref(), Some("https://a.example/{b"));
    }
}

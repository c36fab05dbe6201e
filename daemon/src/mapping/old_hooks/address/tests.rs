//! No other application's webhook is ever taken.

use proptest::prelude::*;

use super::*;

fn covers(prefix: &str, url: &str) -> bool {
    OldAddress::parse(prefix).unwrap().covers(url)
}

#[test]
fn scheme_host_port_and_whole_segments_decide() {
    let prefix = "https://app.example.com/api/github";
    for url in [
        prefix,
        "https://app.example.com/api/github/",
        "https://app.example.com/api/github/webhook?tenant=1",
        "https://APP.example.com:443/api/github/webhook#x",
    ] {
        assert!(covers(prefix, url), "{url}");
    }
    for url in [
        "http://app.example.com/api/github",
        "https://app.example.com/api/githubs",
        "https://app.example.com/api",
        "https://app.example.com/API/github",
        "https://app.example.com:8443/api/github",
        "https://app.example.com.evil.example/api/github",
        "https://app.example.com@evil.example/api/github",
        "https://evil.example/https://app.example.com/api/github",
        "https://app.example.com/api/github/../other",
        "https://app.example.com/api/github/%2E%2e/other",
        "ftp://app.example.com/api/github",
        "app.example.com/api/github",
        "",
    ] {
        assert!(!covers(prefix, url), "{url}");
    }
    assert!(covers("https://old.example/", "https://old.example/any/where"));
    assert!(covers("https://old.example:8443", "https://old.example:8443"));
    assert!(
        OldAddress::parse("old.example").is_none() && OldAddress::parse("https://u@old.example").is_none()
    );
}

proptest! {
    #[test]
    fn another_host_is_never_covered(host in "[a-z0-9.@:/\\\\-]{1,30}", path in "[ -~]{0,30}", text in ".{0,60}") {
        let prefix = OldAddress::parse("https://app.example.com/hook").unwrap();
        let urls = [
            format!("https://{host}/hook{path}"),
            format!("https://{host}app.example.com/hook{path}"),
            format!("https://app.example.com/hook{path}"),
            text,
        ];
        for url in urls {
            if prefix.covers(&url) {
                let read = url::Url::parse(&url).unwrap();
                prop_assert_eq!(read.host_str(), Some("app.example.com"), "{}", url);
                prop_assert_eq!(read.port_or_known_default(), Some(443));
                prop_assert!(read.path() == "/hook" || read.path().starts_with("/hook/"), "{}", url);
            }
        }
    }
}

use super::*;

fn base(text: &str) -> Base {
    Base::parse("api_base", text).unwrap()
}

#[test]
fn host_ids_and_web_addresses_of_every_kind_of_host() {
    for (api, host, web) in [
        ("https://api.github.com", "github.com", "https://github.com"),
        ("https://api.github.com/", "github.com", "https://github.com"),
        ("https://GHE.example/api/v3", "ghe.example", "https://GHE.example"),
        ("https://ghe.example:8443/api/v3/", "ghe.example:8443", "https://ghe.example:8443"),
        ("http://127.0.0.1:4010", "127.0.0.1:4010", "http://127.0.0.1:4010"),
    ] {
        assert_eq!(base(api).host_id(), host);
        assert_eq!(base(api).web(), web);
    }
}

#[test]
fn a_base_that_is_no_plain_address_is_refused() {
    for text in ["", "api.github.com", "ftp://x", "https://u:p@x", "https://x/?a=b", "https://"] {
        assert!(Base::parse("api_base", text).is_err(), "{text}");
    }
}

#[test]
fn only_addresses_below_the_base_get_credentials() {
    let ghe = base("https://ghe.example/api/v3");
    let owns = |text: &str| ghe.owns(&text.parse().unwrap());
    assert!(owns("https://ghe.example/api/v3/installations?page=2"));
    assert!(owns("https://GHE.example:443/api/v3/installations"));
    for other in [
        "https://ghe.example/api/v30/x",
        "https://ghe.example/other",
        "https://ghe.example/api/v3/../../other",
        "http://ghe.example/api/v3/x",
        "https://ghe.example:444/api/v3/x",
        "https://ghe.example.evil/api/v3/x",
        "https://ghe.example@evil/api/v3/x",
        "https://a@ghe.example/api/v3/x",
        "/api/v3/x",
    ] {
        assert!(!owns(other), "{other}");
    }
}

#[test]
fn a_location_may_be_a_path() {
    let local = base("http://127.0.0.1:4010");
    assert_eq!(local.resolve("/repositories/5").unwrap(), "http://127.0.0.1:4010/repositories/5");
    assert!(!local.owns(&local.resolve("//evil/repositories/5").unwrap()));
}

#[test]
fn out_of_range_settings_name_themselves() {
    let mut settings = GitHubSettings::new("https://api.github.com", 1, vec!["k".into()]);
    assert!(settings.checked().is_ok());
    settings.max_in_flight = 101;
    assert!(settings.checked().unwrap_err().to_string().contains("max_in_flight"));
    settings.max_in_flight = 1;
    settings.keys.clear();
    assert_eq!(settings.checked().unwrap_err(), SetupError::KeyCount(0));
}

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn ask() -> AppAsk {
    AppAsk {
        name: "Acme migration".into(),
        public_url: "https://cutover.example.com/".into(),
        homepage: None,
        organization: None,
        dev: false,
        features: Vec::new(),
        redirect_url: "http://127.0.0.1:4711/created".into(),
    }
}

fn posted(ask: &AppAsk) -> Value {
    serde_json::from_str(&manifest(ask, "https://github.com", false).unwrap().manifest).unwrap()
}

#[test]
fn an_app_reads_only_unless_a_feature_needs_more() {
    let manifest = posted(&ask());
    let levels = manifest["default_permissions"].as_object().unwrap();
    assert_eq!(levels.len(), READS.len());
    assert!(levels.values().all(|level| level == "read"));
    assert_eq!(manifest["public"], true);
    assert_eq!(manifest["hook_attributes"]["url"], "https://cutover.example.com/webhooks/github");
    let more = posted(&AppAsk { features: vec![Feature::Push, Feature::OldHooks], dev: true, ..ask() });
    assert_eq!(more["default_permissions"]["contents"], "write");
    assert_eq!(more["default_permissions"]["repository_hooks"], "write");
    assert_eq!(more["default_permissions"]["issues"], "read");
    assert_eq!(more["public"], false);
}

/// GitHub refuses the whole manifest for one event that it sends anyway, or that no permission covers.
#[test]
fn no_event_is_asked_for_that_github_refuses() {
    let events =
        |features| manifest(&AppAsk { features, ..ask() }, "https://github.com", false).unwrap().events;
    let plain = events(Vec::new());
    for never in
        ["installation", "installation_repositories", "github_app_authorization", "check_run", "check_suite"]
    {
        assert!(!plain.iter().any(|event| event == never), "{never}");
    }
    assert!(events(vec![Feature::Checks]).iter().any(|event| event == "check_run"));
}

#[test]
fn an_organisation_owns_it_when_named() {
    let of = |login: &str| {
        manifest(&AppAsk { organization: Some(login.into()), ..ask() }, "https://ghe.example.com", false)
    };
    assert_eq!(of("acme").unwrap().action, "https://ghe.example.com/organizations/acme/settings/apps/new");
    assert_eq!(of("../x"), Err(BadAsk::Organization));
}

#[test]
fn what_github_would_refuse_is_said_first() {
    let bad = |change: fn(&mut AppAsk)| {
        let mut ask = ask();
        change(&mut ask);
        manifest(&ask, "https://github.com", false).unwrap_err()
    };
    assert_eq!(bad(|ask| ask.name = " ".into()), BadAsk::Name);
    assert_eq!(bad(|ask| ask.name = "x".repeat(35)), BadAsk::Name);
    for url in [
        "http://a.example",
        "ftp://a",
        "https://",
        "https:///x",
        "https://a/?q",
        "https://u@a",
        "https://a/\"><script>",
    ] {
        let mut ask = ask();
        ask.public_url = url.into();
        let found = manifest(&ask, "https://github.com", false).unwrap_err();
        assert_eq!(found, BadAsk::Address { what: "--url" }, "{url}");
    }
}

proptest! {
    /// Whatever is asked for: no panic, and what is posted is JSON that names what was asked for.
    #[test]
    fn a_manifest_is_json_whatever_the_name(name in ".{1,40}", url in ".{0,60}", login in proptest::option::of(".{0,45}")) {
        let ask = AppAsk { name: name.clone(), public_url: url, organization: login, ..ask() };
        if let Ok(made) = manifest(&ask, "https://github.com", true) {
            let posted: Value = serde_json::from_str(&made.manifest).unwrap();
            prop_assert_eq!(posted["name"].as_str(), Some(name.trim()));
            prop_assert!(made.action.starts_with("https://github.com/"));
            prop_assert!(!made.action.contains(['"', '<', '>', '?', '#']));
        }
    }
}

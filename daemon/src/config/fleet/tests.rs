use proptest::prelude::*;
use secrecy::ExposeSecret as _;

use super::super::tests::{Bench, has};
use super::*;

#[test]
fn shares_are_read_to_a_tenth_of_a_percent() {
    for (text, expected) in [
        ("0%", Some(0)),
        ("0.1%", Some(1)),
        ("1%", Some(10)),
        (" 12.5 % ", Some(125)),
        ("100%", Some(1_000)),
        ("100.0%", Some(1_000)),
        ("100.1%", None),
        ("1000%", None),
        ("1", None),
        ("%", None),
        (".5%", None),
        ("1.%", None),
        ("1.25%", None),
        ("-1%", None),
        ("+1%", None),
        ("1 0%", None),
        ("", None),
    ] {
        assert_eq!(permille(text), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn a_share_is_what_it_says(permille in 0_u32..=1_000) {
        prop_assert_eq!(super::permille(&format!("{}.{}%", permille / 10, permille % 10)), Some(permille));
    }

    #[test]
    fn waves_rise_to_all(shares in prop::collection::vec(0_u32..=1_000, 0..5)) {
        let words: Vec<String> = shares.iter().map(|s| format!("{}.{}%", s / 10, s % 10)).collect();
        let rises = shares.windows(2).all(|two| two[0] < two[1]) && shares.first().is_some_and(|s| *s > 0);
        prop_assert_eq!(waves(&words).ok(), (rises && shares.last() == Some(&1_000)).then_some(shares));
    }
}

#[test]
fn there_is_no_fleet_until_somebody_says_where_its_migrations_are() {
    let bench = Bench::new();
    let fleet = bench.load(&bench.minimal(""), &[]).unwrap().config.fleet;
    assert_eq!((fleet.folder, fleet.canary.len(), fleet.waves), (None, 0, vec![10, 100, 1_000]));
    assert_eq!((fleet.parallel, fleet.per_host, fleet.per_server), (16, 16, 8));
    assert_eq!((fleet.halt_failures, fleet.halt_permille, fleet.halt_unreachable_permille), (5, 50, 500));
    assert_eq!((fleet.timeout.as_secs(), fleet.lock_timeout.as_secs(), fleet.lock_tries), (60, 2, 5));
    assert_eq!((fleet.connect_timeout.as_secs(), fleet.fresh.as_secs()), (5, 300));
    assert_eq!((fleet.retest_every.as_secs(), fleet.load), (60, None));
    assert_eq!(
        (fleet.ping.as_str(), fleet.deploy.is_none(), fleet.notify_url),
        ("functions:ping", true, None)
    );
    assert!(fleet.application.is_none());
}

#[test]
fn the_fleets_sections_are_read_and_their_secrets_stay_hidden() {
    let bench = Bench::new();
    bench.secret("seal", "hush-key");
    let text = bench.minimal(
        "[catalog]\nsource = \"postgres\"\n[fleet]\nfolder = \"migrations\"\ncanary = [\"b\", \"a\"]\nwaves = [\"100%\"]\n\
         load_query = \"SELECT 1\"\nload_most = 14\ndeploy_url = \"https://deploy.example.com\"\n\
         deploy_token = \"hush-deploy\"\nnotify_url = \"https://a.example\"\nnotify_token = \"hush-notify\"\n\
         [fleet.application]\nkey_file = \"seal\"\nexternal_user = \"clerkId\"\ndeploy_key = \"\"\n",
    );
    let loaded = bench.load(&text, &[("DATABASE_URL", "postgres://app:hush-db@db/app")]).unwrap();
    let fleet = &loaded.config.fleet;
    assert_eq!(fleet.folder.as_deref(), Some(bench.path("migrations").as_path()));
    assert_eq!((fleet.canary.clone(), fleet.waves.as_slice()), (vec!["b".into(), "a".into()], &[1_000][..]));
    let load = FleetLoad { query: "SELECT 1".into(), most: 14, every: Duration::from_secs(5) };
    assert_eq!(fleet.load, Some(load));
    assert!(matches!(&fleet.deploy, Some(FleetDeploy::Call { token: Some(_), .. })));
    let table = fleet.application.as_ref().unwrap();
    assert_eq!((table.table.as_str(), table.tenant.as_str()), ("userDatabaseConfig", "userId"));
    assert_eq!((table.external_user.as_deref(), &table.deploy_key), (Some("clerkId"), &None));
    assert_eq!((table.iv.as_str(), table.updated_at.as_deref()), ("encryptionIV", Some("updatedAt")));
    assert_eq!(
        (table.key.expose_secret(), table.database.expose_secret()),
        ("hush-key", "postgres://app:hush-db@db/app")
    );
    let shown: String = loaded.settings.iter().map(|set| set.shown.as_str()).collect();
    assert!(!format!("{:?}{shown}", loaded.config).contains("hush"));
}

#[test]
fn what_contradicts_itself_is_said_with_its_mend() {
    let bench = Bench::new();
    for (more, key, what, mend) in [
        ("waves = []", "fleet.waves", "does not end with all tenants", "rise to \"100%\""),
        ("waves = [\"1%\"]", "fleet.waves", "does not end with all tenants", "rise to \"100%\""),
        ("waves = [\"10%\", \"10%\", \"100%\"]", "fleet.waves", "does not rise: `10%`", "rise to \"100%\""),
        ("waves = [\"0%\", \"100%\"]", "fleet.waves", "has `0%`, which is no share", "write a share"),
        ("waves = [\"all\"]", "fleet.waves", "has `all`, which is no share", "write a share"),
        ("halt_share = \"half\"", "fleet.halt_share", "expected a share, found `half`", "write a share"),
        ("halt_unreachable = \"101%\"", "fleet.halt_unreachable", "expected a share", "write a share"),
        ("canary = [\"a\", \"b\", \"a\"]", "fleet.canary", "names a twice", "take one out"),
        (
            "lock_timeout = \"1m\"",
            "fleet.lock_timeout",
            "as long as its statement",
            "shorter than the statement",
        ),
        ("timeout = \"2s\"", "fleet.timeout", "as long as its statement", "shorter than the statement"),
        ("load_query = \"SELECT 1\"", "fleet.load_query", "nothing says what is too much", "`load_most`"),
        ("load_most = 1", "fleet.load_most", "nothing is asked", "`load_query`"),
        (
            "deploy_command = [\"deploy\"]\ndeploy_url = \"https://a.example\"",
            "fleet.deploy_url",
            "only one of them deploys",
            "take one out",
        ),
        ("deploy_token = \"x\"", "fleet.deploy_token", "is shown to nobody", "write `deploy_url`"),
        ("notify_token = \"x\"", "fleet.notify_token", "is shown to nobody", "write `notify_url`"),
        ("deploy_url = \"http://deploy.example.com\"", "fleet.deploy_url", "in clear", "https://"),
        ("notify_url = \"http://app.example.com\"", "fleet.notify_url", "in clear", "https://"),
        ("[fleet.application]\ntable = \"t\"", "fleet.application.table", "nothing opens", "`key_file`"),
        (
            "[fleet.application]\nkey = \"x\"",
            "fleet.application.key",
            "catalog.source is not \"postgres\"",
            "under [catalog]",
        ),
    ] {
        let mistakes = bench.load(&bench.minimal(&format!("[fleet]\n{more}\n")), &[]).unwrap_err();
        assert_eq!(mistakes.count(), 1, "{more}: {mistakes}");
        let mistake = &mistakes.list()[0];
        assert_eq!(mistake.key, key, "{mistakes}");
        has(&mistake.what, what);
        has(&mistake.mend, mend);
    }
}

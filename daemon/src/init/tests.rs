use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use secrecy::ExposeSecret;

use super::*;
use crate::config::Config;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn env(dir: &Path) -> Env {
    [("HOME", dir.to_str().unwrap())].into_iter().collect()
}

#[test]
fn init_makes_a_configuration_and_a_key_for_the_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let report = run_init(&InitOptions::default(), &env(dir.path())).unwrap();
    let state = dir.path().join(".local/state/cutover");
    assert_eq!(report.config, dir.path().join(".config/cutover/cutover.toml"));
    assert_eq!((report.key.clone(), report.key_file), (state.join("keys/seal.key"), KeyFile::Made));
    for (path, wanted) in [
        (report.config.as_path(), 0o600),
        (&report.key, 0o600),
        (&state, 0o700),
        (&state.join("keys"), 0o700),
        (report.config.parent().unwrap(), 0o700),
    ] {
        assert_eq!(mode(path), wanted, "{}", path.display());
    }
    let keys = read_keyring(&report.key).unwrap();
    assert_eq!((keys.len(), keys[0].0.as_str()), (1, "k1"));
    assert!(keys[0].1.expose_secret().iter().any(|byte| *byte != 0));
    let files: Vec<_> = fs::read_dir(state.join("keys")).unwrap().collect();
    assert_eq!(files.len(), 1, "a draft was left behind");
}

#[test]
fn what_init_was_told_is_what_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("odd \"state\\ dir");
    let options = InitOptions {
        config: Some(dir.path().join("c.toml")),
        state_dir: Some(state.clone()),
        environment: Some("staging".into()),
        force: false,
    };
    let report = run_init(&options, &env(dir.path())).unwrap();
    let key = dir.path().join("app.pem");
    fs::write(&key, include_str!("../config/testdata/app.pem")).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let variables =
        [("HOME", "/"), ("GITHUB_APP_ID", "5"), ("GITHUB_APP_PRIVATE_KEY_FILE", key.to_str().unwrap())];
    let config = Config::load(Some(&report.config), &variables.into_iter().collect()).unwrap().config;
    assert_eq!((config.environment.as_str(), &config.state_dir), ("staging", &state));
    assert_eq!(seal_key_file(&config.state_dir), report.key);
}

#[test]
fn nothing_is_overwritten_unless_forced_and_the_key_never() {
    let dir = tempfile::tempdir().unwrap();
    let env = env(dir.path());
    let mut options = InitOptions::default();
    let report = run_init(&options, &env).unwrap();
    let key = fs::read(&report.key).unwrap();
    fs::write(&report.config, "mine").unwrap();
    fs::set_permissions(&report.config, Permissions::from_mode(0o644)).unwrap();

    let refused = run_init(&options, &env).unwrap_err();
    assert!(
        matches!(refused, InitError::Exists { .. }) && refused.to_string().contains("--force"),
        "{refused}"
    );
    assert_eq!(fs::read(&report.config).unwrap(), b"mine");

    options.force = true;
    let again = run_init(&options, &env).unwrap();
    assert_eq!((again.key_file, fs::read(&report.key).unwrap()), (KeyFile::Kept, key));
    assert_eq!(mode(&report.config), 0o600);
    assert!(fs::read_to_string(&report.config).unwrap().contains("[github]"));
}

/// Two that run at the same time both find nothing there; the later must not replace the earlier's file.
#[test]
fn a_file_that_appeared_meanwhile_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seal.key");
    place_file(&path, b"first", false).unwrap();
    assert_eq!(place_file(&path, b"second", false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "a draft was left behind");
}

#[test]
fn a_name_that_the_check_would_refuse_is_refused_here() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["Staging", "", "a\"b", "two words"] {
        let options = InitOptions { environment: Some(name.into()), ..InitOptions::default() };
        assert!(matches!(run_init(&options, &env(dir.path())), Err(InitError::Environment { .. })), "{name}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was made");
}

#[test]
fn a_keyring_keeps_its_order_and_says_which_line_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seal.key");
    let read = |text: &str, mode: u32| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        read_keyring(&path)
    };
    let (old, new) = (STANDARD_32_ONES, STANDARD_32_TWOS);
    let keys = read(&format!("# two keys\nk1:{old}\n\nk2:{new}\r\n"), 0o400).unwrap();
    assert_eq!(
        keys.iter().map(|(id, key)| (id.as_str(), key.expose_secret()[0])).collect::<Vec<_>>(),
        [("k1", 1), ("k2", 2)]
    );
    assert!(!format!("{keys:?}").contains(", 1"));

    for (text, line, why) in [
        (format!("k1:{old}\nk1:{new}"), 2, "twice"),
        (format!("k1:{old}\nplanted-secret"), 2, "no colon"),
        ("k1:planted-secret=".to_owned(), 1, "not Base64"),
        ("k1:AAAA".to_owned(), 1, "32 bytes"),
        (format!("K 1:{old}"), 1, "the id"),
    ] {
        let refused = read(&text, 0o600).unwrap_err();
        assert!(matches!(refused, KeyError::Line { line: at, .. } if at == line), "{refused}");
        let shown = format!("{refused} {refused:?}");
        assert!(shown.contains(why) && !shown.contains("planted"), "{shown}");
    }
    assert!(matches!(read("# none\n", 0o600), Err(KeyError::Empty { .. })));
    let exposed = read(&format!("k1:{old}"), 0o640).unwrap_err().to_string();
    assert!(exposed.contains("mode 0640") && exposed.contains("chmod 600"), "{exposed}");
    assert!(matches!(read_keyring(&dir.path().join("absent")), Err(KeyError::Missing { .. })));
}

const STANDARD_32_ONES: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const STANDARD_32_TWOS: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

#[test]
fn an_added_key_is_the_last_and_the_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seal.key");
    // Without a line end, with a remark, and with a number that is taken.
    fs::write(&path, format!("# ours\nk1:{STANDARD_32_ONES}\nk3:{STANDARD_32_TWOS}")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let (id, key) = add_key(&path).unwrap();
    assert_eq!(id, "k4");
    let ring = read_keyring(&path).unwrap();
    let ids: Vec<&str> = ring.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["k1", "k3", "k4"]);
    assert_eq!(ring[2].1.expose_secret(), key.expose_secret());
    assert_ne!(ring[2].1.expose_secret(), ring[0].1.expose_secret());
    assert!(fs::read_to_string(&path).unwrap().starts_with("# ours\n"));
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "a draft was left behind");
    assert_eq!(add_key(&path).unwrap().0, "k5");
}

#[test]
fn no_key_is_added_to_what_is_no_ring() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seal.key");
    assert!(matches!(add_key(&path), Err(KeyError::Io { .. } | KeyError::Missing { .. })));
    fs::write(&path, "broken").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(add_key(&path), Err(KeyError::Line { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "broken");
    let full = format!("k1:{STANDARD_32_ONES}\n{}", "# remark\n".repeat(7_275));
    fs::write(&path, &full).unwrap();
    assert!(matches!(add_key(&path), Err(KeyError::Full { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), full);
    let link = dir.path().join("link.key");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(add_key(&link), Err(KeyError::Io { .. })));
}

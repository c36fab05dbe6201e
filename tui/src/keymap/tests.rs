use std::collections::BTreeSet;

use super::*;

fn chord(text: &str) -> Chord {
    text.parse().unwrap()
}

#[test]
fn every_action_has_one_row_and_its_keys_can_be_pressed() {
    let actions: BTreeSet<Action> = TABLE.iter().map(|row| row.action).collect();
    assert_eq!(actions.len(), TABLE.len(), "an action has two rows");
    let names: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), TABLE.len(), "a name is used twice");
    for row in TABLE {
        assert!(!row.keys.is_empty(), "{} has no key", row.name);
        for key in row.keys {
            assert!(key.parse::<Chord>().is_ok(), "{}: `{key}`", row.name);
        }
        assert_eq!(Action::named(row.name), Some(row.action));
        assert_eq!(serde_json::to_value(row.action).unwrap().as_str().map(str::is_empty), Some(false));
        assert!(!row.about.is_empty() && row.rank == 0 || !row.hint.is_empty(), "{}", row.name);
        // What changes something has a verb that does the same.
        assert!(row.tier == Tier::Look || !row.verb.is_empty(), "{} has no verb", row.name);
    }
    // The last of the enum, so that an action added at the end is not forgotten in the table.
    assert!(actions.contains(&Action::TourSkip));
}

#[test]
fn no_key_means_two_things_at_one_place() {
    for (i, one) in TABLE.iter().enumerate() {
        for other in &TABLE[i + 1..] {
            let shared = one.keys.iter().find(|key| other.keys.contains(key));
            assert!(
                shared.is_none() || !meet(one.when, other.when),
                "{} and {}: {shared:?}",
                one.name,
                other.name
            );
        }
    }
}

#[test]
fn a_key_is_looked_up_where_it_makes_sense() {
    let map = Keymap::default();
    let on =
        |noun| Place { screen: Screen::Tenants, list: Some(ListId::Tenants), noun: Some(noun), tour: false };
    assert_eq!(map.action(chord("n"), &on(Noun::Tenant)), Some(Action::Canary));
    assert_eq!(map.action(chord("n"), &on(Noun::Token)), None);
    assert_eq!(map.action(chord("K"), &on(Noun::Record)), Some(Action::Kill));
    assert_eq!(map.action(chord("k"), &on(Noun::Record)), Some(Action::Up));
}

#[test]
fn keys_can_be_replaced_and_mistakes_are_told() {
    let map = Keymap::with(&[("dry-run".into(), vec![chord("P")])]).unwrap();
    assert_eq!(map.key(Action::DryRun), "P");
    let wrong = |changes: &[(String, Vec<Chord>)]| Keymap::with(changes).unwrap_err();
    let name = KeymapError::NoAction { name: "dryrun".into() };
    assert_eq!(wrong(&[("dryrun".into(), vec![chord("P")])]), [(0, name)]);
    assert_eq!(wrong(&[("kill".into(), vec![])]), [(0, KeymapError::NoKill)]);
    let clash = wrong(&[("why".into(), vec![chord("a")])]);
    assert!(matches!(&clash[..], [(0, KeymapError::Clash { other: "apply", .. })]), "{clash:?}");
    // Two changes that make room for each other are no clash.
    assert!(Keymap::with(&[("why".into(), vec![chord("a")]), ("apply".into(), vec![chord("w")])]).is_ok());
}

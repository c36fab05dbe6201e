use super::a_version;

#[test]
fn a_version_is_a_number_or_the_name_of_a_migration() {
    for (text, expected) in [
        ("5", Some(5)),
        ("0005", Some(5)),
        ("0005_add_tags", Some(5)),
        ("0", Some(0)),
        ("", None),
        ("_5", None),
        ("+5", None),
        ("add_tags", None),
        ("99999999999", None),
    ] {
        assert_eq!(a_version(text).ok().map(|version| version.number), expected, "{text}");
    }
    let id = |text| a_version(text).unwrap().id;
    assert_eq!((id("0005"), id("0005_add_tags").as_deref()), (None, Some("0005_add_tags")));
}

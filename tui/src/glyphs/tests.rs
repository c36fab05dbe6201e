use super::*;
use unicode_width::UnicodeWidthStr;

/// Every sign but the ellipsis.
fn signs(glyphs: &Glyphs) -> Vec<&'static str> {
    let Glyphs {
        set: _,
        good,
        warn,
        bad,
        pending,
        moving,
        paused,
        unknown,
        killed,
        mark,
        cursor,
        gauge,
        gauge_rest,
        gauge_part,
        spark,
        up,
        down,
        right,
        ellipsis: _,
        separator,
        link,
        border,
    } = *glyphs;
    let single = [
        good, warn, bad, pending, moving, paused, unknown, killed, mark, cursor, gauge_rest, up, down, right,
        separator, link,
    ];
    let edges = [
        border.top_left,
        border.top_right,
        border.bottom_left,
        border.bottom_right,
        border.vertical_left,
        border.vertical_right,
        border.horizontal_top,
        border.horizontal_bottom,
    ];
    [&single[..], &gauge, &gauge_part, &spark, &edges].concat()
}

#[test]
fn every_sign_takes_one_column() {
    for set in GlyphSet::ALL {
        for sign in signs(&Glyphs::new(*set)) {
            assert_eq!(UnicodeWidthStr::width(sign), 1, "{sign}");
        }
    }
    let ellipsis = GlyphSet::ALL.iter().map(|set| UnicodeWidthStr::width(Glyphs::new(*set).ellipsis));
    assert_eq!(ellipsis.collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn ascii_is_ascii_and_each_state_has_its_own_sign() {
    let ascii = Glyphs::new(GlyphSet::Ascii);
    assert!(signs(&ascii).iter().all(|sign| sign.is_ascii()) && ascii.ellipsis.is_ascii());
    for g in GlyphSet::ALL.iter().map(|set| Glyphs::new(*set)) {
        let states = [g.good, g.warn, g.bad, g.pending, g.moving, g.paused, g.unknown, g.killed];
        for (i, sign) in states.iter().enumerate() {
            assert!(!states[..i].contains(sign), "{:?} {sign}", g.set);
        }
        assert!(!g.gauge.contains(&g.gauge_rest), "what is missing would look done");
    }
}

#[test]
fn ascii_where_the_terminal_has_no_more() {
    use GlyphSet::{Ascii, Unicode};
    for (wanted, lang, term, set) in [
        (None, Some("en_US.UTF-8"), Some("xterm-256color"), Unicode),
        (None, Some("C.utf8"), None, Unicode),
        (None, Some("C"), Some("xterm"), Ascii),
        (None, None, Some("xterm"), Ascii),
        (None, Some("en_US.UTF-8"), Some("linux"), Ascii),
        (None, Some("en_US.UTF-8"), Some("vt220"), Ascii),
        (Some(Unicode), None, Some("linux"), Unicode),
        (Some(Ascii), Some("en_US.UTF-8"), None, Ascii),
    ] {
        assert_eq!(choose(wanted, lang, term).set, set, "{wanted:?} {lang:?} {term:?}");
    }
}

#[test]
fn the_stronger_variable_decides() {
    let of = |pairs: &'static [(&str, &str)]| {
        locale(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    };
    assert_eq!(of(&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")]).as_deref(), Some("C"));
    assert_eq!(of(&[("LANG", "en_US.UTF-8"), ("LC_ALL", "")]).as_deref(), Some("en_US.UTF-8"));
    assert_eq!(of(&[]), None);
}

use proptest::prelude::*;

use super::*;

#[test]
fn the_bytes_are_as_terminals_want_them() {
    assert_eq!(osc52("run 7", false).unwrap(), "\x1b]52;c;cnVuIDc=\x07");
    assert_eq!(osc52("run 7", true).unwrap(), "\x1bPtmux;\x1b\x1b]52;c;cnVuIDc=\x07\x1b\\");
    assert_eq!(osc52("", false).unwrap(), "\x1b]52;c;\x07");
}

#[test]
fn what_is_too_long_is_refused_whole() {
    assert!(osc52(&"x".repeat(LONGEST), true).unwrap().len() < 100_100);
    let refused = osc52(&"x".repeat(LONGEST + 1), false).unwrap_err();
    assert_eq!(refused.to_string(), "74995 bytes are too long to copy; a terminal takes 74994");
}

proptest! {
    /// Nothing in the text can end the sequence early.
    #[test]
    fn any_text_comes_back(text in any::<String>()) {
        let bytes = osc52(&text, false).unwrap();
        let coded = bytes.strip_prefix("\x1b]52;c;").and_then(|rest| rest.strip_suffix('\x07')).unwrap();
        prop_assert_eq!(STANDARD.decode(coded).unwrap(), text.into_bytes());
    }
}

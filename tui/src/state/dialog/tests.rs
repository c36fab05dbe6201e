use proptest::prelude::*;

use super::*;
use crate::state::bench::press;

fn dialog(fields: Vec<Field>) -> Dialog {
    let plan = Plan { title: "t".into(), twin: "cutover status".into(), steps: Vec::new(), run: None };
    Dialog {
        title: "t".into(),
        tier: if fields.is_empty() { Tier::Reversible } else { Tier::Live },
        effect: vec!["x".into()],
        undo: "u".into(),
        basis: None,
        gate: None,
        expects: None,
        fields,
        focus: Focus::Cancel,
        opened: 0,
        scroll: 0,
        button: "Do".into(),
        plan,
        note: None,
    }
}

#[test]
fn the_focus_goes_round_in_both_directions() {
    let mut one = dialog(vec![Field::exactly("a", "a"), Field::something("b")]);
    for focus in [Focus::Field(0), Focus::Field(1), Focus::Confirm, Focus::Cancel] {
        one.key(press("tab"), 1_000);
        assert_eq!(one.focus, focus);
    }
    one.key(press("up"), 1_000);
    assert_eq!(one.focus, Focus::Confirm);
}

#[test]
fn the_first_moments_take_no_key_not_even_escape() {
    let mut one = dialog(Vec::new());
    assert_eq!(one.key(press("y"), DEAF_MS - 1), Answer::Open);
    assert_eq!(one.key(press("esc"), DEAF_MS - 1), Answer::Open);
    assert_eq!(one.key(press("y"), DEAF_MS), Answer::Confirmed);
}

proptest! {
    /// Whatever is pressed: it is confirmed by `y` on the button alone, with everything typed.
    #[test]
    fn only_y_on_the_button_with_everything_typed_confirms(
        keys in prop::collection::vec(prop_oneof![
            Just("tab"), Just("enter"), Just("y"), Just("a"), Just("up"), Just("left"), Just("ctrl-y"), Just("ctrl-u"),
        ], 1..40),
        typed in any::<bool>(),
    ) {
        let fields = if typed { vec![Field::exactly("type", "aya")] } else { Vec::new() };
        let mut one = dialog(fields);
        for key in keys {
            let before = one.clone();
            match one.key(press(key), 1_000) {
                Answer::Open => {}
                Answer::Cancelled => break,
                Answer::Confirmed => {
                    prop_assert_eq!(key, "y");
                    prop_assert!(before.is_complete());
                    prop_assert!(before.fields.is_empty() || before.focus == Focus::Confirm);
                    break;
                }
            }
        }
    }

    #[test]
    fn a_field_is_bounded(length in 0_usize..700) {
        let mut one = dialog(vec![Field::something("why")]);
        for _ in 0..length {
            one.key(press("x"), 1_000);
        }
        prop_assert_eq!(one.fields[0].input.value().len(), length.min(LONGEST));
    }
}

use proptest::prelude::*;

use super::*;

/// When the dialogs of these tests were opened.
const OPENED: i64 = 1_000;
/// Some time after it.
const LATER: i64 = OPENED + DEAF_MS;

fn dialog(tier: Tier, fields: Vec<Field>) -> Dialog {
    let plan = Plan { title: "apply".to_owned(), twin: "cutover".to_owned(), steps: Vec::new(), run: None };
    let mut dialog = Dialog::new("Apply", tier, "Apply", plan, OPENED);
    dialog.effect = vec!["Something happens.".to_owned()];
    dialog.undo = "u".to_owned();
    dialog.fields = fields;
    dialog
}

fn live() -> Dialog {
    dialog(Tier::Live, vec![Field::exactly("type `acme`", "acme")])
}

fn press(dialog: &mut Dialog, code: KeyCode) -> Answer {
    dialog.key(KeyEvent::new(code, KeyModifiers::NONE), LATER)
}

fn write(dialog: &mut Dialog, text: &str) {
    for letter in text.chars() {
        assert_eq!(press(dialog, KeyCode::Char(letter)), Answer::Open, "{letter} answered while typing");
    }
}

#[test]
fn enter_never_confirms_whatever_has_the_focus() {
    for tier in [Tier::Reversible, Tier::Live, Tier::Fleet] {
        for fields in [Vec::new(), vec![Field { input: "acme".into(), ..Field::exactly("type", "acme") }]] {
            let mut dialog = dialog(tier, fields);
            for focus in [Focus::Cancel, Focus::Field(0), Focus::Confirm] {
                dialog.focus = focus;
                let answer = press(&mut dialog, KeyCode::Enter);
                let wanted = if focus == Focus::Cancel { Answer::Cancelled } else { Answer::Open };
                assert_eq!(answer, wanted, "{tier:?} {focus:?}");
            }
        }
    }
}

#[test]
fn the_focus_begins_on_cancel() {
    assert_eq!(press(&mut live(), KeyCode::Enter), Answer::Cancelled);
}

#[test]
fn the_first_moments_take_no_key() {
    let mut quick = dialog(Tier::Reversible, Vec::new());
    for at in [OPENED - 50, OPENED, OPENED + 1, LATER - 1] {
        for code in [KeyCode::Char('y'), KeyCode::Enter, KeyCode::Esc, KeyCode::Tab] {
            assert_eq!(
                quick.key(KeyEvent::new(code, KeyModifiers::NONE), at),
                Answer::Open,
                "{code:?} at {at}"
            );
        }
    }
    assert_eq!(quick.focus, Focus::Cancel);
    assert_eq!(press(&mut quick, KeyCode::Char('y')), Answer::Confirmed);
}

#[test]
fn what_is_pasted_is_neither_text_nor_an_answer() {
    let mut dialog = live();
    dialog.paste();
    assert!(!dialog.is_complete() && dialog.note.is_some());
    assert_eq!(dialog.focus, Focus::Cancel);
}

#[test]
fn the_exact_text_then_the_button_then_y() {
    let mut dialog = live();
    write(&mut dialog, "acme");
    assert_eq!(dialog.focus, Focus::Field(0), "letters go into the field");
    press(&mut dialog, KeyCode::Tab);
    assert_eq!(dialog.focus, Focus::Confirm);
    assert_eq!(press(&mut dialog, KeyCode::Char('n')), Answer::Open);
    assert_eq!(
        dialog.key(KeyEvent::new(KeyCode::Char('y'), KeyModifiers::CONTROL), LATER),
        Answer::Open,
        "with control it is another key"
    );
    assert_eq!(press(&mut dialog, KeyCode::Char('y')), Answer::Confirmed);
}

#[test]
fn almost_the_text_is_not_the_text() {
    for wrong in ["", "acm", "acme ", " acme", "Acme", "acmee", "ac me"] {
        let mut dialog = live();
        write(&mut dialog, wrong);
        dialog.focus = Focus::Confirm;
        assert_eq!(press(&mut dialog, KeyCode::Char('y')), Answer::Open, "`{wrong}`");
        assert_eq!(dialog.focus, Focus::Field(0), "the keyboard goes where something is missing");
    }
}

#[test]
fn a_closed_gate_wants_a_reason_once() {
    let mut dialog = live();
    write(&mut dialog, "acme");
    dialog.ask_for_reason();
    dialog.ask_for_reason();
    assert_eq!(dialog.fields.len(), 2);
    dialog.focus = Focus::Confirm;
    assert_eq!(press(&mut dialog, KeyCode::Char('y')), Answer::Open);
    write(&mut dialog, "   ");
    assert!(!dialog.is_complete(), "blanks are no reason");
    write(&mut dialog, "we looked");
    assert_eq!(dialog.reason(), Some("we looked"));
}

#[test]
fn the_reason_is_in_the_approval_and_in_the_command() {
    let mut dialog = live();
    let id = RunId::from("0198cbd0-6b28-7cc1-9d6e-2f1d8a5b7c3e");
    let approve = RunAct::Approve { id: id.clone(), digest: "ab".into(), override_reason: None };
    dialog.plan.steps =
        vec![Step::Act(Act::Run(approve)), Step::Act(Act::Run(RunAct::Apply { id: id.clone(), rate: None }))];
    dialog.ask_for_reason();
    write(&mut dialog, "it's fine");
    let plan = dialog.with_reason();
    assert_eq!(plan.twin, r"cutover --override 'it'\''s fine'");
    let Step::Act(Act::Run(RunAct::Approve { override_reason, .. })) = &plan.steps[0] else { panic!() };
    assert_eq!(override_reason.as_deref(), Some("it's fine"));
}

#[test]
fn what_is_typed_is_bounded() {
    let mut dialog = dialog(Tier::Live, vec![Field::something("why")]);
    write(&mut dialog, &"x".repeat(LONGEST * 2));
    assert_eq!(dialog.fields[0].input.value().chars().count(), LONGEST);
    press(&mut dialog, KeyCode::Backspace);
    assert_eq!(dialog.fields[0].input.value().chars().count(), LONGEST - 1, "a full field can be mended");
}

fn keys() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        4 => prop_oneof![Just('a'), Just('c'), Just('m'), Just('y'), any::<char>()].prop_map(KeyCode::Char),
        3 => prop_oneof![
            Just(KeyCode::Enter),
            Just(KeyCode::Tab),
            Just(KeyCode::BackTab),
            Just(KeyCode::Up),
            Just(KeyCode::Down),
            Just(KeyCode::Left),
            Just(KeyCode::Right),
            Just(KeyCode::Backspace),
            Just(KeyCode::Delete),
            Just(KeyCode::Home),
            Just(KeyCode::End),
            Just(KeyCode::PageDown),
        ],
    ];
    let held = prop_oneof![
        5 => Just(KeyModifiers::NONE),
        1 => Just(KeyModifiers::CONTROL),
        1 => Just(KeyModifiers::SHIFT),
    ];
    (code, held).prop_map(|(code, held)| KeyEvent::new(code, held))
}

proptest! {
    #[test]
    fn without_the_text_no_keys_confirm(keys in proptest::collection::vec(keys(), 0..200)) {
        let mut dialog = live();
        for key in keys {
            let held = dialog.is_complete() && dialog.focus == Focus::Confirm;
            match dialog.key(key, LATER) {
                // Only from the button, only with the text, and only by y.
                Answer::Confirmed => {
                    prop_assert!(held && key.code == KeyCode::Char('y'));
                    break;
                }
                Answer::Cancelled => break,
                Answer::Open => {}
            }
            let inside = match dialog.focus {
                Focus::Field(at) => at < dialog.fields.len(),
                Focus::Cancel | Focus::Confirm => true,
            };
            prop_assert!(inside);
        }
    }

    /// A phrase that can't be typed with these keys is never confirmed.
    #[test]
    fn keys_of_somebody_else_never_confirm(keys in proptest::collection::vec(keys(), 0..200)) {
        let mut dialog = dialog(Tier::Fleet, vec![Field::exactly("type", "apply all 2,000 repositories of the fleet")]);
        for key in keys {
            prop_assert_ne!(dialog.key(key, LATER), Answer::Confirmed);
        }
    }
}

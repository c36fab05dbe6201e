use proptest::prelude::proptest;

use super::{Answer, Word};
use crate::harness::Ended;

#[test]
fn words_are_read_and_nothing_else() {
    assert_eq!(Word::read("hello"), Some(Word::Hello));
    assert_eq!(Word::read("kill-daemon\r"), Some(Word::KillDaemon));
    assert_eq!(Word::read(" restart-daemon "), Some(Word::RestartDaemon));
    for line in ["", "Hello", "kill", "kill-daemon now", "kill-daemon\0"] {
        assert_eq!(Word::read(line), None, "{line:?}");
    }
}

#[test]
fn answers_are_words() {
    for (answer, line) in [
        (Answer::Ready("CUTOVER_SOCKET=/tmp/a cutover".to_owned()), "ready CUTOVER_SOCKET=/tmp/a cutover"),
        (Answer::Killed, "killed"),
        (Answer::Restarted, "restarted"),
        (Answer::Running, "running"),
        (Answer::Died(Ended::Code(1)), "died code 1"),
        (Answer::Died(Ended::Signal(9)), "died signal 9"),
        (
            Answer::Failed("it ended:\nthe disk is full\x1b[0m".to_owned()),
            "failed it ended: the disk is full [0m",
        ),
        (Answer::What, "what"),
    ] {
        assert_eq!(answer.to_string(), line);
    }
}

proptest! {
    #[test]
    fn an_answer_is_one_line_whatever_the_daemon_said(why in "(?s).{0,40}") {
        assert!(!Answer::Failed(why).to_string().contains(char::is_control));
    }

    #[test]
    fn no_line_stumbles(line in "(?s)[ \t\r]?(hello|kill-daemon|.{0,40})[ \r]?") {
        if let Some(word) = Word::read(&line) {
            assert_eq!(Word::read(line.trim()), Some(word));
        }
    }
}

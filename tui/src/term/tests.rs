use nix::sys::signal::{Signal as Raw, raise};

use super::*;

#[test]
fn what_is_taken_is_given_back() {
    let text = |bytes: io::Result<Vec<u8>>| String::from_utf8(bytes.unwrap()).unwrap();
    let (without, with, back) = (text(entering(false)), text(entering(true)), text(leaving()));
    assert_eq!(without, "\x1b[?1049h\x1b[?2004h\x1b[?25l");
    assert!(with.starts_with(&without) && with.contains("\x1b[?1000h"));
    for on in with.split('\x1b').filter(|code| code.ends_with('h')) {
        let off = format!("\x1b{}l", on.trim_end_matches('h'));
        assert!(back.contains(&off), "{on} stays on");
    }
    assert!(back.ends_with("\x1b[?25h") && back.starts_with("\x1b[?2026l") && back.contains("\x1b[0m"));
}

/// Without a screen of ours nothing may be written: stdout could be a file.
#[test]
fn giving_back_nothing_does_nothing() {
    restore();
    restore();
    assert!(!OURS.load(Ordering::SeqCst));
}

#[test]
fn what_a_panic_leaves_of_a_frame_is_never_written() {
    let mut pending = Pending::default();
    pending.write_all(b"half a frame").unwrap();
    pending.flush().unwrap();
    assert_eq!(*pending.clone().bytes(), b"half a frame");
}

#[tokio::test]
async fn signals_arrive_as_what_they_ask_for() {
    let mut signals = signals().unwrap();
    for (raw, signal) in [
        (Raw::SIGTERM, Signal::Terminate),
        (Raw::SIGINT, Signal::Terminate),
        (Raw::SIGQUIT, Signal::Terminate),
        (Raw::SIGTSTP, Signal::Suspend),
        (Raw::SIGCONT, Signal::Continue),
        (Raw::SIGHUP, Signal::Hangup),
    ] {
        raise(raw).unwrap();
        assert_eq!(signals.next().await, signal, "{raw}");
    }
}

//! The pseudo-terminal of the harness, with the programs that every system has: what it claims of a process is true.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

use std::process::Command;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_tests::harness::terminal::{LineMode, key};
use cutover_tests::harness::{Ended, HarnessError, Life, Terminal};
use nix::sys::signal::Signal;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

fn script(text: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", text]);
    command
}

fn start(text: &str) -> Terminal {
    Terminal::start(&script(text), 80, 24, &[]).unwrap()
}

#[tokio::test]
async fn what_is_typed_is_seen_and_arrives() {
    let terminal = start("read -r line; echo \"it was <$line>\"");
    terminal.send(b"hello\r").await.unwrap();
    terminal.wait_text("it was <hello>").await.unwrap();
    assert_eq!(terminal.screen_text().lines().next(), Some("hello"), "the line echoes");
    assert_eq!(terminal.wait_exit().await.unwrap(), Ended::Code(0));
    assert!(String::from_utf8(terminal.raw_output()).unwrap().ends_with("it was <hello>\r\n"));
}

#[tokio::test]
async fn a_process_sees_its_size_and_hears_of_another() {
    let terminal = start("trap 'stty size; exit 0' WINCH; stty size; while :; do read -r _; done");
    terminal.wait_text("24 80").await.unwrap();
    terminal.resize(100, 30).unwrap();
    terminal.wait_text("30 100").await.unwrap();
    assert_eq!(terminal.look(vt100::Screen::size), (30, 100));
    assert_eq!(terminal.wait_exit().await.unwrap(), Ended::Code(0));
}

#[tokio::test]
async fn the_end_is_told_as_it_was() {
    assert_eq!(start("exit 7").wait_exit().await.unwrap(), Ended::Code(7));
    let cat = Terminal::start(&Command::new("cat"), 80, 24, &[]).unwrap();
    assert_eq!(cat.life(), Life::Running);
    cat.signal(Signal::SIGTERM).unwrap();
    assert_eq!(cat.wait_exit().await.unwrap(), Ended::Signal(Signal::SIGTERM as i32));
    let cat = Terminal::start(&Command::new("cat"), 80, 24, &[]).unwrap();
    cat.key("ctrl-c").await.unwrap();
    assert_eq!(cat.wait_exit().await.unwrap(), Ended::Signal(Signal::SIGINT as i32), "it is its terminal");
}

#[tokio::test]
async fn a_screen_that_can_not_come_any_more_is_an_error_that_shows_what_there_was() {
    let terminal = start("echo something else; exit 3");
    let error = terminal.wait_text("never").await.unwrap_err();
    assert!(matches!(&error, HarnessError::Screen { life: Life::Ended(Ended::Code(3)) | Life::Running, .. }));
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(text.contains("never") && text.contains("\n|something else\n"), "{text}");
    }
}

#[tokio::test]
async fn a_paste_arrives_in_its_brackets() {
    let terminal = start("stty raw -echo; echo ready; dd bs=1 count=17 2>/dev/null | od -An -c");
    terminal.wait_text("ready").await.unwrap();
    terminal.paste("a\nKd!").await.unwrap();
    let wanted = "033 [ 2 0 0 ~ a \\n K d ! 033 [ 2 0 1 ~".split(' ').collect::<Vec<_>>().join(" ");
    terminal
        .wait_for(|screen| {
            screen.contents().split_whitespace().collect::<Vec<_>>().join(" ").contains(&wanted)
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn the_modes_of_the_line_are_seen() {
    let terminal =
        start("echo cooked; read -r _; stty raw -echo; echo raw; dd bs=1 count=1 2>/dev/null; cat");
    terminal.wait_text("cooked").await.unwrap();
    assert_eq!(terminal.termios().unwrap(), LineMode::COOKED);
    terminal.key("Enter").await.unwrap();
    terminal.wait_text("raw").await.unwrap();
    assert_eq!(terminal.termios().unwrap(), LineMode::RAW);
    terminal.signal(Signal::SIGKILL).unwrap();
    terminal.wait_exit().await.unwrap();
    assert_eq!(terminal.termios().unwrap(), LineMode::RAW, "killed: as it was left");
    for (text, left) in [("stty raw -echo", LineMode::RAW), ("stty raw; stty sane", LineMode::COOKED)] {
        let terminal = start(text);
        assert_eq!(terminal.wait_exit().await.unwrap(), Ended::Code(0));
        assert_eq!(terminal.termios().unwrap(), left, "ended: as it was left");
    }
}

#[tokio::test]
async fn what_a_job_left_behind_is_seen_after_its_end() {
    let left = script("stty raw -echo; kill -KILL $$");
    let terminal = Terminal::start_in_shell(&left, 80, 24, &[]).unwrap();
    terminal.wait_text("[ended 137]").await.unwrap();
    assert_eq!(terminal.termios().unwrap(), LineMode::RAW, "nobody has tidied up behind it");
    terminal.go_on().await.unwrap();
    assert_eq!(terminal.wait_exit().await.unwrap(), Ended::Code(137));
    let tidy = script("stty -g >/dev/null; old=$(stty -g); stty raw -echo; stty \"$old\"; exit 5");
    let terminal = Terminal::start_in_shell(&tidy, 80, 24, &[]).unwrap();
    terminal.wait_text("[ended 5]").await.unwrap();
    assert_eq!(terminal.termios().unwrap(), LineMode::COOKED);
}

#[tokio::test]
async fn a_job_is_stopped_and_taken_up_again() {
    // A signal ends a shell's `read`, so it asks until there is a line.
    let job = script(
        "trap 'echo continued' CONT; echo up; line=; while [ -z \"$line\" ]; do read -r line; done; \
         echo \"it was <$line>\"; exit 4",
    );
    let terminal = Terminal::start_in_shell(&job, 80, 24, &[]).unwrap();
    terminal.wait_text("up").await.unwrap();
    let pid = terminal.pid();
    terminal.key("ctrl-z").await.unwrap();
    terminal.wait_text("[stopped]").await.unwrap();
    assert_ne!(terminal.pid(), pid, "the shell has the terminal");
    terminal.go_on().await.unwrap();
    terminal.wait_text("continued").await.unwrap();
    assert_eq!(terminal.pid(), pid);
    terminal.signal(Signal::SIGTSTP).unwrap();
    terminal.wait_for(|screen| screen.contents().matches("[stopped]").count() == 2).await.unwrap();
    terminal.go_on().await.unwrap();
    terminal.wait_for(|screen| screen.contents().matches("continued").count() == 2).await.unwrap();
    terminal.send(b"x\r").await.unwrap();
    terminal.wait_text("it was <x>").await.unwrap();
    terminal.wait_text("[ended 4]").await.unwrap();
    terminal.go_on().await.unwrap();
    assert_eq!(terminal.wait_exit().await.unwrap(), Ended::Code(4));
}

#[tokio::test]
async fn a_leader_is_stopped_by_sigstop_and_goes_on() {
    let terminal = Terminal::start(&Command::new("cat"), 80, 24, &[]).unwrap();
    terminal.signal(Signal::SIGSTOP).unwrap();
    assert_eq!(terminal.wait_stopped().await.unwrap(), Signal::SIGSTOP as i32);
    terminal.signal(Signal::SIGCONT).unwrap();
    terminal.send(b"abc\r").await.unwrap();
    terminal.wait_for(|screen| screen.contents().matches("abc").count() == 2).await.unwrap();
}

#[tokio::test]
async fn attributes_the_other_screen_and_the_clipboard_are_seen() {
    let terminal = start(
        "printf 'plain \\033[1;7;31mloud\\033[0m'; read -r _; \
         printf '\\033[?1049hother\\033]52;c;aGVsbG8=\\007'; read -r _; printf '\\033[?1049lback'",
    );
    terminal.wait_text("plain loud").await.unwrap();
    let (plain, loud) = (terminal.cell(0, 0).unwrap(), terminal.cell(0, 6).unwrap());
    assert!(!plain.inverse() && !plain.bold() && plain.fgcolor() == vt100::Color::Default);
    assert_eq!(loud.contents(), "l");
    assert!(loud.inverse() && loud.bold() && loud.fgcolor() == vt100::Color::Idx(1));
    assert!(terminal.cell(24, 0).is_none() && !terminal.alternate_screen());
    terminal.key("Enter").await.unwrap();
    terminal.wait_text("other").await.unwrap();
    terminal.wait_for(vt100::Screen::alternate_screen).await.unwrap();
    terminal.key("Enter").await.unwrap();
    terminal.wait_text("back").await.unwrap();
    assert!(!terminal.alternate_screen());
    assert_eq!(terminal.copied(), ["hello"]);
}

#[tokio::test]
async fn whoever_asks_for_the_cursor_is_answered() {
    let terminal =
        start("stty raw -echo; printf 'ab\\033[6n'; dd bs=1 count=6 2>/dev/null | od -An -c; stty sane");
    terminal.wait_text("033   [   1   ;   3   R").await.unwrap();
}

#[tokio::test]
async fn nothing_of_the_caller_reaches_the_process_but_what_was_set() {
    let mut command = script("echo \"$TERM/${CARGO_MANIFEST_DIR:-none}/$A/$B\"; pwd");
    command.env("A", "1").env("B", "1").current_dir("/usr");
    let terminal = Terminal::start(&command, 80, 24, &[("B", "2")]).unwrap();
    terminal.wait_text("xterm-256color/none/1/2").await.unwrap();
    terminal.wait_text("/usr").await.unwrap();
    let dumb = Terminal::start(&script("echo \"<$TERM>\""), 80, 24, &[("TERM", "dumb")]).unwrap();
    dumb.wait_text("<dumb>").await.unwrap();
}

#[tokio::test]
async fn keys_have_names() {
    for (name, bytes) in [
        ("x", "x"),
        ("é", "é"),
        ("Enter", "\r"),
        ("Esc", "\x1b"),
        ("Down", "\x1b[B"),
        ("PageUp", "\x1b[5~"),
        ("ctrl-k", "\x0b"),
        ("ctrl-C", "\x03"),
        ("alt-x", "\x1bx"),
        ("alt-ctrl-k", "\x1b\x0b"),
        ("-", "-"),
        ("BackTab", "\x1b[Z"),
        ("F5", "\x1b[15~"),
        ("Space", " "),
    ] {
        assert_eq!(key::bytes(name, false).as_deref(), Some(bytes.as_bytes()), "{name}");
    }
    assert_eq!(
        key::bytes("Up", true).as_deref(),
        Some(b"\x1bOA".as_slice()),
        "as the process asked for them"
    );
    for name in ["", "down", "ctrl-", "ctrl-é", "ctrl-Down", "alt-", "F13"] {
        assert_eq!(key::bytes(name, false), None, "{name}");
    }
    let terminal = start("cat");
    assert!(matches!(terminal.key("down").await, Err(HarnessError::Key(_))));
}

#[tokio::test]
async fn a_dropped_terminal_takes_its_process_with_it() {
    let dir = tempfile::TempDir::with_prefix("cutover-terminal-").unwrap();
    let fifo = dir.path().join("held");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut job = script("trap '' HUP TERM INT; exec 9>held; echo up; while :; do read -r _ || :; done");
    job.current_dir(dir.path());
    for start in [Terminal::start, Terminal::start_in_shell] {
        // Its end is seen when all who can write to it are gone.
        let mut held = pipe::OpenOptions::new().open_receiver(&fifo).unwrap();
        let terminal = start(&job, 80, 24, &[]).unwrap();
        terminal.wait_text("up").await.unwrap();
        drop(terminal);
        let mut nothing = Vec::new();
        let gone = held.read_to_end(&mut nothing);
        Clock::system().timeout(Duration::from_secs(20), gone).await.unwrap().unwrap();
    }
}

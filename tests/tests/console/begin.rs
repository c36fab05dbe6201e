//! How it takes the terminal and gives it back, whatever ends or stops it.

use cutover_tests::harness::terminal::LineMode;
use cutover_tests::harness::{Ended, Life, Terminal};
use nix::sys::signal::Signal;

use super::desk::{Console, Desk};

/// What a terminal is like that was given back.
fn given_back(terminal: &Terminal) {
    assert_eq!(terminal.termios().unwrap(), LineMode::COOKED);
    assert!(!terminal.alternate_screen());
    terminal.look(|screen| assert!(!screen.hide_cursor() && !screen.bracketed_paste()));
}

fn taken(terminal: &Terminal) {
    assert_eq!(terminal.termios().unwrap(), LineMode::RAW);
    assert!(terminal.alternate_screen());
    assert!(terminal.look(vt100::Screen::bracketed_paste));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_data_and_q_leaves_a_summary() {
    let desk = Desk::new().await;
    let console = desk.console(&[]).await;
    console.says("40 unplanned").await;
    taken(&console.terminal);
    let (ended, text) = console.quit().await;
    assert_eq!(ended, Ended::Code(0));
    given_back(&console.terminal);
    assert!(text.starts_with("cutover console: ") && text.contains(" on demo as "), "{text}");
    assert!(text.contains("40 unplanned\n  nothing was changed from here"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_gives_the_terminal_back() {
    let desk = Desk::new().await;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let console = desk.console(&[]).await;
        taken(&console.terminal);
        console.terminal.signal(signal).unwrap();
        let (ended, text) = console.end().await;
        assert_eq!(ended, Ended::Code(0));
        given_back(&console.terminal);
        assert!(text.contains("nothing was changed from here"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_on_any_thread_gives_the_terminal_back_and_leaves_a_recording() {
    let desk = Desk::new().await;
    let console = Console::start(&desk.role("console-panics", &[]), (160, 24), &[]);
    console.says("40 unplanned").await;
    taken(&console.terminal);
    console.terminal.signal(Signal::SIGUSR1).unwrap();
    console.says("this role panics").await;
    given_back(&console.terminal);
    let (ended, text) = console.end().await;
    assert!(matches!(ended, Ended::Code(code) if code != 0), "{ended:?}");
    given_back(&console.terminal);
    assert!(text.contains("cutover crashed; the last events are in "), "{text}");

    let dump = desk.stage.home.dir().join(".local/state/cutover/console-crash.jsonl");
    let said = desk.stage.say(&[0], &["replay", &dump.display().to_string(), "--print"]).await;
    assert!(said.stdout.contains("40 unplanned"), "{}", said.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_console_gives_the_terminal_to_the_shell_and_comes_back_whole() {
    let desk = Desk::new().await;
    let console = Console { terminal: Terminal::start_in_shell(&desk.command(&[]), 80, 24, &[]).unwrap() };
    let terminal = &console.terminal;
    console.says("40 unplanned").await;
    let stops = [(1, None, (100, 30)), (2, Some(Signal::SIGTSTP), (60, 20))];
    for (nth, stop, (columns, rows)) in stops {
        match stop {
            None => terminal.key("ctrl-z").await.unwrap(),
            Some(signal) => terminal.signal(signal).unwrap(),
        }
        // The shell's word for this stop: that for the one before stands on its screen too.
        let stopped = |screen: &vt100::Screen| screen.contents().matches("[stopped]").count() == nth;
        terminal.wait_for(stopped).await.unwrap();
        given_back(terminal);
        terminal.resize(columns, rows).unwrap();
        terminal.go_on().await.unwrap();
        terminal
            .wait_for(|screen| {
                let lines: Vec<String> = screen.rows(0, columns).collect();
                screen.alternate_screen()
                    && lines[0].contains("demo")
                    && lines[0].trim_end().ends_with("connected")
                    && lines[usize::from(rows) - 1].contains("K KILL")
                    && screen.contents().contains("40 unplanned")
            })
            .await
            .unwrap();
        taken(terminal);
    }
    console.press(&["q"]).await;
    console.says("[ended 0]").await;
    given_back(terminal);
    terminal.go_on().await.unwrap();
    assert_eq!(terminal.wait_exit().await.unwrap(), Ended::Code(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_settings_are_told_with_their_lines_before_anything_is_drawn() {
    let desk = Desk::of(4).await;
    let text = b"theme = \"dark\"\nfps = 31\n\n[keys]\nkill = [\"ctl-k\"]\n";
    let file = desk.stage.home.write("console.toml", text).unwrap().display().to_string();
    let console = Console::start(&desk.command(&["--console-config", &file]), (200, 24), &[]);
    let (ended, text) = console.end().await;
    assert_eq!(ended, Ended::Code(2));
    for place in ["console.toml:1:9: theme: ", "console.toml:2:7: fps: ", "console.toml:5:9: keys.kill: "] {
        assert!(text.contains(place), "{place} is not in {text}");
    }
    assert!(text.contains("3 mistakes"), "{text}");
    assert!(!console.terminal.raw_output().windows(2).any(|pair| pair == b"\x1b["), "{text}");
    assert_eq!(console.terminal.life(), Life::Ended(Ended::Code(2)));
}

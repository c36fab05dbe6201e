//! What it draws with, and in what room.

use cutover_tests::harness::Ended;

use super::desk::{Console, Desk};

/// Parameters of everything that sets how text looks.
fn looks(output: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(output);
    let parts = text.split("\x1b[").skip(1);
    let sets = parts.filter_map(|part| {
        let end = part.find(|c: char| c.is_ascii_alphabetic())?;
        part[end..].starts_with('m').then(|| &part[..end])
    });
    sets.flat_map(|set| set.split([';', ':'])).filter_map(|number| number.parse().ok()).collect()
}

fn is_colour(number: u16) -> bool {
    matches!(number, 30..=38 | 40..=48 | 90..=97 | 100..=107)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_colours_the_selected_row_is_reversed() {
    let desk = Desk::new().await;
    for (env, coloured) in [(&[][..], true), (&[("NO_COLOR", "1")][..], false)] {
        let console = Console::start(&desk.command(&["--screen", "tenants"]), (80, 24), env);
        console.says("▌").await;
        let (row, line) = console.selected();
        let at = u16::try_from(line.chars().position(|c| c == '▌').unwrap()).unwrap() + 2;
        assert!(console.terminal.cell(row, at).unwrap().inverse(), "{}", console.terminal.picture());
        assert!(!console.terminal.cell(row + 1, at).unwrap().inverse());
        assert_eq!(console.quit().await.0, Ended::Code(0));
        let looks = looks(&console.terminal.raw_output());
        assert_eq!(looks.iter().copied().any(is_colour), coloured, "{looks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dumb_terminal_gets_lines_and_no_escape() {
    let desk = Desk::new().await;
    let console = Console::start(&desk.command(&[]), (80, 24), &[("TERM", "dumb")]);
    console.says("demo overview>").await;
    console.terminal.send(b"tokens\n").await.unwrap();
    console.says("demo tokens>").await;
    console.terminal.send(b"quit\n").await.unwrap();
    let (ended, text) = console.end().await;
    assert_eq!(ended, Ended::Code(0));
    assert!(text.contains("nothing was changed from here"), "{text}");
    let output = console.terminal.raw_output();
    assert!(!output.contains(&b'\x1b'), "{}", String::from_utf8_lossy(&output).escape_debug());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_utf_8_lines_are_drawn_in_ascii() {
    let desk = Desk::new().await;
    let console = Console::start(&desk.command(&["--screen", "tenants"]), (80, 24), &[("LANG", "C")]);
    console.says("connected").await;
    console.says("1-").await;
    let text = console.terminal.screen_text();
    assert!(text.is_ascii(), "{text}");
    assert!(text.contains("+ Tenants ---") && text.contains("---+\n|"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_sizes_later_the_frame_is_whole() {
    let desk = Desk::new().await;
    let console = desk.console(&[]).await;
    for step in 0..200_u16 {
        let (columns, rows) = (1 + step * 37 % 200, 1 + step * 23 % 60);
        console.terminal.resize(columns, rows).unwrap();
        if step % 20 == 0 {
            console.press(&["Tab"]).await;
        }
    }
    console.terminal.resize(1, 1).unwrap();
    console.terminal.resize(200, 60).unwrap();
    console.terminal.resize(80, 24).unwrap();
    console.press(&["1"]).await;
    console
        .terminal
        .wait_for(|screen| {
            let lines: Vec<String> = screen.rows(0, 80).collect();
            lines.len() == 24
                && lines[0].starts_with(" demo ")
                && lines[0].trim_end().ends_with("connected")
                && lines[1].starts_with(" 1 Home")
                && lines[4].starts_with('─')
                && lines[23].starts_with(" K KILL ")
                && lines[23].trim_end().ends_with("q quit")
                && screen.contents().matches("K KILL").count() == 1
        })
        .await
        .unwrap();
    assert_eq!(console.quit().await.0, Ended::Code(0));
}

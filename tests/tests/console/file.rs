//! What leaves the console: exports, the clipboard, recordings.

use std::path::PathBuf;

use cutover_tests::demo::secrets::search;
use cutover_tests::harness::Ended;

use super::desk::Desk;

/// More rows than the daemon answers at once.
const ROWS: usize = 620;

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_written_whole_and_a_name_is_copied() {
    let desk = Desk::of(ROWS).await;
    let console = desk.console(&["--screen", "mapping"]).await;
    console.says("of 620").await;
    console.press(&["e"]).await;
    console.says("JSON Lines").await;
    console.press(&["Enter"]).await;
    console.says("620 rows written").await;
    let folder = std::fs::read_dir(desk.stage.home.dir()).unwrap();
    let written: Vec<PathBuf> = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("cutover-"))
        .collect();
    assert_eq!(written.len(), 1, "{written:?}");
    assert!(written[0].extension().is_some_and(|ending| ending == "csv"), "{written:?}");
    let mut reader = csv::Reader::from_path(&written[0]).unwrap();
    let at = reader.headers().unwrap().iter().position(|name| name == "repo").unwrap();
    let mut names: Vec<String> =
        reader.records().map(|record| record.unwrap().get(at).unwrap().to_owned()).collect();
    let mut wanted: Vec<String> =
        desk.stage.catalog.rows.iter().map(|row| row.repo_full_name.clone()).collect();
    names.sort();
    wanted.sort();
    assert_eq!(names, wanted, "each row once");

    console.press(&["c"]).await;
    console.says("copied").await;
    let copied = console.terminal.copied();
    let known = desk.stage.catalog.rows.iter().any(|row| {
        let key = format!("{}:{}", row.project_id, row.repo_full_name);
        key.eq_ignore_ascii_case(&copied[0])
    });
    assert!(copied.len() == 1 && known, "{copied:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_ends_with_what_was_seen_and_holds_no_secret() {
    let desk = Desk::new().await;
    let file = desk.stage.home.dir().join("session.jsonl");
    let place = file.display().to_string();
    let console = desk.console(&["--record", &place]).await;
    for key in ["2", "3", "5", "6", "1", "2"] {
        console.press(&[key]).await;
        console.says("connected").await;
    }
    // All that comes has come: what comes after the last frame is recorded and was never seen.
    for part in ["mode off", "1-8 of 40", "enter shows more", "r rollback"] {
        console.says(part).await;
    }
    let (ended, text) = console.quit().await;
    assert_eq!(ended, Ended::Code(0), "{text}");
    let seen = last_screen(&console.terminal.raw_output());
    let said = desk.stage.say(&[0], &["replay", &place, "--print"]).await;
    assert_eq!(said.stdout.trim_end(), seen.trim_end());
    let recorded = std::fs::read_to_string(&file).unwrap();
    let rows = &desk.stage.catalog.rows;
    assert!(rows.iter().any(|row| recorded.contains(&row.repo_full_name)), "it holds what was on the screen");
    let output = String::from_utf8_lossy(&console.terminal.raw_output()).into_owned();
    let found = search(&desk.stage.catalog, desk.stage.sim.private_key_pem(), &output, &[&file]).unwrap();
    assert_eq!(found.into_iter().map(|found| found.place).collect::<Vec<_>>(), [""; 0]);
}

/// What stood on the alternate screen when it was left. A look at the terminal meanwhile may find half a frame.
fn last_screen(output: &[u8]) -> String {
    const LEAVE: &[u8] = b"\x1b[?1049l";
    let end = output.windows(LEAVE.len()).rposition(|bytes| bytes == LEAVE).unwrap();
    let mut parser = vt100::Parser::new(24, 80, 0);
    parser.process(&output[..end]);
    let rows: Vec<String> = parser.screen().rows(0, 80).map(|row| row.trim_end().to_owned()).collect();
    rows.join("\n")
}

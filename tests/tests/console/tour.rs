//! The demo with its tour, as whoever tries it out goes through it.

use std::path::PathBuf;
use std::process::Command;

use cutover_tests::harness::Ended;
use tempfile::TempDir;

use super::desk::Console;
use super::stage::EXE;

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_goes_on_through_a_killed_daemon_and_leaves_nothing() {
    let dir = TempDir::with_prefix("cutover-tour-").unwrap();
    let mut command = Command::new(EXE);
    command.args(["--tenants", "20", "--repos", "60"]);
    command.env("TMPDIR", dir.path()).env("HOME", dir.path()).env("LANG", "C.UTF-8").current_dir(dir.path());
    let console = Console::start(&command, (120, 40), &[]);
    let at = async |step: usize| console.says(&format!("tour {step}/14")).await;
    at(1).await;
    console.press(&["F2"]).await;
    at(2).await;
    console.press(&["3"]).await;
    at(3).await;
    console.press(&["d"]).await;
    at(4).await;
    console.press(&["Down", "w"]).await;
    at(5).await;
    // Esc and a digit at once would be Alt and the digit.
    console.press(&["Esc"]).await;
    console.hides("Esc closes").await;
    console.press(&["3", "n"]).await;
    console.says("type `").await;
    let text = console.terminal.screen_text();
    let name = text.split("type `").nth(1).unwrap().split('`').next().unwrap().to_owned();
    console.answer(&name).await;
    at(6).await;
    console.press(&["D"]).await;
    console.says("canary: the 1 ").await;
    console.press(&["Down", "Enter"]).await;
    at(7).await;
    console.press(&["a"]).await;
    console.says("Gate:").await;
    console.answer("canary").await;
    at(8).await;
    console.press(&["D"]).await;
    console.says("all: 60 repositories").await;
    console.press(&["End", "Enter"]).await;
    at(9).await;
    console.press(&["a"]).await;
    console.says("Gate:").await;
    console.answer("apply all 60").await;
    at(10).await;
    console.press(&["F2"]).await;
    at(11).await;
    console.says("no daemon").await;
    at(12).await;
    console.says("connected").await;
    let (ended, text) = console.quit().await;
    assert_eq!(ended, Ended::Code(0), "{text}");
    let whole = text.replace('\n', "");
    assert!(whole.contains("ended with 0") && whole.contains(", and is gone."), "{text}");
    let left: Vec<PathBuf> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
}

//! The kill switch, where there is hardly a terminal and no daemon.

use cutover_shared::paths::kill_marker;

use super::desk::{Console, Desk};

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_kill_in_twenty_columns() {
    let desk = Desk::new().await;
    let console = Console::start(&desk.command(&[]), (20, 3), &[]);
    console.says("connected").await;
    console.press(&["K"]).await;
    console.says("KILL? K again Esc no").await;
    assert_eq!(desk.stage.ask(&[0], &["mode", "get"]).await["killed"], false, "one key is none");
    console.press(&["K"]).await;
    console.says("KILLED").await;
    assert_eq!(desk.stage.ask(&[0], &["mode", "get"]).await["killed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_the_marker_kills_the_next_one() {
    let mut desk = Desk::new().await;
    let console = Console::start(&desk.command(&[]), (20, 3), &[]);
    console.says("connected").await;
    desk.kill_daemon().await;
    console.hides("connected").await;
    let marker = kill_marker(&desk.stage.home.state());
    console.press(&["K"]).await;
    console.says("KILL? K again Esc no").await;
    assert!(!marker.exists());
    console.press(&["K"]).await;
    console.says("KILLED").await;
    assert!(marker.exists());
    desk.start_daemon().await;
    assert_eq!(desk.stage.ask(&[0], &["mode", "get"]).await["killed"], true);
    assert!(!marker.exists(), "its work is done");
}

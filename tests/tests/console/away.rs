//! A daemon that goes and comes back, seen by a console that stays.

use cutover_tests::harness::Life;

use super::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_makes_figures_old_and_keys_safe_until_it_is_back() {
    let mut desk = Desk::new().await;
    desk.stage.ask(&[0, 1], &["map", "plan", "--all"]).await;
    let console = desk.console(&["--screen", "runs"]).await;
    console.says("planned").await;
    let pid = console.terminal.pid();
    desk.kill_daemon().await;
    for text in ["no daemon, next try in ", "stale ", "~"] {
        console.says(text).await;
    }
    console.press(&["a"]).await;
    console.says("there is no connection to the daemon").await;
    console.press(&["Esc"]).await;
    console.hides("there is no connection").await;
    console.says("no daemon, next try in ").await;

    desk.start_daemon().await;
    desk.stage.say(&[0], &["mode", "set", "canary"]).await;
    console.press(&["R"]).await;
    console.says("connected").await;
    console.says("mode canary").await;
    console.hides("~").await;
    console.hides("stale").await;
    console.press(&["a"]).await;
    console.says("type `apply all 40`").await;
    assert_eq!((console.terminal.life(), console.terminal.pid()), (Life::Running, pid));
}

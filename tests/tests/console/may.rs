//! What it does not do: without the role, and for what was pasted.

use super::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_is_told_so_and_nothing_reaches_the_daemon() {
    let desk = Desk::new().await;
    desk.stage.ask(&[0, 1], &["map", "plan", "--all"]).await;
    let before = desk.acts().await;
    for (args, why, kill) in [
        (["--role", "viewer"].as_slice(), "you are viewer here", "you are viewer here"),
        (&["--read-only"], "opened with --read-only", "a viewer can't kill"),
    ] {
        let console = desk.console(&[&["--screen", "runs"], args].concat()).await;
        console.says("planned").await;
        for key in ["d", "a", "m"] {
            console.press(&[key]).await;
            console.says(why).await;
            console.press(&["Esc"]).await;
            console.hides(why).await;
        }
        console.press(&["K", "K"]).await;
        console.says(kill).await;
        let (_, text) = {
            console.press(&["Esc"]).await;
            console.hides(kill).await;
            console.quit().await
        };
        assert!(text.contains("nothing was changed from here"), "{text}");
    }
    assert_eq!(desk.acts().await, before);
    assert_eq!(desk.stage.ask(&[0], &["mode", "get"]).await["killed"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pasted_is_no_key_and_no_answer() {
    let desk = Desk::new().await;
    desk.stage.ask(&[0, 1], &["map", "plan", "--all"]).await;
    let before = desk.acts().await;
    let console = desk.console(&["--screen", "runs"]).await;
    console.says("planned").await;
    console.terminal.paste("KKyy\r\n").await.unwrap();
    console.says("pasted text is never taken for keys").await;
    console.press(&["a"]).await;
    console.says("type `apply all 40`").await;
    // Deaf at first, for a paste as for keys; typed once, it is deaf no more.
    console.typed("apply all 40").await;
    console.press(&["ctrl-u"]).await;
    console.says("not yet").await;
    for text in ["apply all 40", "KKyy\r\n", "apply all 40\t y\r\n"] {
        console.terminal.paste(text).await.unwrap();
        console.says("what is pasted is not taken here: type it").await;
        console.press(&["End"]).await;
        console.hides("what is pasted").await;
        console.says("not yet").await;
    }
    console.press(&["Esc"]).await;
    console.hides("type `apply").await;
    let (_, text) = console.quit().await;
    assert!(text.contains("nothing was changed from here"), "{text}");
    assert_eq!(desk.acts().await, before);
    assert_eq!(desk.run().await["state"], "planned");
    assert_eq!(desk.stage.ask(&[0], &["mode", "get"]).await["killed"], false);
}

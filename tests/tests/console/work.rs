//! Plan, apply, undo: wholly by keys, held against what the command line says.

use super::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_planned_applied_and_taken_back_by_keys() {
    let desk = Desk::new().await;
    let before = desk.stage.world().await;
    let console = desk.console(&["--screen", "tenants"]).await;
    console.says("1-").await;
    console.press(&["d"]).await;
    console.says("can be approved").await;
    let planned = desk.run().await;
    assert_eq!(planned["state"], "planned");
    console.hides(" d ago").await;
    assert_eq!(desk.stage.world().await, before, "a dry-run changes nothing");
    let scope = planned["scope"].as_str().unwrap();
    let tenant = scope.strip_prefix("tenant:").unwrap();

    console.press(&["a"]).await;
    console.says("Gate:").await;
    console.says("open").await;
    console.answer(tenant).await;
    console.says("✓ done  map").await;
    let done = desk.run().await;
    assert_eq!((&done["id"], &done["state"]), (&planned["id"], &"done".into()));
    assert_ne!(desk.stage.world().await, before);
    assert!(done["progress"]["counts"]["done"].as_u64().unwrap() > 0, "{done}");

    console.press(&["u"]).await;
    console.answer(tenant).await;
    console.says("✓ undone  map").await;
    let undone = desk.run().await;
    assert_eq!((&undone["id"], &undone["state"]), (&planned["id"], &"undone".into()));
    assert_eq!(desk.stage.world().await, before, "byte for byte");

    let (_, text) = console.quit().await;
    let id = planned["id"].as_str().unwrap();
    for command in [
        format!("cutover map plan --tenant {tenant}"),
        format!("cutover map apply {id} --approve {}", planned["digest"].as_str().unwrap()),
        format!("cutover run undo {id}"),
    ] {
        assert!(text.replace('\n', "").contains(&command), "{command} is not in {text}");
    }
}

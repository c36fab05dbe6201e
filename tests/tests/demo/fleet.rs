//! The scenario `fleet`, played whole: each of its checks holds.

use std::process::Stdio;

use tokio::process::Command;

use super::{EXE, in_time};

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_s_scenario_holds() {
    let mut command = Command::new(EXE);
    command.args(["--headless", "--scenario", "fleet", "--tenants", "120", "--postgres", "10"]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = in_time("the scenario", command.output()).await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let told = "ok scenario=fleet tenants=120 postgres=10 waves=3 ";
    assert!(out.contains(told) && out.contains(" rolled_back=1 "), "{out}");
}

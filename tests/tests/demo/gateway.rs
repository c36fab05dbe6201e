//! The scenario `gateway`, played whole: each of its checks holds.

use std::process::Stdio;

use tokio::process::Command;

use super::{EXE, in_time};

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_s_scenario_holds() {
    let mut command = Command::new(EXE);
    command.args(["--headless", "--scenario", "gateway", "--tenants", "4", "--repos", "20"]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = in_time("the scenario", command.output()).await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("ok scenario=gateway") && out.contains("executions=1 engine_calls=3"), "{out}");
}

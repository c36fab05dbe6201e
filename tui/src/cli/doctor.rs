//! `cutover doctor`.

use cutover_shared::rpc::{Answer, Query};
use cutover_shared::status::{Check, Health};

use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Style, Tone, clean, width, wrap};
use crate::session::Session;

pub(super) async fn run(session: &mut Session<'_>) -> Verdict {
    let Answer::Doctor(checks) = session.ask(Query::Doctor).await? else {
        return Err(Failure::unexpected("doctor"));
    };
    let document = serde_json::json!({ "rows": checks, "next": null });
    session.out.answer(&document, |style| text(&checks, style))?;
    let bad = checks.iter().any(|check| check.health == Health::Bad);
    Ok(if bad { Outcome::Found } else { Outcome::Done })
}

fn text(checks: &[Check], style: Style) -> String {
    let names = checks.iter().map(|check| width(&clean(&check.name))).max().unwrap_or(0);
    let indent = 9 + names + 2;
    let room = style.measure().saturating_sub(indent).max(20);
    let mut text = String::new();
    for check in checks {
        let tone = match check.health {
            Health::Ok => Tone::Good,
            Health::Warning => Tone::Warn,
            Health::Bad => Tone::Bad,
        };
        let name = clean(&check.name);
        let gap = " ".repeat(names.saturating_sub(width(&name)));
        let mut begin = format!("{}  {name}{gap}  ", style.paint(&format!("{:7}", check.health), tone));
        let mend = if check.mend.is_empty() { Vec::new() } else { wrap(&clean(&check.mend), room - 2) };
        let told = wrap(&clean(&check.text), room);
        let mends =
            mend.iter().enumerate().map(|(i, line)| format!("{}{line}", if i == 0 { "> " } else { "  " }));
        for line in told.iter().cloned().chain(mends) {
            text += &format!("{begin}{line}\n");
            begin = " ".repeat(indent);
        }
    }
    let count = |health| checks.iter().filter(|check| check.health == health).count();
    text + &format!(
        "\n{} ok, {} to be watched, {} bad\n",
        count(Health::Ok),
        count(Health::Warning),
        count(Health::Bad)
    )
}

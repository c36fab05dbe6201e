//! `cutover fleet instance show`.

use cutover_shared::fleet::{FleetAnswer, FleetQuery, InstanceDetail};
use cutover_shared::ids::TenantId;

use super::super::super::{Outcome, Verdict};
use super::super::{ask, history, version};
use super::{state_tone, status_tone};
use crate::failure::Failure;
use crate::plain::{Block, Cell, Style, Table, Tone, age, clean, number, time};
use crate::session::Session;

pub(super) async fn show(tenant: TenantId, session: &mut Session<'_>) -> Verdict {
    let FleetAnswer::Instance(detail) = ask(session, FleetQuery::Instance { tenant }).await? else {
        return Err(Failure::unexpected("fleet instance show"));
    };
    let now = session.now();
    session.out.answer(&detail, |style| text(&detail, now, style))?;
    Ok(Outcome::Done)
}

fn text(detail: &InstanceDetail, now: i64, style: Style) -> String {
    let one = &detail.instance;
    let mut block = Block::new();
    block.line("Tenant", one.tenant.as_str());
    block.maybe("User outside", one.external_user.as_ref());
    block.line("Database", format!("{}, {}", one.driver, one.place));
    block.line("Server", &one.server);
    let from = if one.from_application { ", from the application's table" } else { "" };
    block.line("Credential", format!("sealed with key {}{from}", one.key));
    block.toned("State", one.state.word(), state_tone(one.state));
    if let Some(reason) = &one.reason {
        block.toned("Because", reason, Tone::Bad);
    }
    let asked =
        one.checked_at.map_or_else(|| "never".to_owned(), |at| format!("{} ({})", time(at), age(now, at)));
    block.line("Asked", asked);
    let pending = match one.pending {
        0 => String::new(),
        n => format!(", {} pending", number(n.into())),
    };
    block.line("Version", format!("{}{pending}", version(one.version)));
    block.toned("Status", one.status.word(), status_tone(one.status));
    block.line("Wave", one.wave.to_string());
    if let (Some(failed), Some(error)) = (&one.failed, &one.error) {
        block.toned("Failed", format!("{failed}: {error}"), Tone::Bad);
    }
    if let Some(class) = one.class {
        block.line("Next", class.next_step());
    }
    if let Some(drift) = &one.drift {
        block.toned("Drifted", drift, Tone::Warn);
    }
    let mut text = block.render(style);
    if !detail.steps.is_empty() {
        let rows: Vec<Vec<Cell>> = detail.steps.iter().map(|step| history::row(step, now)).collect();
        text += &format!("\n{}", Table::whole(history::COLUMNS, &rows, style));
    }
    if !detail.drift.is_empty() {
        let told = "Schema: + is there and not expected, - is expected and not there";
        text += &format!("\n{}\n", style.paint(told, Tone::Strong));
        for line in &detail.drift {
            let tone = match line.as_bytes().first() {
                Some(b'+') => Tone::Warn,
                Some(b'-') => Tone::Bad,
                _ => Tone::Dim,
            };
            text += &format!("  {}\n", style.paint(&clean(line), tone));
        }
        let accept = format!("cutover fleet instance accept {}", one.tenant);
        text += &format!("\nput it right, or take it as it is: {}\n", clean(&accept));
    }
    text
}

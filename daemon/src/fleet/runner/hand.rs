//! Handing steps to a session: which go together, and with which times.

use cutover_shared::fleet::ErrorClass;

use super::super::chain::{Now, now};
use super::super::driver::{Ledger, Session, StepAsk, StepEnd, StepError};
use super::super::migration::Step;
use super::work::{Link, Walk};

/// Steps that are handed to a session together.
const TOGETHER: usize = 32;

impl<'a> Walk<'a> {
    /// This item, and those after it that can be handed over with it: short ones, as the ledger will be by then.
    pub(super) fn together(&self, at: usize, ledger: &Ledger) -> Vec<&'a Link<'a>> {
        let mut ledger = ledger.clone();
        let mut chosen: Vec<&'a Link<'a>> = Vec::new();
        for link in self.links.get(at..).unwrap_or_default().iter().take(TOGETHER) {
            let Some(migration) = self.pass.migrations.get(&link.says.version) else { break };
            let is_short = matches!(
                migration.step(link.way, link.says.driver),
                Some(Step::Sql(script)) if script.transaction && script.chunk.is_none()
            );
            let is_next = link.says.left_out.is_none() && now(&link.says, link.way, &ledger) == Now::Run;
            let goes_along = is_short && is_next;
            if !(goes_along || chosen.is_empty()) {
                break;
            }
            chosen.push(link);
            if !is_short {
                break;
            }
            ledger.follow(migration, link.way);
        }
        chosen
    }

    pub(super) async fn run(
        &self,
        session: &mut Box<dyn Session>,
        together: &[&Link<'_>],
    ) -> Vec<Result<StepEnd, StepError>> {
        let (inner, pass) = (&self.pass.inner, self.pass);
        let mut asks = Vec::with_capacity(together.len());
        for link in together {
            let known = pass.migrations.get(&link.says.version);
            let step =
                known.and_then(|migration| Some((migration, migration.step(link.way, link.says.driver)?)));
            let Some((migration, step)) = step else {
                let text = format!("{} has no way {} here", link.says.migration, link.way.word());
                return vec![Err(StepError::new(ErrorClass::MigrationBug, text))];
            };
            let (timeout, lock_timeout) = times(step, &inner.settings);
            asks.push(StepAsk {
                tenant: &link.says.tenant,
                external_user: self.row.external_user.as_deref(),
                run: &pass.run.id,
                migration,
                step,
                way: link.way,
                timeout,
                lock_timeout,
                stop: self.told.stop(),
                faults: &inner.faults,
            });
        }
        session.steps(&asks).await
    }
}

/// What one statement may take, and how long it may wait for a lock: less than that, or a wait would look like a statement that takes
/// too long, which is not tried again.
pub(in super::super) fn times(
    step: Step<'_>,
    settings: &super::super::settings::Settings,
) -> (std::time::Duration, std::time::Duration) {
    let (timeout, lock_timeout) = match step {
        Step::Sql(script) => (script.timeout, script.lock_timeout),
        Step::Http(step) => (step.timeout, None),
    };
    let timeout = timeout.unwrap_or(settings.timeout);
    let lock_timeout = lock_timeout.unwrap_or(settings.lock_timeout);
    (timeout, if lock_timeout < timeout { lock_timeout } else { timeout / 2 })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cutover_shared::fleet::Way;

    use super::super::super::registry::read;
    use super::super::super::settings::sample;
    use super::*;

    #[test]
    fn a_wait_for_a_lock_always_ends_before_its_statement() {
        let settings = sample();
        for (head, timeout, lock) in [
            ("", settings.timeout, settings.lock_timeout),
            ("-- timeout: 1s\n", Duration::from_secs(1), Duration::from_millis(500)),
            ("-- lock_timeout: 5m\n", settings.timeout, settings.timeout / 2),
            ("-- timeout: 1h\n-- lock_timeout: 5m\n", Duration::from_secs(3_600), Duration::from_secs(300)),
        ] {
            let read = read(&[("001_a.up.sql".to_owned(), format!("{head}SELECT 1;").into_bytes())]);
            let step = read.migrations[0].step(Way::Up, cutover_shared::fleet::DriverKind::Sqlite).unwrap();
            assert_eq!(times(step, &settings), (timeout, lock), "{head}");
        }
    }
}

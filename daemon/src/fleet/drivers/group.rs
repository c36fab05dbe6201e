//! Which steps can be handed to a database together.

use std::time::Duration;

use super::super::driver::{Ledger, StepAsk};
use super::super::migration::{Script, Step};
use super::script::{Dialect, no_transactions};
use super::standing::{Standing, standing};

/// In one go, at the most: what a failure has to be looked for in stays small.
const STEPS: usize = 32;
const BYTES: usize = 256 * 1024;

/// The longest beginning of the steps that can go together: one way, each in a transaction, never begun, with nothing to be asked in between.
pub(super) fn group<'a, 'b>(
    ledger: &Ledger,
    asks: &'a [StepAsk<'b>],
    dialect: Dialect,
) -> Vec<(&'a StepAsk<'b>, &'b Script)> {
    let mut bytes = 0;
    let way = asks.first().map(|ask| ask.way);
    let one = |ask: &'a StepAsk<'b>| match ask.step {
        Step::Sql(script)
            if script.transaction
                && Some(ask.way) == way
                && script.chunk.is_none()
                && script.verify.is_none()
                && !ask.stop.is_cancelled()
                && no_transactions(script, dialect).is_ok()
                && matches!(standing(ledger, ask), Ok(Standing::Fresh)) =>
        {
            bytes += script.text.len();
            (bytes <= BYTES).then_some((ask, script))
        }
        _ => None,
    };
    asks.iter().take(STEPS).map_while(one).collect()
}

/// What a script may take: its time-out for each of its statements, and for the commit.
pub(super) fn allowance(ask: &StepAsk<'_>, script: &Script) -> Duration {
    let statements = u32::try_from(script.statements.len()).unwrap_or(u32::MAX).saturating_add(1);
    script.timeout.unwrap_or(ask.timeout).saturating_mul(statements)
}

//! What the ledger says to a step before anything is tried.

use cutover_shared::fleet::{ErrorClass, Way};

use super::super::driver::{Ledger, Part, StepAsk, StepError};

/// Where a step stands.
pub(super) enum Standing {
    /// Nothing is to be done.
    Already,
    Fresh,
    /// It was begun before.
    Begun(Part),
}

/// Holds a step against the ledger.
pub(super) fn standing(ledger: &Ledger, ask: &StepAsk<'_>) -> Result<Standing, StepError> {
    let Some(row) = ledger.rows.get(&ask.migration.version) else {
        return Ok(if ask.way == Way::Down { Standing::Already } else { Standing::Fresh });
    };
    if row.id != ask.migration.id && !row.id.is_empty() {
        return Err(StepError::new(
            ErrorClass::SchemaMismatch,
            format!(
                "the tenant's ledger has `{}` as version {}, not `{}`",
                row.id, row.version, ask.migration.id
            ),
        ));
    }
    match (&row.part, ask.way) {
        (None, Way::Up) => Ok(Standing::Already),
        (None, Way::Down) => Ok(Standing::Fresh),
        (Some(part), way) if part.way != way => Err(StepError::new(
            ErrorClass::SchemaMismatch,
            format!(
                "`{}` was begun on its way {} and is not at its end: let that one end first",
                row.id, part.way
            ),
        )),
        (Some(_), Way::Up) if row.checksum != ask.migration.checksum => Err(StepError::new(
            ErrorClass::SchemaMismatch,
            format!("`{}` was begun with another text: put the old one back until it is at its end", row.id),
        )),
        (Some(part), _) => Ok(Standing::Begun(part.clone())),
    }
}

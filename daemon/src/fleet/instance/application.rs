//! Instances out of the application's own list of its tenants' databases.

use super::{Added, InstanceError, Instances};
use crate::audit::Who;
use crate::fleet::drivers::application::ApplicationList;

/// Rows of one page: a unit holds them.
const PAGE: u32 = 200;

/// Rows that could not be taken and are told.
const TOLD: usize = 100;

/// What was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub added: u64,
    pub replaced: u64,
    /// Tenant and reason; the last line counts those that are not told.
    pub left_out: Vec<String>,
}

impl Instances {
    /// Takes every connected row of the application's list. What can't be taken is told, and stops nothing.
    ///
    /// # Errors
    /// No list is configured, it does not answer, or the store takes nothing.
    pub async fn from_application(
        &self,
        list: Option<&ApplicationList>,
        who: &Who,
    ) -> Result<Taken, InstanceError> {
        let list = list.ok_or(InstanceError::NoApplication)?;
        let (mut taken, mut untold, mut after) = (Taken::default(), 0_u64, None::<String>);
        loop {
            let page = list.page(after.as_deref(), PAGE).await?;
            let mut leave = |why: String| {
                if taken.left_out.len() < TOLD {
                    taken.left_out.push(why);
                } else {
                    untold += 1;
                }
            };
            for (tenant, why) in page.left_out {
                leave(format!("{tenant}: {why}"));
            }
            let mut rows = Vec::with_capacity(page.rows.len());
            for row in page.rows {
                match super::checked(&row) {
                    Ok(_) => rows.push(row),
                    Err(refused) => leave(refused.to_string()),
                }
            }
            let Added { added, replaced } = self.add(&rows, true, who).await?;
            taken.added += added;
            taken.replaced += replaced;
            after = page.after;
            if after.is_none() {
                if untold > 0 {
                    taken.left_out.push(format!("and {untold} more"));
                }
                return Ok(taken);
            }
        }
    }
}

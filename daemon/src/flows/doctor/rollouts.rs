//! What rollouts measure and owe, as the doctor sees it.

use cutover_shared::rollout::RolloutName;
use cutover_shared::status::{Check, Health};

use super::{Doctor, check};
use crate::rollout::metrics::flush::FlushStanding;
use crate::rollout::metrics::prometheus::PrometheusStanding;

impl Doctor {
    pub(super) async fn second_writes(&self) -> Vec<Check> {
        const MEND: &str =
            "`cutover rollout repairs` says why each failed; runbooks/repair_queue.md goes through it";
        let mut checks = Vec::new();
        for name in RolloutName::ALL.iter().copied() {
            let (owed, compared) = (self.second.view(name).await, self.second.reconciled(name).await);
            checks.push(match (owed, compared) {
                (Ok(owed), Ok(compared)) => {
                    let mut text =
                        format!("{name}: {} second writes owed, {} failed", owed.waiting, owed.failed);
                    let books = compared.as_ref().map_or(Health::Ok, |view| view.health);
                    if let Some(view) = compared.filter(|_| books != Health::Ok) {
                        text += &format!(
                            "; the books of its arms differ in {} of a million records",
                            view.mismatch_ppm
                        );
                    }
                    if owed.blocks || owed.failed > 0 || books == Health::Bad {
                        check("repair queue", Health::Bad, text, MEND)
                    } else if books == Health::Warning {
                        check("repair queue", Health::Warning, text, MEND)
                    } else {
                        check("repair queue", Health::Ok, text, "")
                    }
                }
                (Err(error), _) | (_, Err(error)) => {
                    check("repair queue", Health::Bad, error.to_string(), "see the check of the store")
                }
            });
        }
        checks
    }
}

/// What rollouts count.
pub(super) fn figures(standing: &FlushStanding, beyond_tenants: u64) -> Check {
    let name = "rollout figures";
    if let Some(trouble) = &standing.trouble {
        let (waiting, dropped) = (standing.waiting, standing.dropped);
        let text = format!("{trouble}; {waiting} rows wait, {dropped} were given up");
        return check(name, Health::Bad, text, "see the check of the store");
    }
    if standing.dropped > 0 {
        let text = format!(
            "{} rows were given up while the store failed; their windows are incomplete",
            standing.dropped
        );
        return check(name, Health::Warning, text, "no verdict stands on those windows; they pass with time");
    }
    if beyond_tenants > 0 {
        let text = format!("{beyond_tenants} calls are counted in the sums, and not with their tenant");
        return check(name, Health::Warning, text, "restart the daemon, if figures by tenant matter");
    }
    check(name, Health::Ok, "every call is counted and stored", "")
}

pub(super) fn prometheus(standing: Option<&PrometheusStanding>) -> Check {
    let name = "prometheus";
    let mend = "check rollout.prometheus: its address, and each query in Prometheus' own page";
    match standing {
        None => check(name, Health::Ok, "no window is over since the start", ""),
        Some(PrometheusStanding { trouble: Some(trouble), .. }) => {
            check(name, Health::Bad, format!("the newest window is incomplete: {trouble}"), mend)
        }
        Some(PrometheusStanding { arms: 0, .. }) => {
            check(name, Health::Warning, "no query gave a figure for the newest window", mend)
        }
        Some(PrometheusStanding { arms, .. }) => {
            check(name, Health::Ok, format!("{arms} arms of operations had figures in the newest window"), "")
        }
    }
}

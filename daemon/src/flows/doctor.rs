//! Checks everything that the daemon needs, and says the mend.

mod locks;

use std::path::PathBuf;
use std::sync::Arc;

use cutover_shared::rollout::RolloutName;
use cutover_shared::status::{Check, Health};

use super::app_workflows::{AppWorkflows, Standing};
use super::status::Identity;
use crate::audit::{self, HeadFile};
use crate::clock::{Clock, Millis};
use crate::git::Git;
use crate::github::{GitHub, GitHubError, MintError, Traffic};
use crate::locks::LockService;
use crate::mapping::catalog::app_database::AppDatabase;
use crate::mapping::mirror::Mirror;
use crate::rollout::metrics::Flush;
use crate::rollout::metrics::flush::FlushStanding;
use crate::rollout::metrics::prometheus::{Prometheus, PrometheusStanding};
use crate::rollout::second::Second;
use crate::run::Brake;
use crate::seal::Seal;
use crate::store::{ActOp, Db, Lane, Unit};

/// Least permissions of the App for this version's features.
const NEEDED: &[(&str, &str)] = &[("metadata", "read"), ("contents", "read")];

/// A clock that differs by more makes GitHub refuse what the App signs.
const SKEW_MS: i64 = 30_000;

/// A certificate that ends sooner is worth a warning: whoever renews by hand needs the time.
const RENEW_MS: Millis = 30 * DAY_MS;
const DAY_MS: Millis = 24 * 60 * 60 * 1_000;

/// The certificate that the HTTP door serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Milliseconds since the epoch.
    pub ends_at: Millis,
    /// Why newer files are not served.
    pub trouble: Option<String>,
}

/// What is checked.
#[derive(Clone)]
pub struct Doctor {
    pub identity: Arc<Identity>,
    pub db: Db,
    pub github: GitHub,
    pub seal: Arc<Seal>,
    pub clock: Clock,
    pub brake: Brake,
    pub state_dir: PathBuf,
    pub app_database: Option<AppDatabase>,
    /// None: the application's tables are not read for workflows.
    pub app_workflows: Option<Arc<AppWorkflows>>,
    /// None where nothing is copied.
    pub mirror: Option<Mirror>,
    /// None without TLS.
    pub certificate: Option<Arc<dyn Fn() -> Certificate + Send + Sync>>,
    pub git: Git,
    pub locks: Arc<LockService>,
    pub flush: Flush,
    /// None: no Prometheus server is asked.
    pub prometheus: Option<Prometheus>,
    pub second: Second,
}

fn check(name: &str, health: Health, text: impl Into<String>, mend: impl Into<String>) -> Check {
    Check { name: name.to_owned(), health, text: text.into(), mend: mend.into() }
}

impl Doctor {
    /// Every check, in the order in which to mend.
    pub async fn examine(&self) -> Vec<Check> {
        let mut checks = vec![self.store().await, self.audit().await, self.seal(), self.git().await];
        checks.extend(self.github().await);
        checks.push(self.index().await);
        checks.extend(self.application().await);
        checks.extend(self.app_workflows.as_ref().map(|read| workflows(&read.standing(), self.clock.now())));
        checks.extend(self.mirror().await);
        checks.extend(self.certificate.as_ref().map(|now| certificate(&now(), self.clock.now())));
        checks.push(locks::check(&self.locks.report(), self.clock.now()));
        checks.push(figures(&self.flush.standing(), self.flush.recorder().beyond_tenants()));
        checks.extend(self.prometheus.as_ref().map(|of| prometheus(of.standing().as_ref())));
        checks.extend(self.second_writes().await);
        checks.push(self.switch());
        checks
    }

    async fn store(&self) -> Check {
        // Written and taken out again at once: a commit that changes no page would go through on a full disk.
        let before = i64::MIN + 1;
        let probe = ActOp::Remember {
            key: "doctor".to_owned(),
            at: i64::MIN,
            operator: "daemon".to_owned(),
            request: String::new(),
            receipt: String::new(),
        };
        let unit = Unit::new().with(probe).with(ActOp::Forget { before });
        match self.db.write(Lane::Urgent, unit).await {
            Ok(()) => check("store", Health::Ok, "takes commits", ""),
            Err(error) => check(
                "store",
                Health::Bad,
                error.to_string(),
                format!(
                    "free space on the disk of {}, or repair it; nothing is acknowledged until then",
                    self.state_dir.display()
                ),
            ),
        }
    }

    async fn audit(&self) -> Check {
        let heads = match HeadFile::of(&self.state_dir).newest(&self.seal) {
            Ok(heads) => heads,
            Err(error) => {
                return check("audit", Health::Bad, error.to_string(), "repair the file's permissions");
            }
        };
        match audit::verify(&self.db, heads.as_ref()).await {
            Ok(found) if found.intact => {
                check("audit", Health::Ok, format!("{} records, chain intact", found.records), "")
            }
            Ok(found) => check(
                "audit",
                Health::Bad,
                found.problem.unwrap_or_default(),
                "keep the store as evidence, and find out who changed it; `cutover audit verify`",
            ),
            Err(error) => check("audit", Health::Bad, error.to_string(), "see the check of the store"),
        }
    }

    fn seal(&self) -> Check {
        let probe = self.seal.seal("doctor", b"probe").and_then(|sealed| self.seal.open("doctor", &sealed));
        match probe {
            Ok(_) => check("seal", Health::Ok, "the keyring seals and opens", ""),
            Err(error) => {
                check("seal", Health::Bad, error.to_string(), "put the key file back from its backup")
            }
        }
    }

    async fn git(&self) -> Check {
        match self.git.version().await {
            Ok(version) => check("git", Health::Ok, version, ""),
            Err(error) => {
                let mend = "install git, or put it on the daemon's machine in /usr/bin; imports need it";
                check("git", Health::Bad, error.to_string(), mend)
            }
        }
    }

    async fn github(&self) -> Vec<Check> {
        let base = self.github.api_base();
        let app = match self.github.reader(Traffic::Live).app().await {
            Ok(app) => app,
            Err(error) => {
                let mend = match &error {
                    GitHubError::Mint(MintError::KeyRejected) | GitHubError::Refused { status: 401, .. } => {
                        "check github.app_id and github.private_key: they must belong together"
                    }
                    GitHubError::Mint(MintError::ClockSkew { .. }) => "synchronise this machine's clock",
                    GitHubError::Unavailable { .. } => {
                        "check github.api_base_url, the network and the host's certificate"
                    }
                    _ => "look at the daemon's log for the call",
                };
                return vec![check("github", Health::Bad, format!("{base}: {error}"), mend)];
            }
        };
        let mut checks =
            vec![check("github", Health::Ok, format!("{base}: App {} ({})", app.slug, app.id), "")];
        if let Some(skew) = self.github.clock_skew().filter(|skew| skew.abs() > SKEW_MS) {
            checks.push(check(
                "clock",
                Health::Warning,
                format!("differs from GitHub's by {} s", skew / 1_000),
                "synchronise this machine's clock",
            ));
        }
        let missing: Vec<_> = NEEDED
            .iter()
            .filter(|(name, least)| {
                !app.permissions.get(*name).is_some_and(|granted| granted == *least || granted == "write")
            })
            .map(|(name, least)| format!("{name}: {least}"))
            .collect();
        checks.push(if missing.is_empty() {
            check("permissions", Health::Ok, "the App has what this version needs", "")
        } else {
            check(
                "permissions",
                Health::Bad,
                format!("the App lacks {}", missing.join(", ")),
                "grant them in the App's settings; owners of installations must accept",
            )
        });
        checks
    }

    async fn index(&self) -> Check {
        const MEND: &str = "`cutover map plan --refresh` reads GitHub's lists again";
        match self.db.index_view(&self.identity.github_host).await {
            Err(error) => check("index", Health::Bad, error.to_string(), "see the check of the store"),
            Ok(view) => match view.swept_at {
                None => check("index", Health::Warning, "GitHub's lists were never read", MEND),
                Some(at) => {
                    let age = self.clock.now().saturating_sub(at);
                    let text = format!(
                        "{} installations ({} suspended), {} repositories, read {} min ago",
                        view.installations,
                        view.suspended,
                        view.repositories,
                        age / 60_000
                    );
                    if view.unread > 0 {
                        let text = format!("{text}; {} refused to be read and are as last seen", view.unread);
                        let mend = "the daemon's log names them and GitHub's words; often an allow-list of addresses";
                        check("index", Health::Warning, text, mend)
                    } else if age > self.identity.index_max_age_ms {
                        check("index", Health::Warning, text, MEND)
                    } else {
                        check("index", Health::Ok, text, "")
                    }
                }
            },
        }
    }

    async fn application(&self) -> Option<Check> {
        let database = self.app_database.as_ref()?;
        Some(match database.check().await {
            Ok(()) => check("application", Health::Ok, "its database answers and has the columns", ""),
            Err(error) => check(
                "application",
                Health::Bad,
                error.to_string(),
                "`cutover catalog ddl` prints the migration; catalog.postgres names tables and columns",
            ),
        })
    }

    async fn mirror(&self) -> Option<Check> {
        let mirror = self.mirror.as_ref()?;
        let owed = match mirror.check().await {
            Ok(owed) => owed,
            Err(error) => {
                let mend = "catalog.postgres.mirror names tables and columns; docs/application-database.md has the grants";
                return Some(check("copies", Health::Bad, error.to_string(), mend));
            }
        };
        Some(match mirror.trouble() {
            Some(trouble) => {
                let mend = "change what the words name; it is tried again by itself, at the latest after the next sweep";
                check("copies", Health::Warning, trouble.why, mend)
            }
            None if owed > 0 => {
                let text =
                    format!("the application's tables can be written; {owed} changes are on their way");
                check("copies", Health::Ok, text, "")
            }
            None => check("copies", Health::Ok, "the application's tables hold what we know", ""),
        })
    }

    async fn second_writes(&self) -> Vec<Check> {
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

    fn switch(&self) -> Check {
        if self.brake.is_pulled() {
            check(
                "kill switch",
                Health::Warning,
                "pulled: every run stands",
                "`cutover unkill --all` lets go",
            )
        } else {
            check("kill switch", Health::Ok, "not pulled", "")
        }
    }
}

/// What rollouts count.
fn figures(standing: &FlushStanding, beyond_tenants: u64) -> Check {
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

fn prometheus(standing: Option<&PrometheusStanding>) -> Check {
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

/// Those that the application's tables hold.
fn workflows(standing: &Standing, now: Millis) -> Check {
    let Some((at, reading)) = &standing.newest else {
        let why = standing.trouble.as_ref().map_or("not read yet", |(_, why)| why);
        let text = format!("the application's were not read since the start: {why}");
        return check(
            "workflows",
            Health::Warning,
            text,
            "see the check of the application; the last known stay",
        );
    };
    let count = reading.added + reading.changed + reading.unchanged;
    let mut text = format!("{count} of the application's, read {} s ago", now.saturating_sub(*at) / 1_000);
    if let Some((since, why)) = &standing.trouble {
        text += &format!("; in trouble for {} s: {why}", now.saturating_sub(*since) / 1_000);
        return check(
            "workflows",
            Health::Warning,
            text,
            "see the check of the application; the last known stay",
        );
    }
    if reading.left_out > 0 {
        text += &format!("; {} left out: {}", reading.left_out, reading.reasons.join("; "));
        return check(
            "workflows",
            Health::Warning,
            text,
            "mend them in the application, or what is in their way here",
        );
    }
    if reading.mistaken > 0 {
        text += &format!("; {} with a mistake match nothing", reading.mistaken);
        let mend = "`cutover workflow list --filter source:application --sort -trouble` shows each with its mistake; mend them in the application";
        return check("workflows", Health::Warning, text, mend);
    }
    if let Some(why) = &standing.deaf {
        text += &format!("; its changes are not heard, and are seen later: {why}");
        let mend =
            "workflows.notify_channel needs a connection that lasts, not one of a pool in transaction mode";
        return check("workflows", Health::Warning, text, mend);
    }
    check("workflows", Health::Ok, text, "")
}

fn certificate(certificate: &Certificate, now: Millis) -> Check {
    let left = certificate.ends_at.saturating_sub(now);
    let text = match left / DAY_MS {
        _ if left <= 0 => "the HTTP door's certificate has expired".to_owned(),
        days => format!("the HTTP door's certificate is good for {days} days"),
    };
    if let Some(trouble) = &certificate.trouble {
        let health = if left <= 0 { Health::Bad } else { Health::Warning };
        let mend = "write a certificate and its key to http.tls_certificate and http.tls_key; they are taken at once";
        return check("certificate", health, format!("{text}; newer files are not served: {trouble}"), mend);
    }
    let mend = "renew it; new files are taken while the daemon serves";
    match left {
        ..=0 => check("certificate", Health::Bad, text, mend),
        1..=RENEW_MS => check("certificate", Health::Warning, text, mend),
        _ => check("certificate", Health::Ok, text, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_watched_a_month_before_its_end() {
        let state = |days: i64, trouble: Option<&str>| {
            let ends_at = 1_000 + days * DAY_MS;
            let found = certificate(&Certificate { ends_at, trouble: trouble.map(str::to_owned) }, 1_000);
            assert_eq!(found.mend.is_empty(), found.health == Health::Ok);
            found.health
        };
        assert_eq!(state(31, None), Health::Ok);
        assert_eq!(state(30, None), Health::Warning);
        assert_eq!(state(1, None), Health::Warning);
        assert_eq!(state(0, None), Health::Bad);
        assert_eq!(state(-5, None), Health::Bad);
        assert_eq!(state(90, Some("no key")), Health::Warning);
        assert_eq!(state(0, Some("no key")), Health::Bad);
    }
}

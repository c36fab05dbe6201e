//! Git for tenants (C9): clone, pull and push in a sandbox, by the arm that the rollout `git-sandbox` chooses and with the credential
//! that an import would have.

mod archive;
mod beside;
mod credential;
mod error;
mod held;
mod prove;
mod routed;
mod second;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cutover_shared::git::{PushView, SandboxView};
use cutover_shared::ids::{ProjectId, TenantId};
use cutover_shared::import::Method;
use cutover_shared::rollout::{Operation, Side};

pub use self::error::GitsError;
pub use self::second::GitsBehind;

use self::archive::{Places, Source};
use self::beside::Checkout;
use self::credential::{Wanted, Way};
use self::held::Shelf;
use self::routed::{Routed, cloned};
use self::second::{checkout_asked, checkout_record, push_asked, push_record};
use crate::clock::Clock;
use crate::flows::import::{ImportAsk, Imports, Need};
use crate::github::Traffic;
use crate::rollout::router::Router;
use crate::rollout::second::Second;
use crate::rollout::shadow::Shadow;
use crate::rollout::tally::Tally;
use crate::sandbox::{Change, Cloned, GitArm, OperationId, Pulled, Quota, Reference, SandboxError};
use crate::store::{Db, LinkRow};

/// Which repository, of whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub project: Option<ProjectId>,
    pub tenant: Option<TenantId>,
    /// `owner/name`, in any case; needed when the project has several.
    pub repository: Option<String>,
    /// The caller's own tenant; what belongs to another isn't there.
    pub within: Option<TenantId>,
}

/// What is to be cloned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloneAsk {
    pub place: Place,
    /// `HEAD`, a branch or a full commit sha; none: `HEAD`.
    pub reference: Option<String>,
}

/// Which sandbox is to be brought up to date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullAsk {
    /// [`SandboxView::sandbox`].
    pub sandbox: String,
    /// None: what it was cloned at.
    pub reference: Option<String>,
    /// The caller's own tenant.
    pub within: Option<TenantId>,
}

/// One commit that is to be put on a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushAsk {
    pub place: Place,
    pub change: Change,
    /// The caller's name of the push; a repeat has the same.
    pub operation: crate::sandbox::OperationId,
}

/// The files of a sandbox as a tar stream, read while it is written.
pub struct Archive {
    /// Reads the archive; an error ends it before its end-of-archive blocks, so that a cut one shows.
    pub reader: Box<dyn tokio::io::AsyncRead + Send + Unpin>,
    pub commit_sha: String,
}

/// What it stands on.
pub struct GitsParts {
    pub db: Db,
    pub clock: Clock,
    /// Look up repositories, and say which credential has its turn.
    pub imports: Imports,
    /// By [`Side::index`]: a sandbox for each task, and those of the pool.
    pub arms: [Arc<dyn GitArm>; Side::ALL.len()],
    /// Where GitHub's repositories are, as git finds them.
    pub host: String,
    /// What one operation may use.
    pub quota: Quota,
    /// How long a sandbox may be held; no longer than the service lets it.
    pub lease: Duration,
    /// Says which arm has its turn.
    pub router: Router,
    /// Runs the other arm beside.
    pub shadow: Shadow,
    pub tally: Arc<dyn Tally>,
}

/// Git for tenants. Cheap to clone.
#[derive(Clone)]
pub struct Gits(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    imports: Imports,
    arms: [Arc<dyn GitArm>; Side::ALL.len()],
    host: String,
    quota: Quota,
    router: Router,
    shadow: Shadow,
    tally: Arc<dyn Tally>,
    /// Has the other arm written behind; set once that arm, which is made of this, is there.
    second: OnceLock<Second>,
    shelf: Shelf,
    archives: Places,
}

/// How often sandboxes are looked for whose time is over.
const ROUND: Duration = Duration::from_secs(10);

/// What is cloned where nothing else is said.
const HEAD: &str = "HEAD";

impl Gits {
    /// Nothing is asked.
    pub fn new(parts: GitsParts) -> Self {
        let GitsParts { db, clock, imports, arms, host, quota, lease, router, shadow, tally } = parts;
        let shelf = Shelf::new(clock.clone(), lease);
        let archives = Places::default();
        let second = OnceLock::new();
        let inner =
            Inner { db, clock, imports, arms, host, quota, router, shadow, tally, second, shelf, archives };
        Self(Arc::new(inner))
    }

    /// From now on the other arm is written behind each answer.
    pub fn write_behind(&self, second: Second) {
        // Set once, by the composition root: a second one would be the same.
        let _ = self.0.second.set(second);
    }

    /// Takes away sandboxes whose time is over, until it is dropped.
    pub async fn work(self) {
        loop {
            self.0.clock.sleep(ROUND).await;
            self.0.shelf.prune();
        }
    }

    /// Releases all sandboxes.
    pub fn close(&self) {
        self.0.shelf.clear();
    }

    /// Puts the files of a commit into a sandbox, which is the caller's until it is released or its time is over.
    ///
    /// # Errors
    /// All of [`GitsError`].
    pub async fn clone_repository(&self, ask: &CloneAsk) -> Result<SandboxView, GitsError> {
        let started = self.0.clock.monotonic();
        let name = ask.reference.as_deref().unwrap_or(HEAD);
        let wanted = to_read(name)?;
        let link = self.link(&ask.place).await?;
        let mut way = match self.way(&link, wanted).await {
            Ok(way) => way,
            Err(failure) => return Err(self.refused(Operation::Clone, &link.tenant, failure)),
        };
        let asked = |decision| checkout_asked(Operation::Clone, &link, name, decision);
        let routed = self.begin(Operation::Clone, &link.tenant, &mut way, asked).await?;
        // What the service gives a sandbox begins within this call, so the caller is never told a later end.
        let began = self.0.clock.monotonic();
        let cloned = match cloned(routed.arm.as_ref(), &mut way).await {
            Ok(cloned) => cloned,
            Err(failure) => return Err(routed.failed(failure).await),
        };
        let Cloned { commit_sha, tree_sha, files, bytes, sandbox } = cloned;
        let checkout = Checkout { commit_sha, tree_sha, files, bytes };
        let of =
            Answer { operation: Operation::Clone, link: &link, reference: name, started, fast_forward: None };
        let answered = self.answered(of, routed, &way, checkout).await;
        // Last: whoever hangs up before holds nothing.
        let (sandbox, held) = self.0.shelf.put(link, name.to_owned(), sandbox, began);
        Ok(SandboxView { sandbox, expires_at: held.expires_at, ..answered })
    }

    /// Makes a sandbox be the newest of a reference. One that the other arm has made is replaced by one of the arm that answers,
    /// under the same name and for the same time.
    ///
    /// # Errors
    /// All of [`GitsError`].
    pub async fn pull(&self, ask: &PullAsk) -> Result<SandboxView, GitsError> {
        let started = self.0.clock.monotonic();
        let held = self.0.shelf.get(&ask.sandbox, ask.within.as_ref())?;
        let name = ask.reference.as_ref().unwrap_or(&held.reference);
        let wanted = to_read(name)?;
        let mut lease = held.take()?;
        let place = Place {
            project: Some(held.link.project.clone()),
            repository: Some(held.link.repo_lname.clone()),
            within: Some(held.link.tenant.clone()),
            ..Place::default()
        };
        let link = self.link(&place).await?;
        let mut way = match self.way(&link, wanted).await {
            Ok(way) => way,
            Err(failure) => return Err(self.refused(Operation::Pull, &link.tenant, failure)),
        };
        let asked = |decision| checkout_asked(Operation::Pull, &link, name, decision);
        let routed = self.begin(Operation::Pull, &link.tenant, &mut way, asked).await?;
        let pulled = loop {
            match routed.arm.pull(&way.ask, &mut lease).await {
                Ok(pulled) => break pulled,
                Err(error) => {
                    if let Err(failure) = way.after(error).await {
                        // Files of two commits are of no use to anybody.
                        if lease.commit().is_empty() {
                            self.0.shelf.forget(&ask.sandbox);
                        }
                        return Err(routed.failed(failure).await);
                    }
                }
            }
        };
        drop(lease);
        let Pulled { commit_sha, tree_sha, files, bytes, fast_forward } = pulled;
        let checkout = Checkout { commit_sha, tree_sha, files, bytes };
        let fast_forward = Some(fast_forward);
        let of = Answer { operation: Operation::Pull, link: &link, reference: name, started, fast_forward };
        let answered = self.answered(of, routed, &way, checkout).await;
        // It may have been released meanwhile, or its time is over.
        self.0.shelf.get(&ask.sandbox, ask.within.as_ref())?;
        Ok(SandboxView { sandbox: ask.sandbox.clone(), expires_at: held.expires_at, ..answered })
    }

    /// Puts one commit on a branch, once.
    ///
    /// # Errors
    /// All of [`GitsError`].
    pub async fn push(&self, ask: &PushAsk) -> Result<PushView, GitsError> {
        let started = self.0.clock.monotonic();
        let link = self.link(&ask.place).await?;
        let (branch, operation) = (&ask.change.branch, &ask.operation);
        let wanted = Wanted {
            need: Need::Write,
            traffic: Traffic::Live,
            reference: Reference::Branch(branch.clone()),
            operation: operation.clone(),
        };
        let mut way = match self.way(&link, wanted).await {
            Ok(way) => way,
            Err(failure) => return Err(self.refused(Operation::Push, &link.tenant, failure)),
        };
        let asked = |decision| push_asked(&link, branch, operation, decision);
        let routed = self.begin(Operation::Push, &link.tenant, &mut way, asked).await?;
        let mut unsure = false;
        let pushed = loop {
            match routed.arm.push(&way.ask, &ask.change).await {
                Ok(pushed) => break pushed,
                Err(error) => {
                    // What one try may have done, the next one's failure does not undo.
                    unsure |= matches!(error, SandboxError::Unsure(_));
                    match way.after(error).await {
                        Ok(()) => {}
                        Err(failure) if unsure => return Err(routed.unsure(failure)),
                        Err(failure) => return Err(routed.failed(failure).await),
                    }
                }
            }
        };
        let (arm, method) = (routed.decision.side, way.method());
        self.told(Operation::Push, &link, arm, method);
        routed.done(push_record(&link, branch, operation, &pushed)).await;
        Ok(PushView {
            project_id: link.project,
            tenant_id: link.tenant,
            repository: link.repo_full_name,
            branch: branch.as_str().to_owned(),
            operation: operation.as_str().to_owned(),
            commit_sha: pushed.commit_sha,
            tree_sha: pushed.tree_sha,
            remote_sha: pushed.remote_sha,
            pushed: pushed.pushed,
            arm,
            method,
            duration_ms: self.since(started),
        })
    }

    /// The files of a sandbox.
    ///
    /// # Errors
    /// [`GitsError::Unknown`] for a sandbox that is not there or another tenant's, [`GitsError::Expired`]; [`GitsError::Busy`] while
    /// somebody else works with it, and for one archive too many, of all tenants or of this one.
    pub async fn archive(&self, sandbox: &str, within: Option<&TenantId>) -> Result<Archive, GitsError> {
        let held = self.0.shelf.get(sandbox, within)?;
        let lease = held.take()?;
        let commit_sha = lease.commit().to_owned();
        if commit_sha.is_empty() {
            self.0.shelf.forget(sandbox);
            return Err(GitsError::Damaged("a pull broke off: clone again".to_owned()));
        }
        let place = self.0.archives.take(lease.tenant()).ok_or(GitsError::Busy)?;
        let (clock, until, over) = (self.0.clock.clone(), held.until, held.over);
        let reading = Source { lease, place, clock, until, over }.stream();
        Ok(Archive { reader: Box::new(reading), commit_sha })
    }

    /// Removes a sandbox before its time is over. One that is gone already is no mistake.
    ///
    /// # Errors
    /// [`GitsError::Unknown`] for another tenant's.
    pub async fn release(&self, sandbox: &str, within: Option<&TenantId>) -> Result<(), GitsError> {
        self.0.shelf.release(sandbox, within)
    }

    /// The repository that is meant, by the rules of imports.
    async fn link(&self, place: &Place) -> Result<LinkRow, GitsError> {
        let Place { project, tenant, repository, within } = place.clone();
        let ask = ImportAsk { project, tenant, repository, within, ..ImportAsk::default() };
        Ok(self.0.imports.link(&ask).await?)
    }

    /// A clone or pull is done: it is compared where that is due, and the other arm owes it.
    async fn answered(&self, of: Answer<'_>, routed: Routed, way: &Way, checkout: Checkout) -> SandboxView {
        let (arm, method) = (routed.decision.side, way.method());
        self.told(of.operation, of.link, arm, method);
        self.beside(of.operation, &routed, &way.ask, &checkout);
        let repository = (of.link.project.0.as_str(), of.link.repo_lname.as_str());
        routed.done(checkout_record(repository, of.reference, &checkout)).await;
        SandboxView {
            sandbox: String::new(),
            project_id: of.link.project.clone(),
            tenant_id: of.link.tenant.clone(),
            repository: of.link.repo_full_name.clone(),
            reference: of.reference.to_owned(),
            commit_sha: checkout.commit_sha,
            tree_sha: checkout.tree_sha,
            files: checkout.files,
            bytes: checkout.bytes,
            fast_forward: of.fast_forward,
            expires_at: 0,
            arm,
            method,
            duration_ms: self.since(of.started),
        }
    }

    fn told(&self, operation: Operation, link: &LinkRow, arm: Side, method: Method) {
        tracing::info!(%operation, %arm, %method, project = %link.project, tenant = %link.tenant, "git for a tenant");
    }

    fn since(&self, started: Duration) -> u64 {
        let took = self.0.clock.monotonic().saturating_sub(started);
        u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A clone or pull that an arm has done.
struct Answer<'a> {
    operation: Operation,
    link: &'a LinkRow,
    reference: &'a str,
    started: Duration,
    fast_forward: Option<bool>,
}

/// What a clone or pull needs.
fn to_read(reference: &str) -> Result<Wanted, GitsError> {
    let reference = Reference::parse(reference).ok_or_else(|| {
        GitsError::BadRequest("ref is neither HEAD nor a branch nor a full commit sha".to_owned())
    })?;
    let operation = OperationId::numbered(rand::random());
    Ok(Wanted { need: Need::Read, traffic: Traffic::Live, reference, operation })
}

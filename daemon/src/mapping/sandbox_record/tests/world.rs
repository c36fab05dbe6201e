//! A store with a catalog of one repository, and everything above it.

use std::path::Path;
use std::sync::Arc;

use cutover_shared::catalog::{CatalogFormat, CatalogReceipt, Contents, Link};
use cutover_shared::ids::LinkKey;
use cutover_shared::mapping::MapScope;
use cutover_shared::rollout::{RolloutName, Side};
use cutover_shared::run::RunView;
use cutover_shared::sandbox_record::SandboxRecord;
use serde_json::json;

use super::super::kind::MoveRecords;
use super::super::planner::RecordsPlanner;
use super::super::{place, rule};
use crate::audit::Who;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::mapping::catalog::import::Importer;
use crate::mapping::link::row_of;
use crate::run::{Brake, Engine, EngineSettings, OpenGate};
use crate::seal::Seal;
use crate::store::{ArmRecord, BookChange, CatalogOp, Db, Lane, RecordKey, SandboxOp, Unit, open};

pub(super) const TREE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(super) const OTHER_TREE: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

pub(super) fn ana() -> Who {
    Who { operator: "ana".into(), origin: "test".to_owned() }
}

pub(super) fn commit(n: u32) -> String {
    format!("{n:040x}")
}

pub(super) fn record(id: &str, n: u32, tree: Option<&str>) -> SandboxRecord {
    SandboxRecord {
        tenant: "acme".into(),
        id: id.to_owned(),
        project: "p1".into(),
        repo_full_name: "Acme/Site".into(),
        branch: Some("main".into()),
        commit_sha: commit(n),
        tree_sha: tree.map(str::to_owned),
        state: Some("active".into()),
        created_at: None,
        updated_at: 1_780_000_000_000,
    }
}

/// What a call leaves in a book.
pub(super) fn held(of: RecordKey, side: Side, tree: Option<&str>, at: i64, answered: bool) -> ArmRecord {
    let commit = of.key.rsplit_once('#').unwrap().1;
    let digest = rule::clone_digest(commit, tree);
    ArmRecord { of, side, digest, answered, body: json!({ "of": "a call" }).to_string(), at }
}

/// Records as JSON Lines.
pub(super) fn lines(records: &[SandboxRecord]) -> String {
    let line = |record: &SandboxRecord| {
        let row = json!({
            "sandboxId": record.id, "tenantId": record.tenant, "projectId": record.project,
            "repoFullName": record.repo_full_name, "branch": record.branch, "commitSha": record.commit_sha,
            "treeSha": record.tree_sha, "state": record.state, "updatedAt": record.updated_at,
        });
        format!("{row}\n")
    };
    records.iter().map(line).collect()
}

pub(super) struct Life {
    pub(super) db: Db,
    pub(super) engine: Engine,
    pub(super) planner: RecordsPlanner,
    pub(super) importer: Importer,
}

pub(super) async fn life(dir: &Path, faults: Faults) -> Life {
    let db = open(&format!("sqlite:{}/cutover.db", dir.display()), faults.clone()).await.unwrap();
    let clock = Clock::system();
    let seal = Arc::new(Seal::new(vec![("k1".into(), secrecy::SecretBox::new(Box::new([7; 32])))]).unwrap());
    let brake = Brake::pulled();
    assert!(brake.newest().is_some_and(|pull| brake.release(pull)));
    let settings = EngineSettings { chunk: 3, ..EngineSettings::default() };
    let kind = Arc::new(MoveRecords::new(db.clone(), seal.clone()));
    let gate = Arc::new(OpenGate);
    let engine = Engine::new(db.clone(), clock.clone(), faults, brake, settings, gate, vec![kind]);
    let life = Life {
        planner: RecordsPlanner { db: db.clone(), engine: engine.clone() },
        importer: Importer::new(db.clone(), seal, clock),
        engine,
        db,
    };
    life.catalog().await;
    life
}

impl Life {
    async fn catalog(&self) {
        if self.db.catalog_counts().await.unwrap().2 > 0 {
            return;
        }
        let (project, name) = ("p1".into(), "acme/site");
        let link = Link {
            key: LinkKey::new(&project, name),
            project,
            tenant: "acme".into(),
            repo_full_name: name.to_owned(),
            repo_id: None,
            owner_id: None,
            owner_login: None,
            token: None,
            imported_commit_sha: None,
            imported_tree_sha: None,
            imported_at: None,
            import_method: None,
        };
        let put = CatalogOp::PutLinks { rows: vec![row_of(link, None)] };
        self.db.write(Lane::Handler, Unit::new().with(put)).await.unwrap();
    }

    /// Uploads records as a file.
    pub(super) async fn import(&self, records: &[SandboxRecord]) {
        let receipt = self.upload(&lines(records), false).await;
        assert!(matches!(receipt, CatalogReceipt::Recorded(_)), "{receipt:?}");
    }

    pub(super) async fn upload(&self, text: &str, skip_bad: bool) -> CatalogReceipt {
        let begun = self.importer.begin(CatalogFormat::JsonLines, Contents::SandboxRecords, &ana()).await;
        let CatalogReceipt::Opened { upload } = begun.unwrap() else { panic!("not opened") };
        self.importer.chunk(&upload, 0, text).await.unwrap();
        self.importer.commit(&upload, skip_bad, &ana()).await.unwrap()
    }

    /// A call has left this in a book.
    pub(super) async fn book(&self, side: Side, n: u32, tree: Option<&str>, at: i64, answered: bool) {
        let of = place(&record("any", n, None));
        let now = self.db.arm_record(side, &of).await.unwrap();
        let to = Some(held(of.clone(), side, tree, at, answered));
        let op = SandboxOp::Book { side, changes: vec![BookChange { of, held: now, to }] };
        self.db.write(Lane::Handler, Unit::new().with(op)).await.unwrap();
    }

    /// All that both books hold, legacy's first.
    pub(super) async fn books(&self) -> Vec<ArmRecord> {
        let mut books = Vec::new();
        for side in [Side::Legacy, Side::Target] {
            let rows = self.db.arm_records(RolloutName::GitSandbox, side, None, 1_000).await.unwrap();
            books.extend(rows.into_iter().map(|row| row.record));
        }
        books
    }

    pub(super) async fn plan(&self, scope: &MapScope) -> RunView {
        self.planner.plan(scope, &ana()).await.unwrap()
    }

    pub(super) async fn apply(&self, run: &RunView) -> RunView {
        self.engine.approve(&run.id, &run.digest, None, &ana()).await.unwrap();
        self.engine.apply(&run.id, None, &ana()).await.unwrap();
        self.engine.ended(&run.id).await
    }

    pub(super) async fn undo(&self, run: &RunView) -> RunView {
        self.engine.undo(&run.id, None, &ana()).await.unwrap();
        self.engine.ended(&run.id).await
    }
}

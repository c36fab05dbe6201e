//! What stands behind the door in its tests: it records what is asked, and answers what it is told.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use cutover_shared::import::Method as Credential;
use cutover_shared::rollout::Side;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Notify;

use super::super::super::Take;
use super::{NOW, SHA};
use crate::doors::http::git::*;
use crate::gateway::inbox::Arrival;
use crate::store::WriteError;

pub(super) struct Nothing;

#[async_trait]
impl Take for Nothing {
    async fn take(&self, _: Arrival) -> Result<(), WriteError> {
        Err(WriteError::Closed)
    }
}

/// What came through the door.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    Clone(CloneAsk),
    Pull(PullAsk),
    Push(PushAsk),
    Archive(String, Option<TenantId>),
    Release(String, Option<TenantId>),
}

/// Records what is asked, and answers what it is told.
#[derive(Default)]
pub(super) struct Behind {
    asked: Mutex<Vec<Asked>>,
    pub(super) errors: Mutex<VecDeque<GitsError>>,
    /// Parts of the next archive; the error after them, where there is one.
    pub(super) parts: Mutex<(Vec<Vec<u8>>, bool)>,
    /// What has a body waits for it, where it is set, and says that it has begun.
    pub(super) gate: Mutex<Option<Arc<Notify>>>,
    pub(super) begun: Notify,
    pub(super) done: Notify,
}

impl Behind {
    async fn wait(&self) {
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            self.begun.notify_one();
            gate.notified().await;
        }
    }

    fn enter(&self, asked: Asked) -> Result<(), GitsError> {
        self.asked.lock().unwrap().push(asked);
        self.errors.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }

    pub(super) fn taken(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

pub(super) fn sandbox(reference: Option<&String>) -> SandboxView {
    SandboxView {
        sandbox: "s-1".into(),
        project_id: "p1".into(),
        tenant_id: "t1".into(),
        repository: "acme/web".into(),
        reference: reference.cloned().unwrap_or_else(|| "HEAD".into()),
        commit_sha: SHA.into(),
        tree_sha: SHA.into(),
        files: 3,
        bytes: 7,
        fast_forward: None,
        expires_at: NOW * 1000,
        arm: Side::Legacy,
        method: Credential::Oauth,
        duration_ms: 1,
    }
}

#[async_trait]
impl TenantGit for Behind {
    async fn clone_repository(&self, ask: &CloneAsk) -> Result<SandboxView, GitsError> {
        self.wait().await;
        self.enter(Asked::Clone(ask.clone())).map(|()| sandbox(ask.reference.as_ref()))
    }

    async fn pull(&self, ask: &PullAsk) -> Result<SandboxView, GitsError> {
        self.wait().await;
        self.enter(Asked::Pull(ask.clone())).map(|()| sandbox(ask.reference.as_ref()))
    }

    async fn push(&self, ask: &PushAsk) -> Result<PushView, GitsError> {
        self.wait().await;
        self.enter(Asked::Push(ask.clone()))?;
        self.done.notify_one();
        Ok(PushView {
            project_id: "p1".into(),
            tenant_id: "t1".into(),
            repository: "acme/web".into(),
            branch: ask.change.branch.as_str().into(),
            operation: ask.operation.to_string(),
            commit_sha: SHA.into(),
            tree_sha: SHA.into(),
            remote_sha: SHA.into(),
            pushed: true,
            arm: Side::Target,
            method: Credential::Installation,
            duration_ms: 1,
        })
    }

    async fn archive(&self, sandbox: &str, within: Option<&TenantId>) -> Result<Archive, GitsError> {
        self.enter(Asked::Archive(sandbox.into(), within.cloned()))?;
        let (parts, fails) = self.parts.lock().unwrap().clone();
        Ok(Archive { reader: Box::new(Parted { parts: parts.into(), fails }), commit_sha: SHA.into() })
    }

    async fn release(&self, sandbox: &str, within: Option<&TenantId>) -> Result<(), GitsError> {
        self.enter(Asked::Release(sandbox.into(), within.cloned()))
    }
}

/// Reads part after part, then ends or fails.
struct Parted {
    parts: VecDeque<Vec<u8>>,
    fails: bool,
}

impl AsyncRead for Parted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.parts.pop_front() {
            Some(part) => to.put_slice(&part),
            None if self.fails => return Poll::Ready(Err(io::Error::other("the sandbox is gone"))),
            None => {}
        }
        Poll::Ready(Ok(()))
    }
}

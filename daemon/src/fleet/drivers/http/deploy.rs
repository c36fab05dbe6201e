//! The schema of a deployment is deployed by a command or a call.

use std::process::Stdio;
use std::time::Duration;

use cutover_shared::fleet::ErrorClass;
use cutover_shared::redact::{REDACTED, redact};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::super::super::driver::{StepAsk, StepError};
use super::super::super::migration::HttpStep;
use super::super::super::settings::Deploy;
use super::answer::{of_status, unanswered};
use super::call::{Caller, Place, at, idempotency_key};

/// Where programs are found: our own environment may hold secrets and is not handed on.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin";

/// Bytes of the command's errors that are kept, from their end.
const KEPT: usize = 4 * 1024;

/// Characters of its last line that are told.
const TOLD: usize = 300;

impl Caller {
    /// Deploys, as it is configured.
    pub(super) async fn deploy(
        &self,
        place: Place<'_>,
        ask: &StepAsk<'_>,
        step: &HttpStep,
    ) -> Result<(), StepError> {
        let timeout = step.timeout.unwrap_or(ask.timeout);
        let deployed = match &self.http.deploy {
            None => Err(StepError::new(
                ErrorClass::MigrationBug,
                "a deploy is asked for, and neither `fleet.deploy_command` nor `fleet.deploy_url` says how",
            )),
            Some(Deploy::Command { argv }) => self.command(place, argv, ask, timeout).await,
            Some(Deploy::Call { url, token }) => {
                self.ask_deploy(place, ask, url, token.as_ref(), timeout).await
            }
        };
        // A deploy may be done again, so it is never unclear.
        deployed.map_err(|error| at(step, error))
    }

    async fn command(
        &self,
        place: Place<'_>,
        argv: &[String],
        ask: &StepAsk<'_>,
        timeout: Duration,
    ) -> Result<(), StepError> {
        let Some((program, arguments)) = argv.split_first() else {
            return Err(StepError::new(ErrorClass::MigrationBug, "the deploy command is empty"));
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("CUTOVER_DEPLOYMENT_URL", place.url)
            .env("CUTOVER_TENANT", &ask.tenant.0)
            .env("CUTOVER_MIGRATION", &ask.migration.id)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its children go with it.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(key) = place.key {
            command.env("CONVEX_DEPLOY_KEY", key.expose_secret());
        }
        let mut child = command.spawn().map_err(|error| {
            let text = format!("the deploy command does not start: {}", error.kind());
            StepError::new(ErrorClass::MigrationBug, text)
        })?;
        let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let work = async {
            let (_, said, status) = tokio::join!(tail(out), tail(err), child.wait());
            (said, status)
        };
        let Ok((said, status)) = self.clock.timeout(timeout, work).await else {
            let text = format!("the deploy command did not end within {} s", timeout.as_secs());
            return Err(StepError::new(ErrorClass::TimeOut, text));
        };
        group.0 = None;
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                let code = status.code().map_or_else(|| "a signal".to_owned(), |code| code.to_string());
                let text = format!("the deploy command ended with {code}: {}", last_line(&said, place, ask));
                Err(StepError::new(ErrorClass::MigrationBug, text).coded(code))
            }
            Err(_) => Err(StepError::new(ErrorClass::MigrationBug, "the deploy command's end can't be told")),
        }
    }

    async fn ask_deploy(
        &self,
        place: Place<'_>,
        ask: &StepAsk<'_>,
        url: &str,
        token: Option<&SecretString>,
        timeout: Duration,
    ) -> Result<(), StepError> {
        let url = Url::parse(url).map_err(|_| {
            StepError::new(ErrorClass::MigrationBug, "the address of the deploy call can't be read")
        })?;
        let body = json!({
            "tenantId": ask.tenant.0,
            "externalUserId": ask.external_user,
            "migrationId": ask.migration.id,
            "version": ask.migration.version,
            "way": ask.way.word(),
            "idempotencyKey": idempotency_key(ask, 0, &Value::from("deploy")),
            "deploymentUrl": place.url,
            "deployKey": place.key.map(SecretString::expose_secret),
        });
        let mut request = self.client.request(Method::POST, url).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token.expose_secret());
        }
        let answered = self.client.send(request, timeout).await.map_err(|error| unanswered(&error))?;
        let told = |error: StepError| StepError { text: format!("the deploy call: {}", error.text), ..error };
        of_status(answered.status).map_or(Ok(()), |error| Err(told(error)))
    }
}

/// A command and its children, until it has ended.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Nobody is there any more: that is as it should be.
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }
}

/// Reads to the end and keeps the last bytes, so that a command that says much neither waits nor fills memory.
async fn tail(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let Some(mut pipe) = pipe else { return Vec::new() };
    let mut kept = Vec::new();
    let mut buffer = vec![0; KEPT];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        kept.extend(buffer.iter().take(read));
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
    kept
}

/// The last line of what was said, without what is secret or differs from tenant to tenant.
fn last_line(said: &[u8], place: Place<'_>, ask: &StepAsk<'_>) -> String {
    let mut text = String::from_utf8_lossy(said).into_owned();
    let key = place.key.map(SecretString::expose_secret);
    for secret in key.into_iter().chain([place.url]).filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, REDACTED);
    }
    text = text.replace(&ask.tenant.0, "TENANT");
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    redact(line.trim()).chars().take(TOLD).collect()
}

//! A world, the stand-in in front of it, and clients of the daemon on the same clock, which only moves when moved.

use std::future::Future;
use std::time::Duration;

use cutover_daemon::clock::{Clock, Millis};
use cutover_daemon::github::{GitHub, GitHubSettings, OAuthApp, Reader, Traffic};
use cutover_tests::github_sim::{Sim, SimSettings};
use cutover_tests::world::{AccountKind, NewRepo, Selection, World};
use secrecy::SecretString;

pub(crate) const START: Millis = 1_750_000_000_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// `Acme` has 250 private repositories and an installation on all, `solo` two and one on the first only.
pub(crate) struct Stage {
    pub(crate) sim: Sim,
    pub(crate) clock: Clock,
    pub(crate) acme: i64,
    pub(crate) solo: i64,
    pub(crate) repos: Vec<i64>,
    pub(crate) solo_repos: Vec<i64>,
    pub(crate) on_acme: i64,
    pub(crate) on_solo: i64,
    /// A member of `Acme`.
    pub(crate) user_token: SecretString,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(SimSettings::default()).await
    }

    pub(crate) async fn with(settings: SimSettings) -> Self {
        let mut world = World::empty(3);
        let acme = world.add_account("Acme", AccountKind::Organization).unwrap();
        let solo = world.add_account("solo", AccountKind::User).unwrap();
        let user = world.add_account("robin", AccountKind::User).unwrap();
        let mut repo = |owner, name: String| {
            world
                .add_repo(NewRepo { owner, name, private: true, created_at: START - 1_000, commits: 2 })
                .unwrap()
        };
        let repos: Vec<i64> = (0..250).map(|n| repo(acme, format!("repo-{n}"))).collect();
        let solo_repos: Vec<i64> = ["a", "b"].map(|name| repo(solo, name.to_owned())).to_vec();
        let on_acme = world.install(acme, Selection::All, START).unwrap();
        let on_solo = world.install(solo, Selection::of([solo_repos[0]]), START).unwrap();
        world.add_member(acme, user).unwrap();
        let user_token = world.add_user_token(user, START).unwrap();
        let clock = Clock::manual(START);
        let sim = Sim::start(world, clock.clone(), settings).await.unwrap();
        Self { sim, clock, acme, solo, repos, solo_repos, on_acme, on_solo, user_token: user_token.into() }
    }

    /// Settings without any pace of our own; exchanges have an hour, because the clock may run ahead of the wire.
    pub(crate) fn settings(&self) -> GitHubSettings {
        let key = SecretString::from(self.sim.private_key_pem());
        let mut settings = GitHubSettings::new(self.sim.api_base(), self.sim.app_id(), vec![key]);
        settings.points_per_minute = 1_000_000;
        settings.request_timeout = HOUR;
        settings.oauth = Some(OAuthApp {
            client_id: self.sim.client_id().to_owned(),
            client_secret: self.sim.client_secret().into(),
        });
        settings
    }

    pub(crate) fn client(&self) -> GitHub {
        self.client_with(&self.settings())
    }

    pub(crate) fn client_with(&self, settings: &GitHubSettings) -> GitHub {
        GitHub::new(settings, self.clock.clone()).unwrap()
    }

    /// Runs `work` to its end and moves the clock by `step` whenever the stand-in has nothing to do meanwhile.
    pub(crate) async fn pump<T>(&self, step: Duration, work: impl Future<Output = T>) -> T {
        let real = Clock::system();
        tokio::pin!(work);
        // A request that was sent and has not arrived is in flight, too: only a silence that lasts moves the clock.
        let (mut silent, mut seen) = (0, 0);
        loop {
            match real.timeout(Duration::from_millis(2), &mut work).await {
                Ok(out) => return out,
                Err(_) => {
                    let calls = self.sim.calls();
                    let quiet = calls.in_flight() == 0 && calls.total() == seen;
                    (silent, seen) = (if quiet { silent + 1 } else { 0 }, calls.total());
                    if silent == SILENCE {
                        silent = 0;
                        self.clock.advance(step);
                    }
                }
            }
        }
    }

    /// When each call of the log came, in seconds since the start.
    pub(crate) fn seconds(&self) -> Vec<i64> {
        self.sim.calls().log().iter().map(|call| (call.at - START) / 1_000).collect()
    }
}

/// Looks at a silent stand-in before the clock is moved.
const SILENCE: u32 = 4;

/// A reader that waits as long as it takes.
pub(crate) fn patient(github: &GitHub, traffic: Traffic) -> Reader {
    github.reader(traffic).with_patience(48 * HOUR)
}

/// Waits for a condition; half a minute of real time without it is a failure.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    let waited = Clock::system().timeout(Duration::from_secs(30), waiting).await;
    assert!(waited.is_ok(), "{what} did not come");
}

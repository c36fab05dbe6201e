//! What the fleet is told of the configuration.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::Failure;
use crate::client::Client;
use crate::clock::Clock;
use crate::config::{Config, FleetApplication, FleetDeploy};
use crate::faults::Faults;
use crate::fleet::drivers::Drivers;
use crate::fleet::drivers::application::ApplicationList;
use crate::fleet::instance::{Instances, Ring};
use crate::fleet::kind::Inner;
use crate::fleet::limit::Limits;
use crate::fleet::live::Live;
use crate::fleet::settings::{Application, ApplicationColumns, Deploy, Http, Load, Notify, Settings};
use crate::fleet::wave::Waves;
use crate::init::{add_key, seal_key_file};
use crate::seal::Seal;
use crate::store::Db;

pub(super) fn fleet_settings(config: &Config) -> Settings {
    let set = config.fleet.clone();
    Settings {
        folder: set.folder,
        canary: set.canary,
        waves: set.waves,
        parallel: set.parallel,
        per_host: set.per_host,
        per_server: set.per_server,
        halt_failures: set.halt_failures,
        halt_permille: set.halt_permille,
        halt_unreachable_permille: set.halt_unreachable_permille,
        timeout: set.timeout,
        lock_timeout: set.lock_timeout,
        lock_tries: set.lock_tries,
        connect_timeout: set.connect_timeout,
        fresh: set.fresh,
        retest_every: set.retest_every,
        load: set.load.map(|load| Load { query: load.query, most: f64::from(load.most), every: load.every }),
        http: Http { deploy: set.deploy.map(deploy), ping: set.ping },
        notify: set.notify_url.map(|url| Notify { url, token: set.notify_token }),
        application: set.application.map(application),
    }
}

fn deploy(deploy: FleetDeploy) -> Deploy {
    match deploy {
        FleetDeploy::Command(argv) => Deploy::Command { argv },
        FleetDeploy::Call { url, token } => Deploy::Call { url, token },
    }
}

fn application(set: FleetApplication) -> Application {
    Application {
        database: set.database,
        table: set.table,
        columns: ApplicationColumns {
            tenant: set.tenant,
            external_user: set.external_user,
            url: set.url,
            deploy_key: set.deploy_key,
            iv: set.iv,
            tags: set.tags,
            status: set.status,
            schema_version: set.schema_version,
            updated_at: set.updated_at,
        },
        key: set.key,
    }
}

/// What the fleet's kind of run and its questions work with.
pub(super) fn fleet_parts(
    config: &Config,
    db: &Db,
    seal: &Arc<Seal>,
    clock: &Clock,
    faults: &Faults,
) -> Result<Arc<Inner>, Failure> {
    let settings = fleet_settings(config);
    let (most, every) =
        settings.load.as_ref().map_or((f64::MAX, Duration::MAX), |load| (load.most, load.every));
    Ok(Arc::new(Inner {
        drivers: Drivers::new(settings.http.clone(), Client::new()?, clock.clone()),
        application: settings.application.as_ref().map(ApplicationList::new).transpose()?,
        live: Live::new(clock.clone(), most, every),
        limits: Limits::of(&settings),
        looks: Limits::of(&settings),
        waves: Waves::new(&settings.waves),
        tasks: TaskTracker::new(),
        db: db.clone(),
        seal: seal.clone(),
        clock: clock.clone(),
        faults: faults.clone(),
        settings,
    }))
}

/// Instances, with the file that their keys are in.
pub(super) fn instances(config: &Config, inner: Arc<Inner>) -> Result<Instances, Failure> {
    let path = seal_key_file(&config.state_dir);
    let ring: Ring = Arc::new(move || add_key(&path).map_err(|error| error.to_string()));
    Ok(Instances::new(inner, Client::new()?, ring))
}

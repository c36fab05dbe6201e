//! The gateway's bars. `cargo bench -p cutover-tests --bench gateway -- --peers "$PWD/tests/peers"`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cutover_tests::load::gateway::{GatewayLoad, Program, run, run_bodies, run_long, serve_door};
use cutover_tests::load::{RunnerFlags, conclude, storm};

/// Measures how fast deliveries become durable, beside the store alone, the door alone and other receivers, and says which
/// bars are missed.
#[derive(Debug, Parser)]
#[command(name = "gateway")]
struct Options {
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Times that each receiver is measured, in turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// One short round, and bars that only a gross failure misses.
    #[arg(long)]
    small: bool,
    /// The program to be measured, built with --release; an absolute path, because `cargo bench` runs elsewhere [default: the demo's program in the same role].
    #[arg(long, value_name = "FILE")]
    daemon: Option<PathBuf>,
    /// Where tests/peers/install has put the other receivers, an absolute path [default: without them].
    #[arg(long, value_name = "FOLDER")]
    peers: Option<PathBuf>,
    /// Instead: memory over so many deliveries.
    #[arg(long, value_name = "N")]
    deliveries: Option<u64>,
    /// Instead: bodies of 25 MiB, 16 at once.
    #[arg(long)]
    bodies: bool,
    /// Instead: so many deliveries with doubles and in disorder, through kills and a store that goes away and comes back.
    #[arg(long, value_name = "N")]
    storm: Option<u64>,
    /// Kills during a storm.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Decides payloads and kills.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where to write; the disk that is measured.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    folder: PathBuf,
    /// For the tool itself: serves the door alone and writes its address into this folder.
    #[arg(long, hide = true)]
    serve_door: Option<PathBuf>,
    #[command(flatten)]
    runner: RunnerFlags,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if !options.runner.is_measuring() {
        return ExitCode::SUCCESS;
    }
    let out = &mut std::io::stdout();
    if let Some(folder) = &options.serve_door {
        let served = serve_door(folder).await.map(|()| cutover_tests::load::Report::default());
        return conclude(out, "the door alone", served);
    }
    let Ok(door) = std::env::current_exe() else { return ExitCode::FAILURE };
    let program =
        Program { roles: PathBuf::from(env!("CARGO_BIN_EXE_cutover-demo")), daemon: options.daemon };
    if let Some(deliveries) = options.storm {
        let (kills, outages) = (options.kills, options.kills.div_ceil(4));
        let storm = storm::Storm {
            deliveries,
            kills,
            outages,
            connections: options.connections,
            folder: options.folder,
            program,
            seed: options.seed,
        };
        let subject = format!("storm of {deliveries} deliveries, {kills} kills, seed {}", options.seed);
        return conclude(out, &subject, Box::pin(storm::run(&storm)).await);
    }
    let load = GatewayLoad {
        length: Duration::from_secs(if options.small { 3 } else { options.seconds }),
        connections: options.connections,
        rounds: if options.small { 1 } else { options.rounds },
        small: options.small,
        folder: options.folder,
        program,
        door,
        peers: options.peers,
        seed: options.seed,
    };
    let (subject, measured) = match (options.deliveries, options.bodies) {
        (Some(deliveries), _) => {
            (format!("{deliveries} deliveries"), Box::pin(run_long(&load, deliveries)).await)
        }
        (None, true) => ("bodies of 25 MiB".to_owned(), Box::pin(run_bodies(&load)).await),
        (None, false) => {
            let (connections, seconds, rounds) = (load.connections, load.length.as_secs(), load.rounds);
            let subject = format!("{connections} connections, {seconds} s, rounds: {rounds}");
            (subject, Box::pin(run(&load)).await)
        }
    };
    conclude(out, &subject, measured)
}

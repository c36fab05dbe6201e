use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::proptest;

use super::{code, quoted, second_terminal};
use crate::harness::Ended;

#[test]
fn an_exit_code_is_what_a_shell_would_say() {
    assert_eq!(code(Ended::Code(0)), 0);
    assert_eq!(code(Ended::Code(3)), 3);
    assert_eq!(code(Ended::Signal(9)), 137);
    for none in [Ended::Code(-1), Ended::Code(256), Ended::Signal(i32::MAX)] {
        assert_eq!(code(none), 1, "{none:?}");
    }
}

#[test]
fn the_second_terminal_calls_what_is_there_and_of_this_build() {
    let dir = tempfile::tempdir().unwrap();
    let (exe, cutover) = (dir.path().join("cutover-demo"), dir.path().join("cutover"));
    let built = |path: &Path, second: u64| {
        let file = File::create(path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(second)).unwrap();
    };
    let role = format!("CUTOVER_SOCKET='/tmp/a b/s' {} __role console --role viewer", exe.display());
    let beside = format!("CUTOVER_SOCKET='/tmp/a b/s' {} --role viewer", cutover.display());
    let second = || second_terminal(&exe, Path::new("/tmp/a b/s"), "");
    assert_eq!(second(), role, "nothing is there");
    built(&exe, 2_000);
    assert_eq!(second(), role, "only this program is there");
    built(&cutover, 1_999);
    assert_eq!(second(), role, "an earlier build");
    built(&cutover, 2_000);
    assert_eq!(second(), beside);
}

proptest! {
    #[test]
    fn a_shell_reads_back_what_was_quoted(text in "/[^\0]{0,20}") {
        let script = format!("printf %s {}", quoted(Path::new(&text)));
        let output = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), text);
    }
}

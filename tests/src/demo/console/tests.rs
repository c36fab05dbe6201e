use std::path::Path;
use std::process::Command;

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
fn the_second_terminal_calls_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (exe, cutover) = (dir.path().join("cutover-demo"), dir.path().join("cutover"));
    let socket = Path::new("/tmp/a b/cutoverd.sock");
    let role = format!("{} __role console --role viewer", exe.display());
    assert_eq!(second_terminal(&exe, socket), format!("CUTOVER_SOCKET='/tmp/a b/cutoverd.sock' {role}"));
    std::fs::write(&cutover, "").unwrap();
    let beside = format!("{} --role viewer", cutover.display());
    assert_eq!(second_terminal(&exe, Path::new("/s")), format!("CUTOVER_SOCKET=/s {beside}"));
}

proptest! {
    #[test]
    fn a_shell_reads_back_what_was_quoted(text in "/[^\0]{0,20}") {
        let script = format!("printf %s {}", quoted(Path::new(&text)));
        let output = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), text);
    }
}

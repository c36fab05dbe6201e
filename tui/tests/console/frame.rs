use crate::daemon::*;
use cutover_tui::state::Screen;
#[test]
fn opens() {
    let c = Console::open(Fake::empty(), (80, 24), Screen::Overview);
    assert!(c.state.status().is_some());
}

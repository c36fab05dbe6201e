use super::*;

#[test]
fn only_a_watcher_waits_for_others() {
    for state in RunState::ALL {
        let (act, watch) = (is_settled(*state, Patience::Act), is_settled(*state, Patience::Watch));
        assert!(act || !watch, "{state}: a watcher never gives up first");
        assert!(!(state.is_moving() && act), "{state}: what moves is followed");
        let waits = matches!(state, RunState::Planned | RunState::Paused);
        assert_eq!(act != watch, waits, "{state}");
    }
}

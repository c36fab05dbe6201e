use super::*;

fn track() -> Track {
    Track::new(&[10, 50, 100]).unwrap()
}

fn stage(text: &str) -> Stage {
    text.parse().unwrap()
}

/// Every pair of stages there is: the whole of the rule.
#[test]
fn forward_is_one_step_and_back_is_any() {
    let track = track();
    for (i, from) in track.stages().iter().copied().enumerate() {
        for (j, to) in track.stages().iter().copied().enumerate() {
            assert_eq!(track.forward(from, to).is_ok(), j == i + 1, "{from} -> {to}");
            assert_eq!(track.back(from, to).is_ok(), j < i, "{from} -> {to}");
        }
    }
}

/// A search through everything that can be reached: no way forward leaves a stage out, and from everywhere there is a way back.
#[test]
fn no_way_forward_skips_a_stage() {
    let track = track();
    let mut ways = vec![vec![Stage::Off]];
    let mut reached = 0;
    while let Some(way) = ways.pop() {
        let Some(last) = way.last().copied() else { continue };
        reached += 1;
        for to in track.stages().iter().copied() {
            if track.forward(last, to).is_ok() {
                assert_eq!(track.stages()[way.len()], to, "{way:?}");
                let mut longer = way.clone();
                longer.push(to);
                ways.push(longer);
            }
        }
        assert!(last == Stage::Off || track.back(last, Stage::Off).is_ok());
    }
    assert_eq!(reached, track.stages().len());
}

#[test]
fn a_share_of_an_older_track_goes_on_and_back() {
    let track = track();
    assert_eq!(track.next(stage("canary-25")), Some(stage("canary-50")));
    assert_eq!(track.forward(stage("canary-25"), stage("canary-50")), Ok(()));
    assert_eq!(track.back(stage("live"), stage("canary-25")), Ok(()));
    assert_eq!(
        track.forward(stage("canary-10"), stage("canary-25")),
        Err(Illegal::Unknown(stage("canary-25")))
    );
}

/// Whoever goes back because the target is broken leaves nobody on it.
#[test]
fn the_last_good_stage_is_one_where_legacy_answers_for_everybody() {
    let track = track();
    for from in ["canary-10", "canary-25", "canary-50", "canary-100", "live", "complete"] {
        assert_eq!(track.last_good(stage(from)), Some(Stage::Shadow), "{from}");
    }
    assert_eq!(track.last_good(Stage::Shadow), Some(Stage::DualWrite));
    assert_eq!(track.last_good(Stage::DualWrite), Some(Stage::Off));
    assert_eq!(track.last_good(Stage::Off), None);
}

#[test]
fn shares_rise_to_a_hundred() {
    assert_eq!(Track::new(&[10, 10, 100]), Err(BadTrack::Order(10, 10)));
    assert_eq!(Track::new(&[0, 100]), Err(BadTrack::Share(0)));
    assert_eq!(Track::new(&[10, 50]), Err(BadTrack::End));
    assert_eq!(Track::new(&[]), Err(BadTrack::End));
    assert_eq!(Track::new(&[101]), Err(BadTrack::Share(101)));
}

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

fn place(text: &str) -> Place {
    let (stage_of, ring) = text.split_once('@').unwrap_or((text, "all"));
    Place { stage: stage(stage_of), ring: Ring::from_word(ring).unwrap() }
}

/// Every pair of places there is: rings widen within the first share, and only all of it goes on.
#[test]
fn a_ring_is_how_the_first_share_begins_and_only_widens() {
    let track = track();
    let order = ["canary-10@internal", "canary-10@beta", "canary-10"];
    for (i, from) in order.iter().enumerate() {
        for (j, to) in order.iter().enumerate() {
            assert_eq!(track.step(place(from), place(to)).is_ok(), i < j, "{from} -> {to}");
        }
        assert_eq!(track.step(place("shadow"), place(from)), Ok(()));
        assert_eq!(track.step(place(from), place("canary-50")).is_ok(), *from == "canary-10");
        assert!(track.step(place("dual-write"), place(from)).is_err(), "{from}");
    }
    for (before, elsewhere) in
        [("canary-10", "canary-50@beta"), ("canary-100", "live@internal"), ("dual-write", "shadow@beta")]
    {
        let to = place(elsewhere);
        assert_eq!(track.step(place(before), to), Err(Illegal::Ring(to.stage)));
    }
    assert_eq!(
        track.step(place("canary-10@beta"), place("canary-50")),
        Err(Illegal::Narrow(stage("canary-10"), Ring::Beta))
    );
}

#[test]
fn the_next_step_goes_through_the_rings_that_have_tenants() {
    let track = track();
    let walk = |has: &dyn Fn(Ring) -> bool| {
        let (mut at, mut way) = (place("shadow"), Vec::new());
        while let Some(next) = track.towards(at, None, None, has) {
            assert_eq!(track.step(at, next), Ok(()));
            way.push(if next.ring.is_all() {
                next.stage.to_string()
            } else {
                format!("{}@{}", next.stage, next.ring)
            });
            at = next;
        }
        way
    };
    let rest = ["canary-10", "canary-50", "canary-100", "live", "complete"];
    assert_eq!(walk(&|_| false), rest);
    assert_eq!(walk(&|ring| ring == Ring::Beta), [&["canary-10@beta"], &rest[..]].concat());
    assert_eq!(walk(&|_| true), [&["canary-10@internal", "canary-10@beta"], &rest[..]].concat());
    let all = track.towards(place("shadow"), None, Some(Ring::All), |_| true);
    assert_eq!(all, Some(place("canary-10")));
}

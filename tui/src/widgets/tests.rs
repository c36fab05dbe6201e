use std::fmt::Write as _;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tui_input::Input;

use super::gauge::cells;
use super::piece::{clean, columns, cut, symbols};
use super::*;
use crate::glyphs::GlyphSet;
use crate::theme::ThemeName;

fn look(set: GlyphSet) -> Look {
    Look { theme: Theme::new(ThemeName::Sixteen), glyphs: Glyphs::new(set) }
}

/// The lines of a buffer, and below each that has styles which columns have which.
fn seen(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let (mut line, mut runs, mut skip) = (String::new(), Vec::<(u16, u16, String)>::new(), 0);
        for x in buffer.area.left()..buffer.area.right() {
            let cell = &buffer[(x, y)];
            if skip > 0 {
                skip -= 1;
            } else {
                line.push_str(cell.symbol());
                skip = columns(cell.symbol()).saturating_sub(1);
            }
            let mut style = format!("{:?}", cell.modifier).replace("Modifier(0x0)", "").to_lowercase();
            for (colour, on) in [(cell.fg, ""), (cell.bg, "on ")] {
                if colour != ratatui::style::Color::Reset {
                    write!(style, " {on}{colour}").unwrap();
                }
            }
            let style = style.trim().replace("none", "");
            match runs.last_mut() {
                Some((_, end, same)) if *same == style && *end == x => *end += 1,
                _ => runs.push((x, x + 1, style)),
            }
        }
        let runs = runs.iter().filter(|(.., style)| !style.is_empty());
        let runs: Vec<String> = runs.map(|(from, to, style)| format!("{from}..{to} {style}")).collect();
        writeln!(out, "|{line}|").unwrap();
        if !runs.is_empty() {
            writeln!(out, "   {}", runs.join(", ")).unwrap();
        }
    }
    out
}

fn drawn(width: u16, height: u16, draw: impl FnOnce(&mut Buffer, Rect, &Look)) -> String {
    drawn_with(GlyphSet::Unicode, width, height, draw)
}

fn drawn_with(set: GlyphSet, width: u16, height: u16, draw: impl FnOnce(&mut Buffer, Rect, &Look)) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let area = buffer.area;
    draw(&mut buffer, area, &look(set));
    seen(&buffer)
}

const RUN_COLUMNS: &[Column<'_>] = &[
    Column::wide("Tenant", 8, 2, 1),
    Column::fixed("Id", 6, 0),
    Column::fixed("State", 9, 0),
    Column::fixed("Items", 7, 2).at_right(),
    Column { max: Some(20), ..Column::wide("Why", 6, 1, 3) },
];

fn rows() -> Vec<Row> {
    let row = |tenant: &str, id: &str, state: &str, role, items: &str, why: &str, marked| Row {
        cells: vec![
            tenant.into(),
            id.into(),
            Piece::new(state, role),
            items.into(),
            Piece::new(why, Role::Dim),
        ],
        marked,
    };
    vec![
        row("acme", "r-0001", "✓ done", Role::Good, "12,345", "", false),
        row("株式会社サンプル商事", "r-0002", "✗ failed", Role::Bad, "7", "GitHub said no\x1b[2J", true),
        row("a tenant with a long name", "r-0003", "▶ running", Role::Info, "99", "half-way", false),
        row("z", "r-0004", "○ pending", Role::Dim, "0", "", true),
    ]
}

fn grid(rows: &[Row]) -> Grid<'_> {
    Grid {
        columns: RUN_COLUMNS,
        sort: Some(Sort { column: 3, descending: true }),
        rows,
        offset: 11,
        total: Some(100_000),
        selected: Some(1),
        stale: false,
    }
}

#[test]
fn a_grid() {
    let rows = rows();
    insta::assert_snapshot!(drawn(70, 8, |buffer, area, look| {
        grid(&rows).draw(buffer, area, look);
    }));
}

#[test]
fn a_narrow_grid_drops_columns_but_never_id_and_state() {
    let rows = rows();
    let ascii = |width| {
        drawn_with(GlyphSet::Ascii, width, 5, |buffer, area, look| {
            grid(&rows).draw(buffer, area, look);
        })
    };
    insta::assert_snapshot!([44, 30, 18, 9].map(ascii).join("\n"));
}

#[test]
fn a_selected_row_below_the_end_is_scrolled_to() {
    let rows: Vec<Row> = rows().into_iter().cycle().take(20).collect();
    let mut buffer = Buffer::empty(Rect::new(0, 0, 70, 6));
    let area = buffer.area;
    let stale = Grid { selected: Some(9), stale: true, ..grid(&rows) };
    assert_eq!(stale.draw(&mut buffer, area, &look(GlyphSet::Unicode)), 6);
    let seen = seen(&buffer);
    assert!(seen.contains("18-21 of 100,000"), "{seen}");
    assert!(seen.contains("dim | reversed") && !seen.contains("Red"), "{seen}");
}

#[test]
fn positions_read_well() {
    for (first, shown, total, text) in [
        (11, 29, Some(100_000), "12-40 of 100,000"),
        (0, 1, Some(1), "1 of 1"),
        (0, 0, Some(0), "0 of 0"),
        (4, 2, None, "5-6"),
        (u64::MAX, 2, None, "18,446,744,073,709,551,615"),
    ] {
        assert_eq!(position(first, shown, total), text);
    }
}

#[test]
fn bars() {
    let left = [Piece::new("cutover", Role::Strong), " runs of every tenant there is".into()];
    let right = [Piece::new("3 s", Role::Stale), Piece::new(" ● live", Role::Good)];
    let at = |set| {
        move |width| drawn_with(set, width, 1, |buffer, area, look| bar(buffer, area, look, &left, &right))
    };
    let unicode = [60, 30, 12, 6].map(at(GlyphSet::Unicode)).join("");
    let left = [Piece::new("cutover", Role::Strong), " runs of every tenant there is".into()];
    let ascii = drawn_with(GlyphSet::Ascii, 30, 1, |buffer, area, look| bar(buffer, area, look, &left, &[]));
    insta::assert_snapshot!(unicode + &ascii);
}

#[test]
fn panels() {
    let panel = Panel { title: "Run r-0002", right: "14 s old", focus: true, ..Panel::default() };
    let draw = |panel: Panel<'_>, set, width, height| {
        drawn_with(set, width, height, |buffer, area, look| {
            for y in 0..height {
                buffer.set_string(0, y, "x".repeat(60), ratatui::style::Style::new());
            }
            let inside = panel.draw(buffer, area, look);
            assert!(inside.is_empty() || inside == Rect::new(1, 1, width - 2, height - 2));
        })
    };
    let all = [
        draw(panel, GlyphSet::Unicode, 30, 4),
        draw(Panel { stale: true, focus: false, ..panel }, GlyphSet::Ascii, 30, 3),
        draw(Panel { danger: true, ..panel }, GlyphSet::Unicode, 12, 3),
        draw(panel, GlyphSet::Unicode, 2, 3),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn gauges() {
    let mapped = Gauge {
        label: "mapped",
        segments: &[(700, Role::Good), (200, Role::Warn), (1, Role::Bad)],
        total: 1000,
    };
    let one = Gauge { label: "items", segments: &[(333, Role::Gauge)], total: 1000 };
    let draw = |gauge: &Gauge<'_>, set, width| {
        drawn_with(set, width, 1, |buffer, area, look| gauge.draw(buffer, area, look))
    };
    let all = [
        [60, 30, 14].map(|width| draw(&mapped, GlyphSet::Unicode, width)).join(""),
        draw(&mapped, GlyphSet::Ascii, 60),
        draw(&one, GlyphSet::Unicode, 60),
        draw(&one, GlyphSet::Ascii, 60),
        draw(&Gauge::default(), GlyphSet::Unicode, 60),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn sparks() {
    let values = [9, 9, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 100, 1];
    let all = [(GlyphSet::Unicode, 11, 1), (GlyphSet::Unicode, 11, 2), (GlyphSet::Ascii, 16, 1)].map(
        |(set, width, height)| {
            drawn_with(set, width, height, |buffer, area, look| {
                spark(buffer, area, look, &values, Role::Info);
            })
        },
    );
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn facts_and_texts() {
    let list = [
        Fact::new("State", Piece::new("✗ failed", Role::Bad)),
        Fact::new("Why", "3 of 40 items failed, which is more than the 5 % that this run may lose"),
        Fact::new(
            "A key that is too long for its place",
            "https://github.com/organizations/acme/settings/installations",
        ),
    ];
    let mut total = 0;
    let facts = drawn(40, 9, |buffer, area, look| total = facts(buffer, area, look, &list, 0));
    assert_eq!(total, 10);
    let page =
        [Piece::new("# Title", Role::Title), "One\ttwo\r\n  three \x1b[2J four five 株式会社サンプル".into()];
    let text = |first| {
        drawn(16, 4, |buffer, area, look| {
            assert_eq!(text(buffer, area, look, &page, first), 6);
        })
    };
    insta::assert_snapshot!([facts, text(0), text(usize::MAX)].join("\n"));
}

#[test]
fn menus_buttons_and_inputs() {
    let choices: Vec<Choice> = (0..9)
        .map(|i| Choice {
            text: format!("action {i}").into(),
            right: Piece::new(format!("ctrl-{i}"), Role::Key),
        })
        .collect();
    let menu = drawn(24, 3, |buffer, area, look| {
        assert_eq!(menu(buffer, area, look, &choices, Some(5)), 4);
    });
    let row = [Button { label: "Cancel", danger: false }, Button { label: "Kill", danger: true }];
    let button = |width, focus| {
        let mut places = Vec::new();
        let text = drawn(width, 1, |buffer, area, look| places = buttons(buffer, area, look, &row, focus));
        format!("{text}{:?}\n", places.iter().map(|place| (place.x, place.width)).collect::<Vec<_>>())
    };
    let line = |value: &str, cursor| {
        let line = Input::new(value.to_owned()).with_cursor(cursor);
        let mut at = None;
        let text = drawn(20, 1, |buffer, area, look| at = input(buffer, area, look, "name> ", &line));
        format!("{text}cursor {}\n", at.unwrap().x)
    };
    let all = [
        menu,
        button(30, 0),
        button(12, 1),
        line("acme", 2),
        line("a name that is longer than the line", 35),
        line("a name that is longer than the line", 0),
        line("株式会社サンプル商事", 10),
        line("\x1b[2J", 1),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn tracks() {
    use StepState::{Ahead, Done, Failed, Held, Now};
    let steps = [("shadow", Done), ("5 %", Now), ("25 %", Ahead), ("100 %", Ahead)];
    let steps = steps.map(|(name, state)| Step { name, state });
    let stuck = [("shadow", Failed), ("5 %", Held)].map(|(name, state)| Step { name, state });
    let draw = |set, width, steps: &[Step<'_>]| {
        drawn_with(set, width, 1, |buffer, area, look| track(buffer, area, look, steps))
    };
    let all = [
        draw(GlyphSet::Unicode, 50, &steps),
        draw(GlyphSet::Unicode, 24, &steps),
        draw(GlyphSet::Unicode, 10, &steps),
        draw(GlyphSet::Ascii, 50, &steps),
        draw(GlyphSet::Unicode, 30, &stuck),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn the_center_is_clipped() {
    let area = Rect::new(10, 5, 20, 10);
    assert_eq!(center(area, 10, 4), Rect::new(15, 8, 10, 4));
    assert_eq!(center(area, 100, 100), area);
    assert_eq!(center(Rect::default(), 3, 3), Rect::default());
}

/// A buffer somewhere, and an area that may lie in, across or outside of it.
fn places() -> impl Strategy<Value = (Rect, Rect)> {
    let side = || prop_oneof![4 => 0_u16..12, 2 => 0_u16..90, 1 => 0_u16..=500];
    let rect = move || (0_u16..40, 0_u16..20, side(), side().prop_map(|height| height.min(200)));
    let rect = move || rect().prop_map(|(x, y, width, height)| Rect { x, y, width, height });
    (
        rect(),
        prop_oneof![rect(), Just(Rect::new(u16::MAX, u16::MAX, 0, 0)), Just(Rect::new(65_500, 3, 35, 9))],
    )
}

/// Texts that are hard to draw.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,30}",
        any::<String>(),
        "[a-z ]{0,80}",
        "(株|👩‍👩‍👧|e\u{301}|ﾞ|\u{200b}|\u{fe0f}|لا| |\n|\t|\x1b){0,20}"
    ]
}

const ROLES: &[Role] = Role::ALL;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Nothing panics, and nothing outside of the area is touched.
    #[test]
    fn every_widget_survives_every_place(
        (whole, area) in places(),
        texts in prop::collection::vec(hostile(), 1..6),
        numbers in prop::collection::vec(any::<u64>(), 0..8),
        at in 0_usize..9,
        ascii in any::<bool>(),
    ) {
        let set = if ascii { GlyphSet::Ascii } else { GlyphSet::Unicode };
        let look = Look { theme: Theme::new(ThemeName::ALL[at % 3]), glyphs: Glyphs::new(set) };
        let role = |i: usize| ROLES[(i + at) % ROLES.len()];
        let pieces: Vec<Piece> = texts.iter().enumerate().map(|(i, text)| Piece::new(text, role(i))).collect();
        let text_at = |i: usize| texts[i % texts.len()].as_str();
        let segments: Vec<(u64, Role)> = numbers.iter().enumerate().map(|(i, n)| (*n, role(i))).collect();
        let number = numbers.first().copied().unwrap_or(0);
        let columns: Vec<Column<'_>> = (0..at).map(|i| Column {
            title: text_at(i),
            min: u16::try_from(number % 70).unwrap(),
            max: (i % 2 == 0).then_some(30),
            weight: [0, 1, 2][i % 3],
            right: i % 2 == 1,
            priority: [0, 1, 2, 3][i % 4],
        }).collect();
        let rows: Vec<Row> = (0..30).map(|i| Row { cells: pieces.clone(), marked: i % 2 == 0 }).collect();
        let choices: Vec<Choice> = pieces.iter().map(|piece| Choice { text: piece.clone(), right: piece.clone() }).collect();
        let keyed: Vec<Fact> = pieces.iter().map(|piece| Fact::new(text_at(1), piece.clone())).collect();
        let steps: Vec<Step<'_>> = texts.iter().map(|name| Step { name, state: StepState::Now }).collect();
        let row: Vec<Button<'_>> = texts.iter().map(|label| Button { label, danger: at > 4 }).collect();
        let line = Input::new(texts[0].clone()).with_cursor(at * 3);
        let grid = Grid {
            columns: &columns,
            sort: Some(Sort { column: at / 2, descending: at % 2 == 0 }),
            rows: &rows,
            offset: number,
            total: numbers.last().copied(),
            selected: Some(at * 4),
            stale: at == 1,
        };
        let panel = Panel { title: text_at(0), right: text_at(1), focus: at == 0, stale: at == 1, danger: at == 2 };
        let gauge = Gauge { label: text_at(0), segments: &segments, total: number };
        type Draw<'a> = Box<dyn Fn(&mut Buffer, Rect) + 'a>;
        let all: Vec<(&str, Draw<'_>)> = vec![
            ("bar", Box::new(|b, a| bar(b, a, &look, &pieces, &pieces[..at.min(1)]))),
            ("panel", Box::new(|b, a| { panel.draw(b, a, &look); })),
            ("gauge", Box::new(|b, a| gauge.draw(b, a, &look))),
            ("one share", Box::new(|b, a| Gauge { segments: &segments[..segments.len().min(1)], ..gauge }.draw(b, a, &look))),
            ("spark", Box::new(|b, a| spark(b, a, &look, &numbers, role(0)))),
            ("facts", Box::new(|b, a| { facts(b, a, &look, &keyed, at * 5); })),
            ("grid", Box::new(|b, a| { grid.draw(b, a, &look); })),
            ("menu", Box::new(|b, a| { menu(b, a, &look, &choices, Some(at)); })),
            ("text", Box::new(|b, a| { text(b, a, &look, &pieces, at * 7); })),
            ("buttons", Box::new(|b, a| { buttons(b, a, &look, &row, at); })),
            ("input", Box::new(|b, a| { input(b, a, &look, text_at(1), &line); })),
            ("track", Box::new(|b, a| track(b, a, &look, &steps))),
            ("wipe", Box::new(wipe)),
        ];
        for (name, draw) in all {
            let mut buffer = Buffer::empty(whole);
            for cell in &mut buffer.content {
                cell.set_symbol("~");
            }
            draw(&mut buffer, area);
            for y in whole.top()..whole.bottom() {
                for x in whole.left()..whole.right() {
                    let cell = &buffer[(x, y)];
                    let inside = area.contains((x, y).into());
                    prop_assert!(inside || cell.symbol() == "~", "{} drew outside at {},{}", name, x, y);
                    prop_assert!(!cell.symbol().contains(char::is_control), "{} drew a control", name);
                }
            }
        }
    }

    #[test]
    fn columns_stand_apart_and_the_first_priority_stays(
        wanted in prop::collection::vec((0_u16..40, 0_u16..4, 0_u8..4, prop::option::of(1_u16..50)), 0..10),
        width in 0_u16..200,
    ) {
        let columns: Vec<Column<'_>> = wanted.iter().map(|(min, weight, priority, max)| Column {
            max: *max, priority: *priority, ..Column::wide("T", *min, *weight, 0)
        }).collect();
        let slots = layout(&columns, width);
        for pair in slots.windows(2) {
            prop_assert!(pair[0].column < pair[1].column && pair[0].x + pair[0].width + 2 == pair[1].x);
        }
        prop_assert!(slots.last().is_none_or(|slot| slot.x + slot.width <= width));
        prop_assert!(slots.iter().all(|slot| slot.width > 0));
        let first = columns.iter().filter(|column| column.priority == 0).count();
        let kept = slots.iter().filter(|slot| columns[slot.column].priority == 0).count();
        prop_assert!(kept == first || usize::from(width) < first * 3);
        // A lower number is never dropped for a higher one.
        for (i, column) in columns.iter().enumerate() {
            if !slots.iter().any(|slot| slot.column == i) {
                prop_assert!(slots.iter().all(|slot| columns[slot.column].priority <= column.priority));
            }
        }
    }

    #[test]
    fn a_gauge_shows_every_share_and_is_full_only_for_all(shares in prop::collection::vec(0_u64..5_000, 1..5), more in 0_u64..5_000, width in 6_u16..200) {
        let sum: u64 = shares.iter().sum();
        let cells = cells(&shares, sum + more, width);
        let used: u16 = cells.iter().sum();
        prop_assert_eq!(used == width, more == 0 && sum > 0);
        for (share, cells) in shares.iter().zip(&cells) {
            prop_assert_eq!(*share > 0, *cells > 0);
        }
    }

    #[test]
    fn what_is_cut_keeps_its_room(text in hostile(), room in 0_usize..40, ascii in any::<bool>()) {
        let look = look(if ascii { GlyphSet::Ascii } else { GlyphSet::Unicode });
        let cleaned = clean(&text);
        let short = cut(&cleaned, room, &look);
        prop_assert!(columns(&short) <= room);
        prop_assert!(columns(&cleaned) > room || short == cleaned);
    }

    #[test]
    fn wrapping_keeps_every_letter(text in hostile(), room in 2_usize..40) {
        let lines = wrap(&text, room);
        // One sign can be wider than a line: a syllable with its marks.
        let whole = |line: &String| columns(line) <= room || symbols(line).count() == 1;
        prop_assert!(lines.iter().all(whole), "{:?}", lines);
        let bare = |text: &str| text.split([' ', '\n', '\r', '\t']).collect::<String>();
        let cleaned: Vec<String> = text.split('\n').map(|line| crate::plain::clean(&line.strip_suffix('\r').unwrap_or(line).replace('\t', " ")).into_owned()).collect();
        prop_assert_eq!(bare(&lines.concat()), bare(&cleaned.concat()));
    }
}

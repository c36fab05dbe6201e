//! A window of any filter and order is what filtering and sorting all rows in memory gives.

mod inbox;
mod outbox;
mod scale;
mod world;

use std::collections::BTreeSet;

use cutover_shared::filter::{self, Compare, Field, Fields, Kind};
use cutover_shared::window::{Sort, Window, WindowAsk};
use proptest::prelude::*;

use self::world::{NOW, RUN, Row, World};
use super::*;
use crate::store::{Select, Value};

/// Every field of every list has a column: a filter that the parser takes never fails here.
#[test]
fn every_field_has_a_column_and_no_other_word_has() {
    for list in [LINKS, TENANTS, RUNS, ITEMS, AUDIT, DELIVERIES, INSTANCES, WORKFLOWS, DISPATCHES] {
        for field in list.fields.all {
            let column = (list.column)(field.name);
            let fits = match field.kind {
                Kind::Age => matches!(column, Some(Column::Moment(_))),
                Kind::Flag => matches!(column, Some(Column::Canary(_) | Column::Flag(_))),
                Kind::Text | Kind::Word(_) | Kind::Number => matches!(column, Some(Column::Plain(_))),
            };
            assert!(fits, "{}.{}: {column:?}", list.fields.noun, field.name);
        }
        assert_eq!((list.column)("1=1; --"), None);
    }
}

/// Text that could mean something to SQL, LIKE, JSON or the parser.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "a",
            "A",
            "%",
            "_",
            "\\",
            "'",
            "b%",
            "é",
            "É",
            "-",
            "o/",
            "k",
            "unplanned",
            "t1",
            "';--",
            "\0",
            "a\0",
        ])
        .prop_map(str::to_owned),
        "[a-c%_\\\\'/:0-9é]{1,3}",
    ]
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', ""))
}

fn term(fields: &'static Fields) -> impl Strategy<Value = String> {
    let of_field = prop::sample::select(fields.all).prop_flat_map(|field: Field| {
        let name = field.name;
        let compare =
            prop::sample::select(vec![Compare::Less, Compare::AtMost, Compare::More, Compare::AtLeast])
                .prop_map(|compare| match compare {
                    Compare::Less => "<",
                    Compare::AtMost => "<=",
                    Compare::More => ">",
                    Compare::AtLeast => ">=",
                });
        match field.kind {
            Kind::Text => texts().prop_map(move |text| format!("{name}:{}", quoted(&text))).boxed(),
            Kind::Word(words) => prop::collection::vec(prop::sample::select(words), 1..3)
                .prop_map(move |words| format!("{name}:{}", words.join(",")))
                .boxed(),
            Kind::Number => prop_oneof![
                (compare, -1_i64..5).prop_map(move |(sign, n)| format!("{name}{sign}{n}")),
                prop::collection::vec(-1_i64..5, 1..3).prop_map(move |all| {
                    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                    format!("{name}:{}", all.join(","))
                }),
            ]
            .boxed(),
            Kind::Age => (compare, 0_i64..6).prop_map(move |(sign, n)| format!("{name}{sign}{n}s")).boxed(),
            Kind::Flag => {
                prop::sample::select(vec!["yes", "no"]).prop_map(move |is| format!("{name}:{is}")).boxed()
            }
        }
    });
    let bare = texts().prop_map(|text| quoted(&text));
    (any::<bool>(), prop_oneof![3 => of_field, 1 => bare])
        .prop_map(|(not, term)| if not { format!("!{term}") } else { term })
}

fn ask(fields: &'static Fields) -> impl Strategy<Value = WindowAsk> {
    let sort = prop::option::of((prop::sample::select(fields.all), any::<bool>()))
        .prop_map(|sort| sort.map(|(field, descending)| Sort { field: field.name.to_owned(), descending }));
    (prop::collection::vec(term(fields), 0..4), sort, 0_u64..30, 1_u32..12)
        .prop_map(|(terms, sort, offset, limit)| WindowAsk { filter: terms.join(" "), sort, offset, limit })
}

/// What the store answered, as keys, against the same done in memory over all rows.
fn same(
    world: &[Row],
    fields: &'static Fields,
    select: &Select,
    found: &Window<String>,
) -> Result<(), TestCaseError> {
    let rows: Vec<&Row> = world.iter().collect();
    let expected = select.window(fields, rows, |row, field| row.value(field)).map(|row| row.key.clone());
    prop_assert_eq!(found, &expected, "{:?}", select);
    Ok(())
}

fn select(fields: &Fields, ask: &WindowAsk, canary: &BTreeSet<cutover_shared::ids::TenantId>) -> Select {
    Select::understand(fields, ask, NOW).unwrap().with_canary(canary.clone())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn windows_are_what_memory_says(
        world in world::worlds(),
        links in prop::collection::vec(ask(&filter::LINKS), 6),
        tenants in prop::collection::vec(ask(&filter::TENANTS), 4),
        runs in prop::collection::vec(ask(&filter::RUNS), 4),
        items in prop::collection::vec(ask(&filter::ITEMS), 6),
        audit in prop::collection::vec(ask(&filter::AUDIT), 4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_dir, db) = world.store().await;
            for ask in &links {
                let select = select(&filter::LINKS, ask, &world.canary);
                let found = db.links_window(&select).await.unwrap();
                for (link, body) in &found.rows {
                    prop_assert_eq!(body, &world.body(&link.key));
                }
                same(&world.links(), &filter::LINKS, &select, &found.map(|(link, _)| link.key.0))?;
            }
            for ask in &tenants {
                let select = select(&filter::TENANTS, ask, &world.canary);
                let found = db.tenants_window(&select).await.unwrap().map(|tenant| tenant.id.0);
                same(&world.tenants(), &filter::TENANTS, &select, &found)?;
            }
            for ask in &runs {
                let select = select(&filter::RUNS, ask, &world.canary);
                let found = db.runs_window(&select).await.unwrap().map(|run| run.id.0);
                same(&world.runs(), &filter::RUNS, &select, &found)?;
            }
            for ask in &items {
                let select = select(&filter::ITEMS, ask, &world.canary);
                let found = db.items_window(&RUN.into(), &select).await.unwrap().map(|item| item.key);
                same(&world.items(), &filter::ITEMS, &select, &found)?;
            }
            for ask in &audit {
                let select = select(&filter::AUDIT, ask, &world.canary);
                let found = db.audit_window(&select).await.unwrap().map(|record| record.seq.to_string());
                same(&world.audit(), &filter::AUDIT, &select, &found)?;
            }
            db.close().await;
            Ok(())
        })?;
    }
}

/// The rules of the reference itself, spelled out once.
#[test]
fn memory_means_what_operators_read() {
    let rows = [("b", Some(1), 9_000), ("A%", None, 5_000), ("ab", Some(3), 1_000)];
    let ask = |filter: &str, sort: Option<&str>, descending| WindowAsk {
        filter: filter.to_owned(),
        sort: sort.map(|field| Sort { field: field.to_owned(), descending }),
        offset: 0,
        limit: 10,
    };
    let keys = |ask: WindowAsk| {
        let select = Select::understand(&filter::AUDIT, &ask, 10_000).unwrap();
        let window = select.window(&filter::AUDIT, rows.to_vec(), |row, field| match field {
            "seq" => Value::Number(row.1),
            "age" => Value::Moment(row.2),
            _ => Value::Text(Some(row.0)),
        });
        window.rows.into_iter().map(|row| row.0).collect::<Vec<_>>()
    };
    assert_eq!(keys(ask("who:a", None, false)), ["A%", "ab"]);
    assert_eq!(keys(ask("%", None, false)), ["A%"]);
    assert_eq!(keys(ask("seq>0", None, false)), ["b", "ab"]);
    assert_eq!(keys(ask("!seq>2", None, false)), ["b", "A%"]);
    assert_eq!(keys(ask("age<=5s", None, false)), ["b", "A%"]);
    assert_eq!(keys(ask("", Some("age"), false)), ["b", "A%", "ab"]);
    assert_eq!(keys(ask("", Some("seq"), true)), ["ab", "b", "A%"]);
}

#[tokio::test]
async fn past_the_end_is_the_last_full_window() {
    let world = World::of(10);
    let (_dir, db) = world.store().await;
    let ask = WindowAsk { offset: 1_000_000, limit: 4, ..WindowAsk::default() };
    let found = db.links_window(&select(&filter::LINKS, &ask, &world.canary)).await.unwrap();
    assert_eq!((found.offset, found.total, found.rows.len()), (6, 10, 4));
    let found = db.tenants_window(&select(&filter::TENANTS, &ask, &world.canary)).await.unwrap();
    assert_eq!((found.offset, found.rows.len() as u64), (found.total.saturating_sub(4), found.total.min(4)));
    let ask = WindowAsk { offset: u64::MAX, limit: 4, filter: "tenant:nobody".into(), sort: None };
    let found = db.tenants_window(&select(&filter::TENANTS, &ask, &world.canary)).await.unwrap();
    assert_eq!((found.offset, found.total), (0, 0));
}

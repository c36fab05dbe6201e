use super::*;

fn taken(tenants: &Tenants) -> Vec<(Operation, Side, String, TenantSum)> {
    let mut all = Vec::new();
    tenants.take(|operation, side, tenant, sum| all.push((operation, side, tenant.to_owned(), sum)));
    all.sort_by(|one, other| (&one.2, one.0, one.1).cmp(&(&other.2, other.0, other.1)));
    all
}

#[test]
fn each_tenant_has_its_own_sum_by_operation_and_arm() {
    let tenants = Tenants::of(64);
    tenants.record(Operation::List, Side::Legacy, "a", false, 5);
    tenants.record(Operation::List, Side::Legacy, "a", true, 9);
    tenants.record(Operation::List, Side::Target, "a", false, 7);
    tenants.record(Operation::List, Side::Legacy, "b", false, 1);
    let sum = |calls, errors, slowest_us| TenantSum { calls, errors, slowest_us };
    let expected = vec![
        (Operation::List, Side::Legacy, "a".to_owned(), sum(2, 1, 9)),
        (Operation::List, Side::Target, "a".to_owned(), sum(1, 0, 7)),
        (Operation::List, Side::Legacy, "b".to_owned(), sum(1, 0, 1)),
    ];
    assert_eq!(taken(&tenants), expected);
    assert_eq!(taken(&tenants), [], "nothing is taken twice");
}

#[test]
fn what_finds_no_place_is_counted_beside() {
    let tenants = Tenants::of(16);
    for n in 0..40 {
        tenants.record(Operation::Clone, Side::Target, &format!("t{n}"), false, 1);
        tenants.record(Operation::Clone, Side::Target, "t0", false, 1);
    }
    let all = taken(&tenants);
    assert_eq!((all.len(), tenants.beyond()), (16, 24));
    assert_eq!(all.iter().map(|(.., sum)| sum.calls).sum::<u64>() + tenants.beyond(), 80);
    assert_eq!(all.iter().find(|(_, _, tenant, _)| tenant == "t0").unwrap().3.calls, 41);
}

#[test]
fn a_long_name_is_cut_between_letters() {
    let tenants = Tenants::of(16);
    let long = "é".repeat(200);
    tenants.record(Operation::Clone, Side::Target, &long, false, 1);
    tenants.record(Operation::Clone, Side::Target, &format!("{long}x"), false, 1);
    assert_eq!(taken(&tenants)[0].2.len(), 256);
    tenants.record(Operation::Clone, Side::Target, &format!("x{long}"), false, 1);
    assert_eq!(taken(&tenants)[0].2.len(), 255);
}

//! Which columns are shown, and how wide.

/// Blank columns between two columns of a grid.
const GAP: u16 = 2;

/// A column of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    pub title: &'a str,
    /// Columns of the terminal that it needs.
    pub min: u16,
    /// The widest it gets; none for as wide as there is room.
    pub max: Option<u16>,
    /// Its part of the room that is left; 0 stays at `min`.
    pub weight: u16,
    /// Numbers stand at the right.
    pub right: bool,
    /// 0 is always shown, as the id and the state are; the highest goes first when there is no room.
    pub priority: u8,
}

impl<'a> Column<'a> {
    /// A column that stays at its width.
    pub const fn fixed(title: &'a str, width: u16, priority: u8) -> Self {
        Self { title, min: width, max: Some(width), weight: 0, right: false, priority }
    }

    /// A column that takes a share of what is left.
    pub const fn wide(title: &'a str, min: u16, weight: u16, priority: u8) -> Self {
        Self { title, min, max: None, weight, right: false, priority }
    }

    /// The same with its texts at the right.
    pub const fn at_right(self) -> Self {
        Self { right: true, ..self }
    }
}

/// Where a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Index of the column.
    pub column: usize,
    /// From the left end of the columns.
    pub x: u16,
    pub width: u16,
}

/// The columns that are shown in `width`, in their order, without overlaps. Drops those of the highest priority number
/// until the rest fits; columns of priority 0 are narrowed instead, as long as each has one place.
pub fn layout(columns: &[Column<'_>], width: u16) -> Vec<Slot> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let column = |i: usize| columns.get(i).copied().unwrap_or(Column::fixed("", 1, 0));
    let needed = |shown: &[usize]| {
        shown.iter().map(|i| u64::from(column(*i).min.max(1))).sum::<u64>() + gaps(shown.len())
    };
    while needed(&shown) > u64::from(width) {
        // Of equal ones the last goes.
        let last = shown
            .iter()
            .copied()
            .filter(|i| column(*i).priority > 0)
            .max_by_key(|i| (column(*i).priority, *i));
        let Some(last) = last else { break };
        shown.retain(|i| *i != last);
    }
    // Narrower than one place each: the first ones are kept.
    while gaps(shown.len()) + shown.len() as u64 > u64::from(width) && shown.pop().is_some() {}

    let mut widths: Vec<u16> = shown.iter().map(|i| column(*i).min.clamp(1, width.max(1))).collect();
    let room = u64::from(width).saturating_sub(gaps(shown.len()));
    let sum = |widths: &[u16]| widths.iter().map(|w| u64::from(*w)).sum::<u64>();
    while sum(&widths) > room {
        let Some(widest) = widths.iter_mut().max_by_key(|w| **w).filter(|w| **w > 1) else { break };
        *widest -= 1;
    }
    let mut given: Vec<u16> = vec![0; widths.len()];
    while sum(&widths) < room {
        // Whoever has got least for its weight is next.
        let next = (0..widths.len())
            .filter(|i| {
                let column = column(shown[*i]);
                column.weight > 0 && column.max.is_none_or(|max| widths[*i] < max)
            })
            .min_by_key(|i| (u64::from(given[*i]) << 32) / u64::from(column(shown[*i]).weight));
        let Some(next) = next else { break };
        widths[next] += 1;
        given[next] += 1;
    }
    let mut x = 0_u16;
    shown
        .into_iter()
        .zip(widths)
        .map(|(column, width)| {
            let slot = Slot { column, x, width };
            x = x.saturating_add(width).saturating_add(GAP);
            slot
        })
        .collect()
}

fn gaps(columns: usize) -> u64 {
    u64::from(GAP) * (columns as u64).saturating_sub(1)
}

//! A bar of several shares, with its numbers.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Look;
use super::piece::{clean, columns, cut, narrow, write};
use crate::plain::{number, percent};
use crate::theme::Role;

/// The narrowest bar that says anything.
const NARROWEST: u16 = 6;

/// Shares of a whole in one line: `label ████▓▓··· 12 / 20 60 %`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge<'a> {
    pub label: &'a str,
    /// Parts in their order. The numbers are those of the first.
    pub segments: &'a [(u64, Role)],
    /// The whole; at least the sum of the segments is taken.
    pub total: u64,
}

impl Gauge<'_> {
    /// Draws onto the first line of `area`. Numbers are kept longest, then the bar, then the label.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let total = self.total();
        let first = self.segments.first().map_or(0, |(share, _)| *share);
        let mut numbers = format!("{} / {}", number(first), number(total));
        // Of nothing there is no share, neither none nor all.
        if total > 0 {
            let percent = format!("{} %", percent(first, total));
            let both = format!("{numbers} {percent}");
            numbers = if both.len() > usize::from(area.width) { percent } else { both };
        }
        let numbers_width = narrow(numbers.len()).min(area.width);
        let strong = look.style(Role::Strong);
        let at = area.right() - numbers_width;
        write(buffer, (at, area.y), numbers_width, &cut(&numbers, usize::from(numbers_width), look), strong);
        let room = area.width.saturating_sub(numbers_width + 1);
        let label = clean(self.label);
        let wanted = narrow(columns(&label)).min(room / 3);
        let mut x = area.x;
        if wanted > 0 && room >= wanted + 1 + NARROWEST {
            write(
                buffer,
                (x, area.y),
                wanted,
                &cut(&label, usize::from(wanted), look),
                look.style(Role::Text),
            );
            x += wanted + 1;
        }
        let bar = (area.x + room).saturating_sub(x);
        if bar >= NARROWEST {
            self.bar(buffer, Rect { x, width: bar, height: 1, ..area }, look);
        }
    }

    fn total(&self) -> u64 {
        let sum = self.segments.iter().fold(0_u64, |sum, (share, _)| sum.saturating_add(*share));
        self.total.max(sum)
    }

    /// Draws the bar alone, over the whole width of the first line of `area`.
    pub fn bar(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let rest = look.style(Role::GaugeRest);
        for x in area.left()..area.right() {
            write(buffer, (x, area.y), 1, look.glyphs.gauge_rest, rest);
        }
        if let [(share, role)] = self.segments {
            return single(buffer, area, *share, self.total(), look, *role);
        }
        let shares: Vec<u64> = self.segments.iter().map(|(share, _)| *share).collect();
        let mut signs = look.glyphs.gauge.iter();
        let mut sign = look.glyphs.gauge_rest;
        let mut x = area.x;
        for (cells, (_, role)) in cells(&shares, self.total(), area.width).into_iter().zip(self.segments) {
            sign = signs.next().unwrap_or(&sign);
            for _ in 0..cells {
                x += write(buffer, (x, area.y), 1, sign, look.style(*role));
            }
        }
    }
}

/// One share, to an eighth of a cell.
fn single(buffer: &mut Buffer, area: Rect, share: u64, total: u64, look: &Look, role: Role) {
    let style = look.style(role);
    let eighths = u128::from(share) * u128::from(area.width) * 8 / u128::from(total.max(1));
    // What has only just begun shows that it has.
    let eighths = if share > 0 { eighths.max(1) } else { eighths };
    let mut x = area.x;
    for _ in 0..u16::try_from(eighths / 8).unwrap_or(area.width) {
        x += write(buffer, (x, area.y), 1, look.glyphs.gauge[0], style);
    }
    let part = usize::try_from(eighths % 8).ok().and_then(|part| part.checked_sub(1));
    if let Some(sign) = part.and_then(|part| look.glyphs.gauge_part.get(part)) {
        write(buffer, (x, area.y), 1, sign, style);
    }
}

/// How many of `width` cells each share gets. A share that is there gets one, because one failure in 100,000 must be
/// seen; and where the shares are not the whole, a cell is left, because 100 % means all.
pub(super) fn cells(shares: &[u64], total: u64, width: u16) -> Vec<u16> {
    let wide = |n: u64| u128::from(n) * u128::from(width);
    let total = u128::from(total.max(1));
    let sum = shares.iter().map(|share| u128::from(*share)).sum::<u128>();
    let most = if sum >= total { width } else { width.saturating_sub(1) };
    let target = u16::try_from(sum * u128::from(width) / total).unwrap_or(most).min(most);
    let floor = |share: u64| u16::try_from(wide(share) / total).unwrap_or(width);
    let mut cells: Vec<u16> = shares.iter().map(|share| floor(*share).max(u16::from(*share > 0))).collect();
    let count = |cells: &[u16]| cells.iter().map(|n| usize::from(*n)).sum::<usize>();
    while count(&cells) > usize::from(most) {
        // The widest gives; of equally wide ones the last.
        let Some(widest) = cells.iter_mut().max_by_key(|n| **n).filter(|n| **n > 0) else { break };
        *widest -= 1;
    }
    let mut by_rest: Vec<usize> = (0..shares.len()).collect();
    by_rest.sort_by_key(|i| std::cmp::Reverse(shares.get(*i).map_or(0, |share| wide(*share) % total)));
    for i in by_rest {
        if count(&cells) >= usize::from(target) {
            break;
        }
        if let Some(n) = cells.get_mut(i) {
            *n += 1;
        }
    }
    cells
}

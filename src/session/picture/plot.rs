//! One plot: a frame with two axes, and what is drawn into it.

use std::fmt::Write;

use super::{Picture, escaped};
use crate::session::table::significant;

/// Room around the frame: left, right, top, bottom.
const ROOM: [f64; 4] = [46.0, 16.0, 24.0, 34.0];

/// A plot that is being drawn. Points that are not finite are left out.
pub struct Plot {
    width: f64,
    height: f64,
    x: (f64, f64),
    y: (f64, f64),
    title: String,
    x_label: String,
    show: (bool, bool),
    body: String,
}

impl Plot {
    /// A plot of these ranges; an empty one is widened.
    pub fn new(title: &str, x: (f64, f64), y: (f64, f64)) -> Plot {
        Plot {
            width: 340.0,
            height: 220.0,
            x: widened(x),
            y: widened(y),
            title: title.to_string(),
            x_label: String::new(),
            show: (true, true),
            body: String::new(),
        }
    }

    /// Of another size.
    pub fn sized(mut self, width: f64, height: f64) -> Plot {
        (self.width, self.height) = (width, height);
        self
    }

    /// With words below the horizontal axis.
    pub fn x_label(mut self, label: &str) -> Plot {
        self.x_label = label.to_string();
        self
    }

    /// Without numbers at the vertical axis, where heights mean nothing by themselves.
    pub fn bare_y(mut self) -> Plot {
        self.show.1 = false;
        self
    }

    /// With some air above and below what is drawn.
    pub fn airy(mut self) -> Plot {
        let air = 0.06 * (self.y.1 - self.y.0);
        self.y = (self.y.0 - air, self.y.1 + air);
        self
    }

    /// Room at the left: little where there are no numbers.
    fn left(&self) -> f64 {
        if self.show.1 { ROOM[0] } else { ROOM[1] }
    }

    fn px(&self, x: f64) -> f64 {
        let inside = self.width - self.left() - ROOM[1];
        self.left() + inside * (x - self.x.0) / (self.x.1 - self.x.0)
    }

    fn py(&self, y: f64) -> f64 {
        let inside = self.height - ROOM[2] - ROOM[3];
        ROOM[2] + inside * (self.y.1 - y) / (self.y.1 - self.y.0)
    }

    /// A line through points, broken where one is not finite.
    pub fn line(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let (mut d, mut pen) = (String::new(), 'M');
        for (x, y) in points {
            if !(x.is_finite() && y.is_finite()) {
                pen = 'M';
                continue;
            }
            let _ = write!(d, "{pen}{:.1} {:.1}", self.px(x), self.py(y));
            pen = 'L';
        }
        if !d.is_empty() {
            let _ = write!(self.body, "<path class=\"{class}\" d=\"{d}\"/>");
        }
    }

    /// The area between two lines over the same points: (x, low, high).
    pub fn band(&mut self, class: &str, points: &[(f64, f64, f64)]) {
        let upper = points.iter().map(|&(x, _, high)| (x, high));
        let lower = points.iter().rev().map(|&(x, low, _)| (x, low));
        let corner = |(x, y): (f64, f64)| format!("{:.1},{:.1}", self.px(x), self.py(y));
        let corners: Vec<String> = upper.chain(lower).map(corner).collect();
        let _ = write!(
            self.body,
            "<polygon class=\"{class}\" points=\"{}\"/>",
            corners.join(" ")
        );
    }

    /// A rectangle.
    pub fn bar(&mut self, class: &str, x: (f64, f64), y: (f64, f64)) {
        let (left, right) = (self.px(x.0), self.px(x.1));
        let (top, bottom) = (self.py(y.1), self.py(y.0));
        let (w, h) = ((right - left - 0.6).max(0.6), (bottom - top).max(0.0));
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"/>"
        );
    }

    /// Dots.
    pub fn dots(&mut self, class: &str, radius: f64, points: impl IntoIterator<Item = (f64, f64)>) {
        for (x, y) in points {
            if x.is_finite() && y.is_finite() {
                let (x, y) = (self.px(x), self.py(y));
                let _ = write!(
                    self.body,
                    "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"
                );
            }
        }
    }

    /// Words to the right of a point; to its left where there is no room.
    pub fn words(&mut self, x: f64, y: f64, words: &str) {
        let (x, y) = (self.px(x), self.py(y) + 3.5);
        if !(x.is_finite() && y.is_finite()) {
            return;
        }
        let fits = x + 7.0 * words.chars().count() as f64 + 8.0 < self.width;
        let (x, anchor) = match fits {
            true => (x + 6.0, "start"),
            false => (self.width - 4.0, "end"),
        };
        let words = escaped(words);
        let _ = write!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
        );
    }

    /// Words beside the title, each in a line's colour: (number of the colour, words).
    pub fn legend(&mut self, entries: &[(usize, &str)]) {
        let mut right = self.width - ROOM[1];
        for (colour, words) in entries.iter().rev() {
            let _ = write!(
                self.body,
                "<text x=\"{right:.0}\" y=\"15\" text-anchor=\"end\" style=\"fill:var(--c{})\">{}</text>",
                colour % 4,
                escaped(words)
            );
            right -= 6.2 * words.chars().count() as f64 + 10.0;
        }
    }

    /// The picture.
    pub fn finish(self) -> Picture {
        let (left, right) = (self.left(), self.width - ROOM[1]);
        let (top, bottom) = (ROOM[2], self.height - ROOM[3]);
        let mut out = format!(
            "<text class=\"title\" x=\"8\" y=\"15\">{}</text>",
            escaped(&self.title)
        );
        for (at, words) in ticks(self.x, 5).into_iter().filter(|_| self.show.0) {
            let x = self.px(at);
            let _ = write!(
                out,
                "<path class=\"axis\" d=\"M{x:.1} {top}V{bottom}\"/><text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{words}</text>",
                bottom + 13.0
            );
        }
        for (at, words) in ticks(self.y, 4).into_iter().filter(|_| self.show.1) {
            let y = self.py(at);
            let _ = write!(
                out,
                "<path class=\"axis\" d=\"M{left} {y:.1}H{right}\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{words}</text>",
                left - 4.0,
                y + 3.5
            );
        }
        let _ = write!(
            out,
            "<path class=\"axis\" d=\"M{left} {bottom}H{right}\"/><text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>{}",
            0.5 * (left + right),
            self.height - 6.0,
            escaped(&self.x_label),
            self.body
        );
        Picture {
            width: self.width,
            height: self.height,
            title: self.title,
            body: out,
        }
    }
}

/// A range of some width, finite, whatever was asked for.
fn widened((low, high): (f64, f64)) -> (f64, f64) {
    match (low.is_finite() && high.is_finite(), high > low) {
        (false, _) => (0.0, 1.0),
        (true, true) => (low, high),
        (true, false) => {
            let half = (0.5 * low.abs()).max(0.5);
            (low - half, low + half)
        }
    }
}

/// Round numbers inside a range, about `wanted` of them, as they are written.
fn ticks((low, high): (f64, f64), wanted: usize) -> Vec<(f64, String)> {
    let rough = (high - low) / wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|s| *s >= rough)
        .unwrap_or(10.0 * power);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    // Digits enough to tell neighbours apart.
    let size = (low.abs().max(high.abs()) / step).log10().ceil().max(0.0) as i64 + 1;
    let words = |x: f64| significant(if x.abs() < 1e-9 * step { 0.0 } else { x }, size);
    (first..=last.min(first + 50))
        .map(|i| (i as f64 * step, words(i as f64 * step)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let words =
            |range| -> Vec<String> { ticks(range, 5).into_iter().map(|(_, w)| w).collect() };
        assert_eq!(words((-0.3, 1.1)), ["0", "0.5", "1"]);
        assert_eq!(words((0.0, 100.0)), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(words((1e6, 1e6 + 4.0)).len(), 5);
    }

    #[test]
    fn odd_ranges_and_points_are_drawn_all_the_same() {
        for range in [(f64::NAN, 1.0), (2.0, 2.0), (0.0, 0.0), (-1.0, 1.0)] {
            let mut plot = Plot::new("a < b", range, range);
            plot.line("l0", [(0.0, 0.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)]);
            plot.dots("f0", 2.0, [(f64::NEG_INFINITY, 0.0)]);
            let svg = plot.finish().inline();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(svg.contains("a &lt; b"));
        }
    }
}

//! The plots of the last hour: SVG in the page, without scripts.

use std::fmt::Write;

use super::text::grouped;
use crate::proto::observer::{BootResult, Minute};
use crate::proto::stats::Outcome;

/// Width of a plot, in its own units.
const WIDTH: usize = 600;
/// Height of what is plotted.
const HEIGHT: u64 = 160;
/// Where it stands: the label of the scale is above it, and the times are below.
const BASE: u64 = 196;
/// Width of a minute, with the gap before the next one.
const MINUTE: usize = 10;
/// Width of a bar.
const BAR: usize = 8;

/// A part of the bars.
struct Series {
    /// Its name, and the class that gives it its color.
    name: &'static str,
    /// A count for each minute.
    counts: Vec<u32>,
}

/// The section of the page. `minutes` are the last ones, the oldest first.
pub(super) fn section(minutes: &[Minute]) -> String {
    format!(
        "<section>\n<h2>Last hour</h2>\n<div class=\"plots\">\n{}{}{}</div>\n\
         <p>Each bar is a minute. A boot is all that one address fetches, and is shown a minute after \
         its last file. Its bar goes from the shortest to the longest time, with a line at the mean; \
         a mark at the bottom is an incomplete boot.</p>\n</section>\n",
        requests(minutes),
        outcomes(minutes),
        boots(minutes)
    )
}

fn requests(minutes: &[Minute]) -> String {
    let sum = |counts: &[u32]| counts.iter().sum();
    let series = |name, of: fn(&Minute) -> &[u32]| Series {
        name,
        counts: minutes.iter().map(|minute| sum(of(minute))).collect(),
    };
    let series = [
        series("TFTP", |minute| &minute.tftp),
        series("HTTP", |minute| &minute.http),
    ];
    bars("Requests", &series)
}

fn outcomes(minutes: &[Minute]) -> String {
    let series = Outcome::ALL.map(|outcome| {
        let count = |minute: &Minute| minute.tftp[outcome as usize] + minute.http[outcome as usize];
        Series {
            name: outcome.as_str(),
            counts: minutes.iter().map(count).collect(),
        }
    });
    bars("Transfers by outcome", &series)
}

/// A plot of stacked bars. A series without a count is left out.
fn bars(title: &str, series: &[Series]) -> String {
    let totals = |minute: usize| {
        series
            .iter()
            .map(move |series| u64::from(series.counts[minute]))
    };
    let minutes = series.first().map_or(0, |series| series.counts.len());
    let most = (0..minutes).map(|minute| totals(minute).sum()).max();
    let scale = scale(most.unwrap_or(0));
    let mut below = vec![0; minutes];
    let (mut paths, mut legend) = (String::new(), Vec::new());
    for Series { name, counts } in series {
        let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        if total == 0 {
            continue;
        }
        let _ = write!(paths, "<path class=\"{name}\" d=\"");
        for (minute, (count, below)) in counts.iter().zip(&mut below).enumerate() {
            let bottom = height(*below, scale);
            *below += u64::from(*count);
            // At least a line: one request among thousands is there.
            let top = height(*below, scale).max(bottom + 2 * u64::from(*count > 0));
            bar(&mut paths, minute, bottom, top);
        }
        paths += "\"/>";
        legend.push((*name, grouped(total)));
    }
    let unit = format!("{} a minute", grouped(scale));
    figure(title, &unit, &paths, &legend)
}

/// A plot of the times of complete boots: for each minute a bar from the shortest to the longest,
/// and a point at the mean. Minutes with an incomplete boot have a mark at the bottom.
fn boots(minutes: &[Minute]) -> String {
    let [complete, incomplete] = BootResult::ALL.map(|result| {
        let counts = minutes
            .iter()
            .map(|minute| u64::from(minute.boots[result as usize]));
        counts.sum::<u64>()
    });
    let longest = minutes.iter().map(|minute| u64::from(minute.longest)).max();
    let longest = longest.unwrap_or(0);
    let scale = scale(longest.max(1000));
    let [mut ranges, mut means, mut marks] = [const { String::new() }; 3];
    for (index, minute) in minutes.iter().enumerate() {
        let [whole, failed] = minute.boots.map(u64::from);
        if let Some(mean) = minute.total.checked_div(whole) {
            let at = |millis| height(millis, scale);
            let (bottom, top) = (at(minute.shortest.into()), at(minute.longest.into()));
            let mean = at(mean);
            bar(&mut ranges, index, bottom, top);
            bar(&mut means, index, mean.saturating_sub(3), mean + 3);
        }
        bar(&mut marks, index, 0, 6 * failed.min(1));
    }
    let mut legend = Vec::new();
    let total: u64 = minutes.iter().map(|minute| minute.total).sum();
    if let Some(mean) = total.checked_div(complete) {
        legend.push(("complete", grouped(complete)));
        legend.push(("mean", seconds(mean)));
        legend.push(("longest", seconds(longest)));
    }
    if incomplete > 0 {
        legend.push(("incomplete", grouped(incomplete)));
    }
    let paths = format!(
        "<path class=\"complete\" d=\"{ranges}\"/><path class=\"mean\" d=\"{means}\"/>\
         <path class=\"incomplete\" d=\"{marks}\"/>"
    );
    figure("Boot times", &seconds(scale), &paths, &legend)
}

/// Adds a bar to a path, from one height to another.
fn bar(path: &mut String, minute: usize, bottom: u64, top: u64) {
    if top > bottom {
        let (x, y) = (minute * MINUTE + (MINUTE - BAR) / 2, BASE - top);
        let _ = write!(path, "M{x} {y}h{BAR}v{}h-{BAR}z", top - bottom);
    }
}

/// The plot with its frame. `most` is the value at its top.
fn figure(title: &str, most: &str, paths: &str, legend: &[(&str, String)]) -> String {
    let mut items = String::new();
    let mut label = format!("{title} in the last hour");
    for (index, (name, value)) in legend.iter().enumerate() {
        let _ = write!(items, "<li class=\"{name}\">{name} <b>{value}</b>");
        let separator = if index == 0 { ":" } else { "," };
        let _ = write!(label, "{separator} {name} {value}");
    }
    if legend.is_empty() {
        items += "<li>none";
        label += ": none";
    }
    let (top, middle) = (BASE - HEIGHT, BASE - HEIGHT / 2);
    format!(
        "<figure>\n<figcaption>{title}</figcaption>\n\
         <svg viewBox=\"0 0 {WIDTH} 230\" role=\"img\" aria-label=\"{label}\">\
         <path class=\"grid\" d=\"M0 {top}H{WIDTH}M0 {middle}H{WIDTH}M0 {BASE}H{WIDTH}\"/>\
         <text y=\"24\">{most}</text><text y=\"224\">60 minutes ago</text>\
         <text x=\"300\" y=\"224\" text-anchor=\"middle\">30</text>\
         <text x=\"{WIDTH}\" y=\"224\" text-anchor=\"end\">now</text>{paths}</svg>\n\
         <ul>{items}</ul>\n</figure>\n"
    )
}

fn height(value: u64, scale: u64) -> u64 {
    value * HEIGHT / scale
}

/// The value at the top of a plot: `most`, rounded up to a fifth of its power of ten.
fn scale(most: u64) -> u64 {
    let power = 10_u64.pow(most.max(1).ilog10());
    most.max(1).next_multiple_of((power / 5).max(1))
}

/// A time in seconds, with a decimal below ten; below a tenth in milliseconds.
fn seconds(millis: u64) -> String {
    match millis {
        0..=99 => format!("{millis} ms"),
        100..=9_999 => format!("{}.{} s", millis / 1000, millis / 100 % 10),
        _ => format!("{} s", grouped(millis / 1000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::observer::MINUTES;

    fn hour(set: impl FnOnce(&mut [Minute])) -> Vec<Minute> {
        let mut minutes = vec![Minute::default(); MINUTES];
        set(&mut minutes);
        minutes
    }

    /// The bars of a class: the number of the minute, and from which height to which.
    fn bars_of(svg: &str, class: &str) -> Vec<(usize, u64, u64)> {
        let marker = format!("<path class=\"{class}\" d=\"");
        let Some((_, path)) = svg.split_once(&marker) else {
            return Vec::new();
        };
        let path = path.split('"').next().unwrap();
        let bars = path.split('M').skip(1).map(|bar| {
            let numbers: Vec<u64> = bar
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            let (x, top) = (numbers[0] as usize, BASE - numbers[1]);
            (x / MINUTE, top - numbers[3], top)
        });
        bars.collect()
    }

    #[test]
    fn bars_are_stacked_to_scale() {
        let minutes = hour(|minutes| {
            minutes[0].tftp[Outcome::Complete as usize] = 8;
            minutes[59].tftp[Outcome::Complete as usize] = 4;
            minutes[59].tftp[Outcome::Probe as usize] = 1;
            minutes[59].http[Outcome::Complete as usize] = 5;
        });
        let svg = requests(&minutes);
        assert!(svg.contains("10 a minute"), "{svg}");
        assert_eq!(bars_of(&svg, "TFTP"), [(0, 0, 128), (59, 0, 80)]);
        assert_eq!(bars_of(&svg, "HTTP"), [(59, 80, 160)]);
        let svg = outcomes(&minutes);
        assert_eq!(bars_of(&svg, "complete"), [(0, 0, 128), (59, 0, 144)]);
        assert_eq!(bars_of(&svg, "probe"), [(59, 144, 160)]);
        assert!(!svg.contains("aborted"), "{svg}");
        let label = "aria-label=\"Transfers by outcome in the last hour: complete 17, probe 1\"";
        assert!(svg.contains(label), "{svg}");
    }

    #[test]
    fn a_single_request_is_seen_beside_thousands() {
        let minutes = hour(|minutes| {
            minutes[3].tftp[Outcome::Complete as usize] = 20_000;
            minutes[4].tftp[Outcome::Dropped as usize] = 1;
        });
        let svg = outcomes(&minutes);
        assert_eq!(bars_of(&svg, "complete"), [(3, 0, 160)]);
        assert_eq!(bars_of(&svg, "dropped"), [(4, 0, 2)]);
        assert!(svg.contains("20,000 a minute"), "{svg}");
    }

    #[test]
    fn boot_times_have_a_range_a_mean_and_a_mark() {
        let minutes = hour(|minutes| {
            minutes[10] = Minute {
                boots: [2, 0],
                shortest: 5_000,
                longest: 20_000,
                total: 25_000,
                ..Minute::default()
            };
            minutes[20].boots = [0, 3];
        });
        let svg = boots(&minutes);
        assert_eq!(bars_of(&svg, "complete"), [(10, 40, 160)]);
        assert_eq!(bars_of(&svg, "mean"), [(10, 97, 103)]);
        assert_eq!(bars_of(&svg, "incomplete"), [(20, 0, 6)]);
        let label = "complete 2, mean 12 s, longest 20 s, incomplete 3\"";
        assert!(svg.contains(label), "{svg}");
        assert!(svg.contains(">20 s</text>"), "{svg}");
    }

    #[test]
    fn an_hour_without_requests_says_so() {
        let section = section(&hour(|_| ()));
        assert_eq!(section.matches("<li>none").count(), 3);
        assert_eq!(section.matches("last hour: none\"").count(), 3);
    }

    #[test]
    fn scales_are_round() {
        let scales = [0, 1, 2, 9, 10, 11, 51, 121, 999, 1999].map(scale);
        assert_eq!(scales, [1, 1, 2, 9, 10, 12, 52, 140, 1000, 2000]);
        assert_eq!(seconds(40), "40 ms");
        assert_eq!(seconds(4_321), "4.3 s");
        assert_eq!(seconds(12_999), "12 s");
    }
}

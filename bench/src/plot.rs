//! Plots as SVG: bars and lines.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

const INK: RGBColor = RGBColor(40, 40, 40);
const OURS: RGBColor = RGBColor(200, 80, 30);
const THEIRS: [RGBColor; 8] = [
    RGBColor(60, 110, 170),
    RGBColor(120, 165, 210),
    RGBColor(80, 140, 90),
    RGBColor(150, 195, 140),
    RGBColor(130, 100, 160),
    RGBColor(110, 110, 110),
    RGBColor(170, 170, 170),
    RGBColor(200, 200, 200),
];

/// Values with their names.
pub type Series = Vec<(String, f64)>;

/// Draws horizontal bars, one group per title. The first bar of each group is Bootstone's. `unit`
/// is the heading.
pub fn bars(path: &Path, unit: &str, groups: &[(String, Series)]) -> Result<()> {
    let lines: i32 = groups
        .iter()
        .map(|(_, series)| series.len() as i32 + 2)
        .sum();
    let height = 18 * lines + 34;
    let root = SVGBackend::new(path, (760, height as u32)).into_drawing_area();
    root.fill(&WHITE).map_err(|error| anyhow!("{error}"))?;
    let text = |what: &str, x: i32, y: i32, size: i32| {
        let style = ("sans-serif", size).into_font().color(&INK);
        root.draw(&Text::new(what.to_owned(), (x, y), style))
            .map_err(|error| anyhow!("{error}"))
    };
    text(unit, 12, 8, 14)?;
    let mut y = 34;
    for (title, series) in groups {
        text(title, 12, y, 14)?;
        y += 18;
        let most = series.iter().map(|(_, value)| *value).fold(1e-12, f64::max);
        for (index, (name, value)) in series.iter().enumerate() {
            let colour = if index == 0 {
                OURS
            } else {
                THEIRS[(index - 1) % THEIRS.len()]
            };
            let end = 190 + (value / most * 480.0) as i32;
            text(name, 24, y + 2, 12)?;
            root.draw(&Rectangle::new([(190, y), (end, y + 14)], colour.filled()))
                .map_err(|error| anyhow!("{error}"))?;
            text(&crate::document::digits(*value), end + 6, y + 2, 12)?;
            y += 18;
        }
        y += 18;
    }
    root.present().map_err(|error| anyhow!("{error}"))
}

/// Draws a line of points for each name. The first one is Bootstone's. Both axes are linear and
/// start at 0.
pub fn lines(path: &Path, axes: (&str, &str), series: &[(String, Vec<(f64, f64)>)]) -> Result<()> {
    draw_lines(path, axes, series).map_err(|error| anyhow!("{error}"))
}

fn draw_lines(
    path: &Path,
    (across, up): (&str, &str),
    series: &[(String, Vec<(f64, f64)>)],
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let points = || series.iter().flat_map(|(_, points)| points);
    let right = points().map(|(x, _)| *x).fold(1e-9, f64::max);
    let top = points().map(|(_, y)| *y).fold(1e-9, f64::max) * 1.05;
    let root = SVGBackend::new(path, (760, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..right, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(across)
        .y_desc(up)
        .draw()?;
    for (index, (name, points)) in series.iter().enumerate() {
        let colour = if index == 0 {
            OURS
        } else {
            THEIRS[(index - 1) % THEIRS.len()]
        };
        chart
            .draw_series(
                LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3),
            )?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(INK.mix(0.3))
        .draw()?;
    root.present()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_are_svg() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plot.svg");
        let series = vec![("ours".to_owned(), 1.0), ("theirs".to_owned(), 2.0)];
        bars(&path, "seconds", &[("row".to_owned(), series)]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("<svg") && text.contains("theirs"));
        lines(
            &path,
            ("x", "y"),
            &[("ours".to_owned(), vec![(0.0, 1.0), (5.0, 2.0)])],
        )
        .unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("ours"));
    }
}

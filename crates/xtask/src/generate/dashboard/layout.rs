//! The JSON of the dashboard: variables, annotations, and the place and look of each panel.

use serde_json::{Value, json};

use super::metric::{self, Metric};
use super::panels::{Look, Panel, ROWS, Row, SWITCHES};

/// The width of the grid of Grafana.
const COLUMNS: usize = 24;
const PANEL_WIDTH: usize = 12;
const PANEL_HEIGHT: usize = 8;

/// The selectors that the variables of the dashboard fill.
const SELECTORS: [(&str, &str); 2] =
    [("AT", "job=~\"$job\",instance=~\"$instance\""), ("OF", "service=~\"$service\"")];

/// The whole dashboard.
pub(super) fn dashboard(metrics: &[Metric]) -> Value {
    json!({
        "title": "Teal",
        "uid": "teal",
        "description": "Traffic between blue and green, switches, drains, health, and Teal itself.",
        "tags": ["teal"],
        "schemaVersion": 39,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": { "from": "now-1h", "to": "now" },
        "timezone": "browser",
        "templating": { "list": variables() },
        "annotations": { "list": [annotation()] },
        "panels": panels(metrics),
    })
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn variables() -> Vec<Value> {
    let of = |name: &str, label: &str, query: &str| {
        json!({
            "name": name,
            "label": label,
            "type": "query",
            "datasource": source(),
            "query": { "query": query, "refId": name },
            "definition": query,
            "refresh": 2,
            "sort": 1,
            "multi": true,
            "includeAll": true,
            "allValue": ".*",
            "current": { "text": "All", "value": "$__all" },
        })
    };
    vec![
        json!({ "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus" }),
        of("job", "Job", "label_values(teal_info, job)"),
        of("instance", "Instance", "label_values(teal_info{job=~\"$job\"}, instance)"),
        of(
            "service",
            "Service",
            "label_values(teal_active{job=~\"$job\",instance=~\"$instance\"}, service)",
        ),
    ]
}

fn annotation() -> Value {
    json!({
        "name": "Switches",
        "datasource": source(),
        "enable": true,
        "iconColor": "blue",
        "expr": filled(SWITCHES),
        "step": "1m",
        "titleFormat": "{{service}}: traffic moved, or was reloaded",
        "tagKeys": "service",
    })
}

/// The query with its selectors.
fn filled(expression: &str) -> String {
    SELECTORS.iter().fold(expression.to_owned(), |text, (mark, selector)| {
        let text = text.replace(&format!("{{{mark}"), &format!("{{{selector}"));
        text.replace(&format!(",{mark}"), &format!(",{selector}"))
    })
}

fn panels(metrics: &[Metric]) -> Vec<Value> {
    let (mut panels, mut y) = (Vec::new(), 0);
    for row in ROWS {
        let id = panels.len() + 1;
        panels.push(heading(row, id, y));
        y += 1;
        for (index, panel) in row.panels.iter().enumerate() {
            let x = index * PANEL_WIDTH % COLUMNS;
            if x == 0 && index > 0 {
                y += PANEL_HEIGHT;
            }
            let id = panels.len() + 1;
            panels.push(graph(panel, id, (x, y), metrics));
        }
        y += PANEL_HEIGHT;
    }
    panels
}

fn heading(row: &Row, id: usize, y: usize) -> Value {
    json!({
        "id": id,
        "type": "row",
        "title": row.title,
        "collapsed": false,
        "gridPos": { "x": 0, "y": y, "w": COLUMNS, "h": 1 },
        "panels": [],
    })
}

fn graph(panel: &Panel, id: usize, (x, y): (usize, usize), metrics: &[Metric]) -> Value {
    let queries = panel.queries.iter().zip('A'..);
    let targets: Vec<Value> = queries
        .map(|(query, letter)| {
            json!({
                "refId": letter.to_string(),
                "datasource": source(),
                "expr": filled(query.expression),
                "legendFormat": query.legend,
            })
        })
        .collect();
    let names = panel.queries.iter().flat_map(|query| metric::named(query.expression));
    let mut helps: Vec<&str> = Vec::new();
    for metric in names.filter_map(|name| metric::find(name, metrics)) {
        if !helps.contains(&metric.help.as_str()) {
            helps.push(&metric.help);
        }
    }
    json!({
        "id": id,
        "type": kind(panel.look),
        "title": panel.title,
        "description": helps.join(".\n") + ".",
        "datasource": source(),
        "gridPos": { "x": x, "y": y, "w": PANEL_WIDTH, "h": PANEL_HEIGHT },
        "fieldConfig": { "defaults": drawn(panel), "overrides": [] },
        "options": options(panel.look),
        "targets": targets,
    })
}

fn kind(look: Look) -> &'static str {
    match look {
        Look::Lines | Look::Stacked => "timeseries",
        Look::State | Look::Flag => "state-timeline",
        Look::Zero => "stat",
    }
}

fn drawn(panel: &Panel) -> Value {
    let stacked = if panel.look == Look::Stacked { "normal" } else { "none" };
    let words = |zero: &str, one: &str, colors: [&str; 2]| {
        let [zero_color, one_color] = colors;
        json!([{ "type": "value", "options": {
            "0": { "text": zero, "color": zero_color, "index": 0 },
            "1": { "text": one, "color": one_color, "index": 1 },
        } }])
    };
    let mut defaults = json!({ "unit": panel.unit });
    match panel.look {
        Look::Lines | Look::Stacked => {
            defaults["min"] = json!(0);
            defaults["custom"] = json!({
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": if panel.look == Look::Stacked { 25 } else { 0 },
                "showPoints": "never",
                "stacking": { "mode": stacked, "group": "A" },
            });
        }
        Look::State => defaults["mappings"] = words("no", "yes", ["red", "green"]),
        Look::Flag => defaults["mappings"] = words("no", "yes", ["#44475a", "blue"]),
        Look::Zero => {
            defaults["thresholds"] = json!({ "mode": "absolute", "steps": [
                { "color": "red", "value": null },
                { "color": "green", "value": 0 },
                { "color": "red", "value": 1 },
            ] });
        }
    }
    defaults
}

fn options(look: Look) -> Value {
    match look {
        Look::Lines | Look::Stacked => json!({
            "legend": { "displayMode": "list", "placement": "bottom" },
            "tooltip": { "mode": "multi", "sort": "desc" },
        }),
        Look::State | Look::Flag => json!({ "mergeValues": true, "showValue": "never" }),
        Look::Zero => {
            json!({ "reduceOptions": { "calcs": ["lastNotNull"] }, "colorMode": "background" })
        }
    }
}

// The pair of charts: requests with errors, and response times. Both colors on the same axes, a line at each switch.

import { useState } from "preact/hooks";

import type { Service } from "../api/types";
import { history } from "../state/past";
import { hasSeries, series, span, SPANS, type Span } from "../state/series";
import { Chart } from "./chart/chart";
import { requestLines, timeLines } from "./chart/lines";
import { ChartTable } from "./chart/table";
import { Part } from "./words";

export function Charts({ service }: { service: Service }) {
  const [table, setTable] = useState(false);
  const kept = series.value;
  const mine = kept !== null && kept.of.service === service.name ? kept : null;
  const switches = (history.value ?? []).flatMap((one) =>
    one.kind === "switch" && one.service === service.name
      ? [{ at: Date.parse(one.published ?? one.decided) / 1000, to: one.to }]
      : [],
  );
  return (
    <Part
      id="charts"
      title="Traffic"
      aside={
        <div class="part-tools">
          <button type="button" class="link" aria-pressed={table} onClick={() => setTable(!table)}>
            {table ? "Show charts" : "Show as a table"}
          </button>
          <Spans />
        </div>
      }
    >
      {mine === null ? (
        <p class="quiet">
          {hasSeries.value ? "Reading the series…" : "This Teal keeps no series, so there is no chart."}
        </p>
      ) : table ? (
        <ChartTable kept={mine} />
      ) : (
        <div class="charts">
          <Chart title="Requests per second" lines={requestLines(mine)} switches={switches} unit="" />
          <Chart title="Response time" lines={timeLines(mine)} switches={switches} unit="ms" />
        </div>
      )}
    </Part>
  );
}

function Spans() {
  return (
    <div class="spans" role="group" aria-label="Time shown">
      {(Object.keys(SPANS) as Span[]).map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={span.value === one}
          onClick={() => {
            span.value = one;
          }}
        >
          {one}
        </button>
      ))}
    </div>
  );
}

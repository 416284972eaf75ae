// The twin of the charts for those who read rather than look: the newest steps, one in a row.

import type { Kept } from "../../state/join";
import { now } from "../../state/clock";
import { count } from "../../words/number";
import { clock, milliseconds } from "../../words/time";

const ROWS = 30;

export function ChartTable({ kept }: { kept: Kept }) {
  const { blue, green, teal } = kept.of;
  const length = teal.length;
  const rows = Array.from({ length: Math.min(ROWS, length) }, (_, back) => length - 1 - back);
  const failed = (at: number, of: typeof blue) => (of.server_errors[at] ?? 0) + (of.failed[at] ?? 0);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Traffic as a table">
      <table class="series">
        <caption class="unseen">The newest steps of {kept.step} s, the newest first</caption>
        <thead>
          <tr>
            <th scope="col" rowSpan={2}>
              Until
            </th>
            <th scope="colgroup" colSpan={4}>
              Blue
            </th>
            <th scope="colgroup" colSpan={4}>
              Green
            </th>
          </tr>
          <tr>
            {[0, 1].map((each) =>
              ["Requests", "Errors", "Median", "p99"].map((name) => (
                <th scope="col" key={`${name}${each}`}>
                  {name}
                </th>
              )),
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((at) => (
            <tr key={at}>
              <th scope="row">{clock((kept.end - (length - 1 - at) * kept.step) * 1000, now())}</th>
              {[blue, green].flatMap((one, index) => [
                <td key={`r${index}`}>{count(one.requests[at])}</td>,
                <td key={`e${index}`}>{count(failed(at, one))}</td>,
                <td key={`m${index}`}>{milliseconds(one.p50_ms[at])}</td>,
                <td key={`p${index}`}>{milliseconds(one.p99_ms[at])}</td>,
              ])}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

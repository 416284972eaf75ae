// The help: the keys, and what the marks mean.

import { KEYS } from "../keys";
import { Mark, type Shape } from "../mark";
import { Buttons, Frame } from "./frame";

const MARKS: [Shape, string, string][] = [
  ["active", "", "active, up"],
  ["draining", "", "draining"],
  ["idle", "", "idle"],
  ["warn", "warn", "needs attention"],
  ["down", "bad", "down, refused"],
];

export function KeysDialog() {
  return (
    <Frame title="Keys">
      <dl class="keys">
        {KEYS.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet">No key changes anything by itself.</p>
      <ul class="legend" aria-label="Marks">
        {MARKS.map(([shape, tone, text]) => (
          <li key={text}>
            <Mark shape={shape} tone={tone} /> {text}
          </li>
        ))}
      </ul>
      <Buttons closing="Close" />
    </Frame>
  );
}

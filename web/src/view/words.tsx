// Small pieces of text: a long reason that folds, a time with its age, a label with its value.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { now, since, tick } from "../state/clock";
import { clock, duration } from "../words/time";

const SHORT = 220;

/** A text from outside. What is long is folded, with a button to unfold it. */
export function Reason({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  if (text.length <= SHORT) return <span class="reason">{text}</span>;
  return (
    <span class="reason">
      {whole ? text : `${text.slice(0, SHORT)}…`}{" "}
      <button type="button" class="link" aria-expanded={whole} onClick={() => setWhole(!whole)}>
        {whole ? "Less" : "All of it"}
      </button>
    </span>
  );
}

/** An instant of Teal's clock, as a time of day. */
export function Clock({ at }: { at: string | null | undefined }) {
  if (!at) return <span>–</span>;
  return (
    <time dateTime={at} title={at}>
      {clock(at, now())}
    </time>
  );
}

/** The time since an instant of Teal's clock: `4 min ago`. */
export function Ago({ at }: { at: string | null | undefined }) {
  void tick.value;
  const seconds = since(at);
  if (!at || seconds === null) return <span>–</span>;
  return (
    <time dateTime={at} title={at}>
      {duration(seconds)} ago
    </time>
  );
}

/** A label and its value, within a `dl`. */
export function Fact({
  label,
  children,
  tone = "",
}: {
  label: string;
  children: ComponentChildren;
  tone?: string;
}) {
  return (
    <div class={`fact ${tone}`}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A part of the page with a heading. */
export function Part(props: {
  id: string;
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  const { id, title, aside, children } = props;
  return (
    <section class="part" id={id} aria-labelledby={`${id}-title`} tabIndex={-1}>
      <header class="part-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

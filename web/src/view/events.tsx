// The events, newest first. A gap is shown as a gap.

import type { Event as TealEvent } from "../api/types";
import { type Item, items, streaming } from "../state/events";
import { services } from "../state/live";
import { chosen } from "../state/route";
import { sentence, type Weight } from "../words/event";
import { some } from "../words/number";
import { Mark, type Shape } from "./mark";
import { Clock, Part, Reason } from "./words";

const SHOWN = 40;
const SHAPES: Record<Weight, Shape> = { good: "active", plain: "none", warn: "warn", bad: "down" };

export function Events() {
  const many = services.value.length > 1;
  const shown = items.value
    .filter((one) => one.gap !== null || concerns(one.event, chosen.value))
    .slice(0, SHOWN);
  return (
    <Part id="events" title="Events">
      {shown.length === 0 && (
        <p class="quiet">
          {streaming.value ? "Quiet since this page was opened." : "Waiting for the stream of events."}
        </p>
      )}
      <ol class="events">
        {shown.map((one) => (
          <Row key={one.key} item={one} many={many} />
        ))}
      </ol>
    </Part>
  );
}

function Row({ item, many }: { item: Item; many: boolean }) {
  if (item.gap !== null) {
    const text =
      item.gap === "restarted"
        ? "Teal was restarted or replaced; its last events before that may be missing"
        : `${item.count === null ? "Some events" : some(item.count, "event")} missed while the page was not connected`;
    return (
      <li class="warn">
        <Mark shape="warn" />
        <Clock at={item.at} />
        <span class="event-text">{text}</span>
      </li>
    );
  }
  const { weight, text, reason } = sentence(item.event);
  const about = item.event.service ?? (item.event.group && `group ${item.event.group}`);
  return (
    <li class={weight}>
      <Mark shape={SHAPES[weight]} />
      <Clock at={item.event.at} />
      <span class="event-text">
        {many && about && <b class="event-about">{about}</b>} {text}
        {reason && (
          <>
            : <Reason text={reason} />
          </>
        )}
      </span>
    </li>
  );
}

function concerns(event: TealEvent, name: string | null): boolean {
  return name === null || event.service === undefined || event.service === null || event.service === name;
}

// A closer deadline for a drain under way: what is left then is cut.

import { useState } from "preact/hooks";

import { shortenDrain, wouldShortenDrain } from "../../api/calls";
import type { Color, SwitchAnswer } from "../../api/types";
import { token } from "../../state/session";
import { capital, other } from "../../words/name";
import { duration } from "../../words/time";
import { Change } from "./change";
import { mover } from "./overtaken";
import { Times } from "./times";

const WITHIN = ["1s", "5s", "10s", "30s", "60s"];

export function ShortenDialog({ service, color }: { service: string; color: Color }) {
  const [within, setWithin] = useState("10s");
  const said = (answer: SwitchAnswer, dry: SwitchAnswer) => {
    // Then Teal has left the drain alone: it is another one than was looked at.
    if (answer.generation !== dry.generation) return `${mover(service)}: this drain was not shortened`;
    return answer.drain?.state === "draining"
      ? `${capital(color)} has at most ${duration(Number.parseInt(within, 10))} left`
      : `${capital(color)} does not drain any more`;
  };
  return (
    <Change
      title={`Shorten the drain of ${color}`}
      verb="shorten"
      service={service}
      button="Shorten"
      options={within}
      fields={<Times label="New deadline" of={WITHIN} value={within} onChange={setWithin} lead="in " />}
      rehearse={() => wouldShortenDrain(token.peek(), service, other(color), within)}
      sentences={(dry) =>
        dry.sentences && dry.sentences.length > 0
          ? dry.sentences
          : [`${capital(color)} does not drain any more`]
      }
      act={(dry) => shortenDrain(token.peek(), service, other(color), within, dry.generation)}
      said={said}
    />
  );
}

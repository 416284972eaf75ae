// What a switch would do, in sentences. Teal writes them; a Teal that does not leaves only what the status says.

import type { Service, SwitchAnswer } from "../api/types";
import { capital, running } from "./name";

/** Returns the sentences of a dry run. */
export function forecastWords(answer: SwitchAnswer, service: Service | undefined): string[] {
  if (answer.sentences && answer.sentences.length > 0) return answer.sentences;
  if (answer.result === "already" || service === undefined) return [];
  const { from, to } = answer;
  const old = service.colors[from];
  const streams = old.streams ?? 0;
  return [
    `New requests go to ${running(to, service.colors[to].version)}`,
    `${capital(from)} keeps what it has begun until it ends or the drain's deadline: ` +
      `${old.in_flight - streams} requests and ${streams} streams now`,
    `A rollback to ${running(from, old.version)} stays possible`,
  ];
}

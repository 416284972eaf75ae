// Retire: after it Teal sends the color nothing at all. The color must be typed.

import { retire, wouldRetire } from "../../api/calls";
import type { Color } from "../../api/types";
import { token } from "../../state/session";
import { capital } from "../../words/name";
import { Change } from "./change";

export function RetireDialog({ service, color }: { service: string; color: Color }) {
  return (
    <Change
      title={`Retire ${color} of ${service}`}
      verb="retire"
      service={service}
      button={`Retire ${color}`}
      typed={color}
      rehearse={() => wouldRetire(token.peek(), service, color)}
      sentences={(dry) => dry.sentences}
      act={(dry) => retire(token.peek(), service, color, dry.generation)}
      said={() => `${capital(color)} of ${service} is retired: it may be stopped for good`}
    />
  );
}

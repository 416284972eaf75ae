// A choice among a few times.

import { duration } from "../../words/time";

export function Times(props: {
  label: string;
  of: string[];
  value: string;
  onChange: (text: string) => void;
  /** The word before each. */
  lead?: string;
}) {
  const { label, of, value, onChange, lead = "" } = props;
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {of.map((each) => (
          <option key={each} value={each}>
            {lead}
            {duration(Number.parseInt(each, 10))}
          </option>
        ))}
      </select>
    </label>
  );
}

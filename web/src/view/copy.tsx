// A button that copies a text, and says that it did.

import { useState } from "preact/hooks";

export function Copy({ text, name }: { text: () => Promise<string | null>; name: string }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    const found = await text();
    if (found === null) {
      setSaid("There is nothing to copy");
      return;
    }
    try {
      await navigator.clipboard.writeText(found);
      setSaid("Copied");
    } catch {
      setSaid("The browser does not allow it here");
    }
  };
  return (
    <span class="copy">
      <button type="button" class="button small" onClick={() => void copy()}>
        {name}
      </button>{" "}
      <span role="status">{said}</span>
    </span>
  );
}

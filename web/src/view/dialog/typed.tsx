// A field in which a word must be typed before a dangerous action.

export function Typed({
  word,
  value,
  onInput,
}: {
  word: string;
  value: string;
  onInput: (text: string) => void;
}) {
  return (
    <label class="field">
      <span>
        Type <b>{word}</b> to confirm
      </span>
      <input
        type="text"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value.trim().toLowerCase())}
      />
    </label>
  );
}

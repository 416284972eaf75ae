// Sign in: a token for this tab. It is forgotten when the tab is closed.

import { useRef, useState } from "preact/hooks";

import type { Problem } from "../../api/problem";
import { close, done } from "../../state/ask";
import { refreshList } from "../../state/live";
import { signIn, who } from "../../state/session";
import { Buttons, Frame, Refusal } from "./frame";

export function SignInDialog() {
  const field = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const act = async () => {
    const candidate = field.current?.value.trim() ?? "";
    if (busy || candidate === "") return;
    if (!/^[\x21-\x7e]+$/.test(candidate)) {
      setProblem({
        code: "malformed",
        title: "That is not a token",
        detail: "A token has no spaces.",
        status: 0,
      });
      return;
    }
    setBusy(true);
    const refusal = await signIn(candidate);
    setBusy(false);
    setProblem(refusal === null ? null : inWords(refusal));
    if (refusal !== null) {
      field.current?.select();
      return;
    }
    done.value = `Signed in${who.peek()?.name ? ` as ${who.peek()?.name}` : ""}`;
    refreshList();
    close();
  };
  return (
    <Frame title="Sign in" onSubmit={() => void act()}>
      <p>
        With a token of this Teal. The one made at the first start is in <code>admin.token</code> in the state
        directory; <code>teal token new</code> makes more.
      </p>
      <label class="field">
        <span>Token</span>
        <input ref={field} type="password" name="token" autocomplete="off" spellcheck={false} />
      </label>
      <p class="quiet">It stays in this tab until you sign out or close the tab.</p>
      {problem && <Refusal problem={problem} />}
      <Buttons>
        <button type="submit" class="button strong" aria-disabled={busy}>
          Sign in
        </button>
      </Buttons>
    </Frame>
  );
}

/** A wrong token in the words of this dialog; Teal's are for those who make calls themselves. */
function inWords(problem: Problem): Problem {
  if (problem.status !== 401) return problem;
  const detail = "Copy it once more as a whole, or make a new one with `teal token new`.";
  return { ...problem, title: "Teal does not know this token", detail };
}
